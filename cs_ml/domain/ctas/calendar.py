"""When a tenant works: its zone, working days and holidays."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cs_ml.domain.identity.tenant_settings import WEEKDAYS, TenantSettings, Weekday


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkCalendar:
    zone: str
    working_days: tuple[Weekday, ...]
    holidays: frozenset[date]

    @classmethod
    def of(cls, settings: TenantSettings) -> "WorkCalendar":
        return cls(zone=settings.zone, working_days=settings.working_days, holidays=frozenset(settings.holidays))

    def day_of(self, at: datetime) -> date:
        """The tenant's day at an instant."""
        return at.astimezone(ZoneInfo(self.zone)).date()

    def start_of(self, day: date) -> datetime:
        """The tenant's midnight that begins `day`, in UTC."""
        return datetime.combine(day, time.min, ZoneInfo(self.zone)).astimezone(UTC)

    def is_working(self, day: date) -> bool:
        return WEEKDAYS[day.weekday()] in self.working_days and day not in self.holidays

    def due(self, start: date, days: int) -> date:
        """`days` calendar days after `start`, moved to the next working day."""
        day = start + timedelta(days=days)
        while not self.is_working(day):
            day += timedelta(days=1)
        return day
