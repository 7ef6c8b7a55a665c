"""Backtests: the past predicted again, day by day, with only what was known then."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from cs_ml.domain.errors import Invalid
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS, MAX_WINDOW_DAYS, MIN_WINDOW_DAYS
from cs_ml.domain.predictions import EngineName

MAX_DATES = 500


class BacktestStatus(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestRequest:
    """Which engine, on which days. A language model needs `max_calls` and `max_cost` (US dollars); then as many
    customers are drawn for each day as the calls allow.

    Raises Invalid where that cannot be.
    """

    engine: EngineName
    first: date
    last: date
    every_days: int
    window_days: int = DEFAULT_WINDOW_DAYS
    max_calls: int | None = None
    max_cost: Decimal | None = None

    def __post_init__(self) -> None:
        if not MIN_WINDOW_DAYS <= self.window_days <= MAX_WINDOW_DAYS:
            expected = f"{MIN_WINDOW_DAYS} to {MAX_WINDOW_DAYS} days"
            raise Invalid(f"The window must be {expected}, not {self.window_days}.", fields={"window": expected})
        if self.every_days < 1:
            raise Invalid("There must be a day or more between two dates.", fields={"every": "1d or more"})
        if self.first > self.last:
            raise Invalid("The first day lies after the last one.", fields={"from": "a day not after --to"})
        if len(self.days) > MAX_DATES:
            expected = f"at most {MAX_DATES} dates"
            raise Invalid(f"That is {len(self.days)} dates; give {expected}.", fields={"every": expected})
        if self.engine == "llm" and (not self.max_calls or self.max_calls < 1 or self.max_cost is None):
            raise Invalid(
                "A backtest of the language model costs money: say how many calls and US dollars at most.",
                fields={"max_calls": "a number of calls", "max_cost": "an amount in US dollars"},
            )

    @property
    def days(self) -> list[date]:
        count = (self.last - self.first).days // self.every_days + 1
        return [self.first + timedelta(days=number * self.every_days) for number in range(count)]

    @property
    def instants(self) -> list[datetime]:
        """The end of each day, UTC."""
        return [datetime.combine(day, time(23, 59, 59, 999000), UTC) for day in self.days]


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestRun:
    """A backtest whose predictions are kept. `done` of `dates` days are; a run that nobody touched for a while has
    died and may be taken up again."""

    id: int
    engine: EngineName
    first: date
    last: date
    every_days: int
    window_days: int
    status: BacktestStatus
    dates: int
    done: int
    predictions: int
    cancelled: bool
    updated_at: datetime
