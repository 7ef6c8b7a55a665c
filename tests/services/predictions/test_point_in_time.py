"""Nothing dated after an instant, and nothing that has no history, changes what is answered for that instant."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from cs_ml.domain.actor import Actor
from cs_ml.domain.context import AccountContext
from cs_ml.services.context import ContextService
from cs_ml.services.predicting.answers import prediction_answer
from cs_ml.store.database import Database
from cs_ml.store.tables import Account, CRMActivity, TenantReference
from tests.services.predictions.histories import DAYS, random_tenant
from tests.services.predictions.past import forget_after, rewrite_undated
from tests.services.predictions.predicting import predicting
from tests.support.factories import NOW, add_contact, add_tenant

Seen = dict[int, tuple[AccountContext, dict[str, Any]]]
EXAMPLES = 12
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # a smaller seed is no simpler history


def end_of(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59, 999_000), UTC)


def seen(database: Database, actor: Actor, accounts: list[int], at: datetime) -> Seen:
    """What a page and `--json` would show of each account at `at`."""
    contexts = ContextService(database, lambda: NOW).gather_contexts(actor, accounts, at)
    service = predicting(database, lambda: NOW)
    return {
        account: (context, prediction_answer(service.predict(actor, account, as_of=at)))
        for account, context in contexts.items()
    }


def known_by(database: Database, actor: Actor, at: datetime) -> list[int]:
    with database.read(actor) as scope:
        return list(scope.execute(select(Account.id).where(Account.created_at <= at).order_by(Account.id)).scalars())


@given(seed=st.integers(0, 2**32), days=st.integers(1, DAYS), window=st.sampled_from([0, 30, 90]))
@settings(max_examples=EXAMPLES, phases=NO_SHRINKING, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_past_does_not_change(database: Database, seed: int, days: int, window: int) -> None:
    """`window` days further back the edges of the windows lie where rows often do."""
    actor, ids = random_tenant(database, seed)
    add_contact(database, actor, ids[0])
    at = end_of(NOW.date() - timedelta(days=min(days + window, DAYS)))
    accounts = known_by(database, actor, at)
    before = seen(database, actor, accounts, at)
    stored = seen(database, actor, accounts, at)
    forget_after(database, actor, at)
    deleted = seen(database, actor, accounts, at)
    rewrite_undated(database, actor, at)
    rewritten = seen(database, actor, accounts, at)
    assert set(before) == set(accounts)
    assert before == stored == deleted == rewritten


def test_the_past_was_really_taken_away(database: Database) -> None:
    """So that the test above can fail: in the present, all of this shows."""
    actor, ids = random_tenant(database, 7)
    at = end_of(NOW.date() - timedelta(days=200))
    live = ContextService(database, lambda: NOW)
    before = live.gather_contexts(actor, ids)
    accounts = known_by(database, actor, at)
    seen(database, actor, accounts, at)
    forget_after(database, actor, at)
    rewrite_undated(database, actor, at)
    after = live.gather_contexts(actor, accounts)
    assert len(accounts) < len(ids)
    assert all(after[account].profile.health_score == 1 != before[account].profile.health_score for account in accounts)
    assert not any(after[account].activities for account in accounts)
    with database.read(actor) as scope:
        assert scope.execute(select(func.count(TenantReference.id))).scalar() == 0
        assert (scope.execute(select(func.max(CRMActivity.completed_at))).scalar() or at) <= at


def test_the_random_past_is_worth_looking_at(database: Database) -> None:
    """Contexts of the histories above have all parts, and references their quantiles and base rate."""
    actor, _ = random_tenant(database, 7)
    at = end_of(NOW.date() - timedelta(days=40))
    found = [context for context, _ in seen(database, actor, known_by(database, actor, at), at).values()]
    for part in ("health", "activities", "ctas", "opportunities"):
        assert any(getattr(context, part) for context in found)
    assert any(context.profile.health_score is not None for context in found)
    assert any(deal.status == "LOST" for context in found for deal in context.opportunities)
    answers = [answer for _, answer in seen(database, actor, known_by(database, actor, at), at).values()]
    codes = {factor["code"] for answer in answers for factor in answer["riskFactors"]}
    assert len(codes) >= 10
    assert {answer["baseRate"] for answer in answers} != {0.1}


def test_another_tenant_changes_nothing_either(database: Database) -> None:
    actor, ids = random_tenant(database, 3)
    at = end_of(NOW.date() - timedelta(days=90))
    before = seen(database, actor, list(ids), at)
    random_tenant(database, 4)
    forget_after(database, add_tenant(database), at)
    assert seen(database, actor, list(ids), at) == before
