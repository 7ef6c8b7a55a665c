"""Whether a suggestion becomes a CTA now, and what holds it back. Pure: values in, a decision out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cs_ml.domain.policy import AUTO_CTA_CONFIDENCE, RiskBand


class SkipReason(StrEnum):
    NO_SUGGESTION = "no_suggestion"
    LOW_RISK = "low_risk"
    CONFIDENCE = "confidence"
    SIMILAR_OPEN = "similar_open"
    COOLDOWN = "cooldown"
    LIMIT = "limit"


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldBack:
    """One rule that speaks against it: `until` when, and which CTA blocks, where the rule knows. `words` is a
    sentence."""

    reason: SkipReason
    words: str
    until: datetime | None = None
    cta_id: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CtaDecision:
    """`reason`, `until`, `blocking_cta_id` are those of the first rule of `held_back`. `may_override`: a person may go
    on all the same, with a note."""

    allowed: bool
    reason: SkipReason | None
    until: datetime | None
    blocking_cta_id: int | None
    may_override: bool
    held_back: tuple[HeldBack, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """All that the decision depends on. `automatic`: nobody looks at it before it is made.

    `levels`: bands for which CTAs are made automatically. `dismissed_at`: when a person last turned down a suggestion
    for this account. `automated_at`, `automated_id`: the last automated CTA of the account and type. `similar_id`: an
    open one like it. `made_today` of `limit` automated ones; `resets_at`: the tenant's next midnight.
    """

    now: datetime
    automatic: bool
    levels: frozenset[RiskBand]
    suggested: bool
    band: RiskBand
    confidence: float
    dismissed_at: datetime | None
    automated_at: datetime | None
    automated_id: int | None
    cooldown_days: int
    similar_id: int | None
    made_today: int
    limit: int
    resets_at: datetime


def decide(situation: Situation) -> CtaDecision:
    held = tuple(_held_back(situation))
    first = held[0] if held else None
    return CtaDecision(
        allowed=first is None,
        reason=first.reason if first else None,
        until=first.until if first else None,
        blocking_cta_id=first.cta_id if first else None,
        may_override=not situation.automatic and situation.suggested,
        held_back=held,
    )


def _held_back(now: Situation) -> Iterator[HeldBack]:
    """The gravest rule first."""
    if not now.suggested:
        yield HeldBack(reason=SkipReason.NO_SUGGESTION, words="The prediction names no reason to act on.")
        return
    if now.automatic and now.band not in now.levels:
        yield HeldBack(
            reason=SkipReason.LOW_RISK, words=f"CTAs are not made automatically for accounts at {now.band} risk."
        )
    elif not now.automatic and now.band is RiskBand.LOW:
        yield HeldBack(reason=SkipReason.LOW_RISK, words="The risk of this account is low.")
    if now.confidence < AUTO_CTA_CONFIDENCE:
        yield HeldBack(
            reason=SkipReason.CONFIDENCE,
            words=f"The confidence in the prediction is low: {now.confidence:.2f}, less than {AUTO_CTA_CONFIDENCE:g}.",
        )
    if now.similar_id is not None:
        yield HeldBack(
            reason=SkipReason.SIMILAR_OPEN, words="A similar CTA is open for this account.", cta_id=now.similar_id
        )
    yield from _cooling_down(now)
    if now.automatic and now.made_today >= now.limit:
        yield HeldBack(
            reason=SkipReason.LIMIT,
            words=f"Today's limit of automated CTAs, {now.limit}, is used up.",
            until=now.resets_at,
        )


def _cooling_down(now: Situation) -> Iterator[HeldBack]:
    made, dismissed = (_after(at, now.cooldown_days) for at in (now.automated_at, now.dismissed_at))
    if made is not None and now.now < made:
        yield HeldBack(
            reason=SkipReason.COOLDOWN,
            words=f"A CTA was made automatically for this account within the last {now.cooldown_days} days.",
            until=made,
            cta_id=now.automated_id,
        )
    elif now.automatic and dismissed is not None and now.now < dismissed:
        yield HeldBack(
            reason=SkipReason.COOLDOWN,
            words=f"A person dismissed a suggestion for this account within the last {now.cooldown_days} days.",
            until=dismissed,
        )


def _after(at: datetime | None, days: int) -> datetime | None:
    """So many times 24 hours later, over a change of the clocks too."""
    return at.astimezone(UTC) + timedelta(days=days) if at else None
