"""A call to action (CTA) as people see it, the suggestion that it may come from, and what a person makes of that."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cs_ml.domain.policy import RiskBand

MAX_TITLE = 200  # characters
MAX_TEXT = 4000


class CtaType(StrEnum):
    RISK = "RISK"
    OPPORTUNITY = "OPPORTUNITY"
    LIFECYCLE = "LIFECYCLE"
    ACTIVITY = "ACTIVITY"
    OBJECTIVE = "OBJECTIVE"


class CtaStatus(StrEnum):
    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    SNOOZED = "SNOOZED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class CtaPriority(StrEnum):
    """Most pressing first."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class TaskStatus(StrEnum):
    NOT_STARTED = "NOT_STARTED"
    BACKLOG = "BACKLOG"
    IN_PROGRESS = "IN_PROGRESS"
    BLOCKED = "BLOCKED"
    DONE = "DONE"


class Outcome(StrEnum):
    """What became of a completed CTA."""

    SOLVED = "solved"
    PARTLY = "partly solved"
    NO_EFFECT = "no effect"
    NOT_NEEDED = "was not needed"


class Dismissal(StrEnum):
    """Why a suggestion is not taken up."""

    HANDLED = "already being handled"
    NO_RISK = "not a real risk"
    WRONG_TIME = "not the right time"
    OTHER = "another reason"


OPEN_STATUSES = (CtaStatus.OPEN, CtaStatus.IN_PROGRESS, CtaStatus.SNOOZED)

PRIORITY_OF_BAND: Mapping[RiskBand, CtaPriority] = {
    RiskBand.CRITICAL: CtaPriority.CRITICAL,
    RiskBand.HIGH: CtaPriority.HIGH,
    RiskBand.MEDIUM: CtaPriority.MEDIUM,
    RiskBand.LOW: CtaPriority.LOW,
}


def more_pressing(one: CtaPriority, other: CtaPriority) -> CtaPriority:
    ranks = list(CtaPriority)
    return min(one, other, key=ranks.index)


@dataclass(frozen=True, kw_only=True, slots=True)
class DataPoint:
    """A fact behind a suggestion, copied by value; `id` is that of the prediction's evidence."""

    id: str
    at: datetime | None
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CtaProposal:
    """A suggested CTA, stored by value with its prediction. `due` follows from `due_rule`, which is a sentence.

    `due_days`: calendar days that the urgency leaves. `owner_id` None: whoever accepts it owns it. `playbook_because`
    says why this playbook. `trigger_rule`: ML_CHURN and so on.
    """

    title: str
    reason: str
    data_points: tuple[DataPoint, ...]
    type: CtaType
    priority: CtaPriority
    due: date
    due_days: int
    due_rule: str
    owner_id: int | None
    playbook_id: int | None
    playbook_name: str | None
    playbook_because: str | None
    trigger_rule: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CtaDraft:
    """What a CTA is made of when somebody accepts a suggestion, edited or not."""

    title: str
    reason: str
    priority: CtaPriority
    due: date
    owner_id: int
    playbook_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CtaTask:
    """A step of a CTA. `from_playbook`: laid out by its playbook."""

    id: int
    title: str
    description: str | None
    status: TaskStatus
    due: date | None
    owner_id: int | None
    from_playbook: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Cta:
    """A call to action. `status` as of now: one whose snooze is over is OPEN.

    `description` gathers dated notes. `version` is when it was last changed: an edit names the version that it was made
    on. `prediction_id`: the prediction that suggested it. `ended_at`: when it was completed or cancelled.
    """

    id: int
    account_id: int | None
    account_name: str | None
    type: CtaType
    status: CtaStatus
    priority: CtaPriority
    title: str
    reason: str | None
    description: str | None
    due: date | None
    snoozed_until: datetime | None
    ended_at: datetime | None
    owner_id: int
    owner_name: str
    playbook_id: int | None
    playbook_name: str | None
    outcome: str | None
    note: str | None
    is_automated: bool
    trigger_rule: str | None
    prediction_id: int | None
    created_at: datetime
    version: datetime
    tasks: tuple[CtaTask, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES


@dataclass(frozen=True, kw_only=True, slots=True)
class DismissedBy:
    """That somebody turned a suggestion down."""

    at: datetime
    user_id: int | None
    reason: Dismissal
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A valid prediction as a reason to act. `probability`, `confidence` 0..1; `proposal` None where it suggests
    nothing; `cta_id`: what was made of it."""

    prediction_id: int
    account_id: int
    account_name: str
    band: RiskBand
    probability: float
    confidence: float
    predicted_at: datetime
    proposal: CtaProposal | None
    dismissed: DismissedBy | None
    cta_id: int | None
