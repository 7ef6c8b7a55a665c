"""The weekly grid on which the process runs, and the days that its facts fall on."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from numpy.random import Generator

WEEKS: Final = 79  # a little over 18 months, so that a backtest has a year of judged 90-day windows behind its features
SATURDAY: Final = 5


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Weeks 0 .. WEEKS-1; the last one ends on `today`, its last day included."""

    today: date

    @property
    def first_day(self) -> date:
        return self.today - timedelta(days=7 * WEEKS - 1)

    def day(self, week: int, weekday: int) -> date:
        """The day with index `weekday` (0 first, 6 last) of a week."""
        return self.first_day + timedelta(days=7 * week + weekday)

    def week_of(self, day: date) -> int:
        """The week a day falls in; below 0 before the grid, WEEKS and more after it."""
        return (day - self.first_day).days // 7

    def season(self, week: int) -> float:
        """Share of normal activity: holidays in August and around New Year. 0.75 to 1."""
        middle = self.day(week, 3)
        if (middle.month, middle.day) >= (12, 18) or (middle.month, middle.day) <= (1, 3):
            return 0.75
        return 0.88 if middle.month == 8 else 1.0


def working_moment(rng: Generator, day: date) -> datetime:
    """A time in office hours (UTC) of a day, of the Friday before where the day is at a weekend."""
    friday = day - timedelta(days=max(0, day.weekday() - SATURDAY + 1))
    minutes = int(rng.integers(8 * 60, 17 * 60))
    return datetime(friday.year, friday.month, friday.day, tzinfo=UTC) + timedelta(minutes=minutes)


def add_months(day: date, months: int) -> date:
    """The same day some months later; the 29th to the 31st become the 28th."""
    total = day.year * 12 + day.month - 1 + months
    return date(total // 12, total % 12 + 1, min(day.day, 28))
