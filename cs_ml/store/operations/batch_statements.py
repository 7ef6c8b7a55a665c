"""The statements about batches and their accounts, each built and compiled once."""

from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, case, func, literal, or_, select, update

from cs_ml.store.scope import AnySelect
from cs_ml.store.tables import BatchItem as Item
from cs_ml.store.tables import BatchRun as Run

_UNDER_WAY = ("running", "cancelling")


@cache
def begun() -> AnySelect:
    return select(Run.request, Run.started_at).where(Run.id == bindparam("run"), Run.finished_at.is_(None))


@cache
def waiting() -> AnySelect:
    return select(Item.id).where(Item.run_id == bindparam("run"), Item.state == "waiting").limit(1)


@cache
def left() -> AnySelect:
    return (
        select(Item.account_id)
        .where(Item.run_id == bindparam("run"), Item.state.in_(("waiting", "running")))
        .order_by(Item.rank)
    )


@cache
def claim() -> Any:
    free = or_(Item.state == "waiting", and_(Item.state == "running", Item.lease_until <= bindparam("now")))
    running = select(Run.id).where(Run.id == bindparam("run"), Run.state == "running")
    return (
        update(Item)
        .where(
            Item.run_id.in_(running),
            Item.account_id.in_(bindparam("ids", expanding=True)),
            free,
        )
        .values(state="running", attempt=Item.attempt + 1, lease_until=bindparam("until"))
        .returning(Item.account_id, Item.attempt, Item.waits)
    )


@cache
def leased() -> AnySelect:
    return select(Item.lease_until).where(
        Item.run_id == bindparam("run"), Item.account_id == bindparam("account"), Item.state == "running"
    )


@cache
def held() -> Any:
    """A change of the account that a claim holds, as long as it holds it."""
    return update(Item).where(
        Item.run_id == bindparam("run"),
        Item.account_id == bindparam("account"),
        Item.attempt == bindparam("held"),
        Item.state == "running",
    )


@cache
def finish() -> Any:
    return held().values(
        state=bindparam("state"),
        outcome=bindparam("outcome"),
        prediction_id=bindparam("prediction_id"),
        cost=bindparam("cost"),
        cost_known=bindparam("cost_known"),
        error=bindparam("error"),
        finished_at=bindparam("now"),
        lease_until=None,
    )


@cache
def put_off() -> Any:
    cancelling = select(Run.id).where(Run.id == bindparam("run"), Run.state == "cancelling")
    state = case((cancelling.exists(), "cancelled"), else_="waiting")
    return held().values(state=state, waits=Item.waits + 1, lease_until=None)


@cache
def renew() -> Any:
    return (
        update(Item)
        .where(
            Item.run_id == bindparam("run"),
            Item.account_id.in_(bindparam("ids", expanding=True)),
            Item.state == "running",
            Item.lease_until == bindparam("held_until"),
        )
        .values(lease_until=bindparam("until"))
    )


@cache
def holding() -> AnySelect:
    return (
        select(Item.account_id, Item.attempt)
        .where(
            Item.run_id == bindparam("run"),
            Item.account_id.in_(bindparam("ids", expanding=True)),
            Item.state == "running",
        )
        .with_for_update()
    )


@cache
def running() -> AnySelect:
    return select(Run.id).where(Run.id == bindparam("run"), Run.state == "running")


@cache
def moved() -> AnySelect:
    finished = select(Item.id).where(Item.run_id == bindparam("run"), Item.finished_at > bindparam("since"))
    return select(Run.id).where(
        Run.id == bindparam("run"), or_(Run.spread_at > bindparam("since"), finished.limit(1).exists())
    )


@cache
def close() -> Any:
    left = select(Item.id).where(Item.run_id == bindparam("run"), Item.state.in_(("waiting", "running")))
    freed = case((Run.scheduled, Run.key), else_=Run.key + literal("/") + Run.id)
    ended = case((Run.state == "cancelling", "cancelled"), else_="done")
    return (
        update(Run)
        .where(Run.id == bindparam("run"), Run.state.in_(_UNDER_WAY), ~left.limit(1).exists())
        .values(state=ended, finished_at=bindparam("now"), key=freed)
    )


@cache
def counted() -> AnySelect:
    unknown = case((Item.cost_known.is_(False), 1), else_=0)
    return (
        select(
            Item.state,
            Item.outcome,
            Item.error,
            func.count(Item.id).label("accounts"),
            func.sum(Item.cost).label("cost"),
            func.sum(unknown).label("unknown"),
        )
        .where(Item.run_id == bindparam("run"))
        .group_by(Item.state, Item.outcome, Item.error)
    )
