"""The list of CTAs that somebody works through, and how those made from predictions turn out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cs_ml.domain.ctas.values import Cta, CtaType, Suggestion

PAGE_CTAS = 20
WEEK_DAYS = 7


class Section(StrEnum):
    SUGGESTED = "suggested"
    OVERDUE = "overdue"
    TODAY = "today"
    WEEK = "week"
    LATER = "later"
    SNOOZED = "snoozed"
    DONE = "done"


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxQuery:
    """`owner_id`: of the CTA, of the account for suggestions; None for everybody's. `search`: in the title or the
    account's name. `page` counts from 1."""

    section: Section
    owner_id: int | None = None
    search: str = ""
    page: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbox:
    """`counts`: CTAs by section, whatever section is open. Of `ctas` and `suggestions` one is empty."""

    counts: Mapping[Section, int]
    ctas: Sequence[Cta]
    suggestions: Sequence[Suggestion]


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeStats:
    """CTAs of one type made from predictions."""

    type: CtaType
    made: int
    open: int
    completed: int
    cancelled: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CtaStats:
    """Of all CTAs that were made from predictions. `completion_rate` 0..1 of those made, None where there are none.

    `average_resolution_days`: from being made to being completed, over the completed ones.
    """

    total_generated: int
    open_count: int
    completed_count: int
    cancelled_count: int
    automated_count: int
    completion_rate: float | None
    by_type: Sequence[TypeStats]
    average_resolution_days: float | None
