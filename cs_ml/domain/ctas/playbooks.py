"""Playbooks: steps that have proved themselves, which of them fits a risk, and how its steps are laid out in time."""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.ctas.values import CtaType
from cs_ml.domain.predictions import RiskFactor

MAX_TASKS = 30
MAX_DAYS = 365

# Words that people put into a playbook's category -> words of the risk factors that they stand for.
_MEANS: Mapping[str, Set[str]] = {
    "adoption": frozenset({"volume", "activity", "usage", "seats"}),
    "usage": frozenset({"volume", "activity", "quantity"}),
    "engagement": frozenset({"silence", "contacts", "contact", "activity", "meetings", "recency"}),
    "contact": frozenset({"silence", "contacts", "recency"}),
    "relationship": frozenset({"silence", "contacts", "mood", "negative", "champion"}),
    "sentiment": frozenset({"mood", "negative"}),
    "satisfaction": frozenset({"mood", "negative", "health", "support"}),
    "recovery": frozenset({"health", "support", "mood", "decline", "falling"}),
    "commercial": frozenset({"contract", "downgrade", "renewal", "price", "deal", "lost"}),
    "price": frozenset({"contract", "downgrade", "shrinking"}),
    "ticket": frozenset({"support"}),
    "escalation": frozenset({"support", "mood", "negative"}),
}
_NO_MEANING = frozenset({"the", "and", "for", "with", "this", "that", "low", "is", "of", "a", "to", "in", "risk"})
_IMPACT_WEIGHT = {"high": 0.10, "medium": 0.06, "low": 0.02}  # where an engine gives no points


class PlaybookStatus(StrEnum):
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaybookStep:
    """`days_from_start`: calendar days after the CTA begins. `for_owner`: assigned to the CTA's owner, else to
    nobody."""

    title: str
    description: str | None
    days_from_start: int
    for_owner: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Playbook:
    """`cta_type` None: for CTAs of every type. `category`: words that say which risks it answers.

    `version` is when it was last changed.
    """

    id: int
    name: str
    description: str | None
    status: PlaybookStatus
    cta_type: CtaType | None
    category: str | None
    times_used: int
    version: datetime
    steps: tuple[PlaybookStep, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaybookDraft:
    """What a person writes down."""

    name: str
    description: str
    status: PlaybookStatus
    cta_type: CtaType | None
    category: str
    steps: tuple[PlaybookStep, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """`because`: why this playbook, as a sentence."""

    playbook: Playbook
    because: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedTask:
    title: str
    description: str | None
    due: date
    owner_id: int | None


def best_playbook(playbooks: Iterable[Playbook], kind: CtaType, factors: Sequence[RiskFactor]) -> Match | None:
    """The active playbook for CTAs of this type that answers most of the risk, then the one used most."""
    fitting = [
        (playbook, answered_by(playbook, factors))
        for playbook in playbooks
        if playbook.status is PlaybookStatus.ACTIVE and playbook.cta_type in (kind, None)
    ]
    if not fitting:
        return None
    playbook, answered = max(fitting, key=lambda pair: (sum(map(_weight, pair[1])), pair[0].times_used, -pair[0].id))
    return Match(playbook=playbook, because=_because(playbook, answered))


def answered_by(playbook: Playbook, factors: Iterable[RiskFactor]) -> list[RiskFactor]:
    """The factors whose words the playbook's category or name has."""
    words = _words(f"{playbook.category or ''} {playbook.name}")
    meant = words.union(*(_MEANS.get(word, frozenset()) for word in words))
    return [factor for factor in factors if meant & _words(f"{factor.code} {factor.factor}")]


def laid_out(steps: Sequence[PlaybookStep], start: date, calendar: WorkCalendar, owner_id: int) -> list[PlannedTask]:
    """The steps as tasks from `start` on, each due on a working day."""
    return [
        PlannedTask(
            title=step.title,
            description=step.description,
            due=calendar.due(start, step.days_from_start),
            owner_id=owner_id if step.for_owner else None,
        )
        for step in steps
    ]


def _words(text: str) -> set[str]:
    return set(re.split(r"[\W_]+", text.casefold())) - _NO_MEANING - {""}


def _weight(factor: RiskFactor) -> float:
    return _IMPACT_WEIGHT[factor.impact] if factor.points is None else factor.points


def _because(playbook: Playbook, answered: Sequence[RiskFactor]) -> str:
    times = {0: "not used yet", 1: "used once so far"}
    used = times.get(playbook.times_used, f"used {playbook.times_used} times so far")
    if not answered:
        return f"No playbook names these reasons; this one is for such CTAs, {used}."
    names = ", ".join(factor.factor.lower() for factor in answered[:3])
    return f"It answers: {names}; {used}."


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """How health went `days` after CTAs with a playbook began, against similar accounts that got none then.

    `difference`: mean over `n` uses, in points of 100, of their change less that of their comparison; `low` and `high`
    hold 95 % of 1,000 resamples, None under 5 uses. `unmatched`: uses without a score or without a similar account.
    """

    days: int
    difference: float | None
    low: float | None
    high: float | None
    n: int
    unmatched: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaybookEffect:
    """What is known so far of one playbook. It is no experiment: people choose playbooks for a reason."""

    playbook_id: int
    used: int
    completed: int
    effects: tuple[Effect, ...]
