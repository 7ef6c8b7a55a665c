"""Rows of the statement behind a page as values, told apart by place: names would take a tenth of a page's time."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.engine import Row

from cs_ml.domain.policy import RiskBand
from cs_ml.domain.portfolio import QueueRow, RiskView

# Instants without a zone and scores, oldest first.
Scores = tuple[list[datetime], list[int]]

_BANDS = {band.value: band for band in RiskBand}


def queue_rows(found: Sequence[Row[Any]], scores: Mapping[int, Scores], now: datetime) -> list[QueueRow]:
    """`scores` by account, where the rows do not hold them themselves."""
    today, until = now.date(), now.replace(tzinfo=None)
    return [_queue_row(row, scores, today, until) for row in found]


def _queue_row(row: Row[Any], scores: Mapping[int, Scores], today: date, until: datetime) -> QueueRow:
    account_id, size, urgency, _, scored_at, scored, name, owner_name, reference, *held = tuple(row)
    arr, currency, segment, renewal, touched_at, open_ctas, overdue_ctas, prediction_id, *said = held
    if scored_at is None:
        scored_at, scored = scores.get(account_id, ((), ()))
    renewal_date = renewal.date() if renewal else None
    return QueueRow(
        account_id=account_id,
        reference=reference,
        name=name,
        owner_name=owner_name,
        segment=segment,
        arr=arr,
        currency=currency,
        size=size,
        renewal_date=renewal_date,
        days_to_renewal=(renewal_date - today).days if renewal_date else None,
        urgency=urgency,
        health=_weekly(scored_at, scored, until),
        touched_at=touched_at,
        open_ctas=open_ctas,
        overdue_ctas=overdue_ctas,
        risk=None if prediction_id is None else _risk(said),
    )


def _weekly(scored_at: Sequence[datetime], scores: Sequence[int], until: datetime) -> Sequence[int]:
    """The last score of each of the weeks before `until` that has one, oldest first."""
    return tuple({(until - at).days // 7: score for at, score in zip(scored_at, scores, strict=True)}.values())


def _risk(said: Sequence[Any]) -> RiskView:
    probability, base_rate, band, as_of, drivers, completeness, engine, new_facts = said
    return RiskView(
        probability=probability,
        base_rate=base_rate,
        band=_BANDS[band],
        drivers=tuple(drivers),
        as_of=as_of,
        completeness=completeness,
        engine=engine,
        new_facts=new_facts,
    )
