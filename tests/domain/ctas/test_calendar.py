"""Due days: calendar days, then the next working day of the tenant."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.identity.tenant_settings import WEEKDAYS, TenantSettings, Weekday

BERLIN = WorkCalendar.of(TenantSettings(zone="Europe/Berlin", holidays=(date(2026, 12, 25),)))


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        (date(2026, 11, 26), 1, date(2026, 11, 27)),  # a Friday
        (date(2026, 11, 27), 1, date(2026, 11, 30)),  # over the weekend
        (date(2026, 12, 24), 1, date(2026, 12, 28)),  # a holiday, then the weekend
        (date(2026, 11, 25), 5, date(2026, 11, 30)),
        (date(2028, 2, 28), 1, date(2028, 2, 29)),
    ],
)
def test_due_days(start: date, days: int, due: date) -> None:
    assert BERLIN.due(start, days) == due


def test_the_tenants_day_begins_at_its_own_midnight_whatever_the_season() -> None:
    assert BERLIN.day_of(datetime(2026, 6, 30, 22, 30, tzinfo=UTC)) == date(2026, 7, 1)
    assert BERLIN.day_of(datetime(2026, 12, 30, 22, 30, tzinfo=UTC)) == date(2026, 12, 30)
    assert BERLIN.start_of(date(2026, 10, 25)) == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert BERLIN.start_of(date(2026, 10, 26)) == datetime(2026, 10, 25, 23, tzinfo=UTC)


@given(
    start=st.dates(date(2020, 1, 1), date(2035, 1, 1)),
    days=st.integers(0, 60),
    working=st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    holidays=st.frozensets(st.dates(date(2020, 1, 1), date(2035, 1, 1)), max_size=20),
)
def test_a_due_day_is_never_early_and_always_worked_on(
    start: date, days: int, working: set[Weekday], holidays: frozenset[date]
) -> None:
    calendar = WorkCalendar(zone="UTC", working_days=tuple(working), holidays=holidays)
    due = calendar.due(start, days)
    assert calendar.is_working(due)
    assert (due - start).days >= days
    between = [date.fromordinal(day) for day in range(start.toordinal() + days, due.toordinal())]
    assert not any(calendar.is_working(day) for day in between)
