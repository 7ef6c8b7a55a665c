"""What became of a prediction: judged by what happened in its window, still open, or never to be known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

ACCURATE_FROM = 0.5  # a prediction said "will leave" from this chance on

# Below either of these, figures are shown greyed: chance alone moves them too far.
MIN_JUDGED = 30
MIN_CHURNED = 10


class OutcomeSource(StrEnum):
    """How an outcome is known."""

    DATE = "churn date"
    APPROXIMATE = "approximate churn date"
    WINDOW = "judged window"
    KEPT = "no churn recorded"
    SCORE = "health score"


class Unjudged(StrEnum):
    """Why a prediction has no outcome; all but OPEN will stay so unless records are added."""

    OPEN = "open"
    LEFT_BEFORE = "left before"
    APPROXIMATE = "approximate date"
    INCOMPLETE = "records incomplete"
    NO_SCORE = "no health score"
    DELETED = "customer deleted"


UNJUDGED_SENTENCES: Mapping[Unjudged, str] = {
    Unjudged.OPEN: "Its time has not passed yet.",
    Unjudged.LEFT_BEFORE: "The customer had already left when it was made.",
    Unjudged.APPROXIMATE: "When the customer left is known only roughly, so it may have been within the time or not.",
    Unjudged.NO_SCORE: "No health score was recorded near the end of its time.",
    Unjudged.DELETED: "The customer was deleted, and the predictions with it.",
    Unjudged.INCOMPLETE: "It is not known whether all customers that left up to the end of its time are recorded.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Whether the account left in the window that was asked about; `churned` and `source` are None where that is not
    known, and then `unjudged` says why."""

    account_id: int
    churned: bool | None
    source: OutcomeSource | None
    unjudged: Unjudged | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeCounts:
    """Predictions by what became of them; `accurate` and `churned` of the `judged`."""

    judged: int
    churned: int
    accurate: int
    unjudged: Mapping[Unjudged, int]

    @property
    def open(self) -> int:
        return self.unjudged.get(Unjudged.OPEN, 0)

    @property
    def never(self) -> int:
        """Those that cannot be judged."""
        return sum(self.unjudged.values()) - self.open

    @property
    def total(self) -> int:
        return self.judged + sum(self.unjudged.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedChurn:
    """A churn that a person recorded, and may take back."""

    id: int
    churned_at: datetime
    reason: str | None
    recorded_at: datetime
