"""Daily limits of a tenant: they reset at its own midnight."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cs_ml.domain.errors import RateLimited
from cs_ml.domain.identity.tenant_settings import TenantSettings, read_settings
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.predictions import PredictionRepository
from cs_ml.store.scope import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantDay:
    """The day of a tenant, by its own clock, as UTC instants; and what the tenant has set."""

    settings: TenantSettings
    begins: datetime
    resets: datetime

    @classmethod
    def of(cls, scope: Scope, now: datetime) -> "TenantDay":
        settings = read_settings(TenantSettingRepository(scope).list())
        zone = ZoneInfo(settings.zone)
        today = now.astimezone(zone).date()
        begins, resets = (
            datetime.combine(day, time.min, zone).astimezone(UTC) for day in (today, today + timedelta(days=1))
        )
        return cls(settings=settings, begins=begins, resets=resets)


@dataclass(frozen=True, slots=True)
class PredictionLimit:
    """Single predictions a day that were computed; cached answers, batches and replays do not count."""

    per_day: int

    def of(self, day: TenantDay) -> int:
        own = day.settings.limit_predictions_per_day
        return self.per_day if own is None else own

    def left(self, scope: Scope, day: TenantDay) -> int:
        """How many are left today. `scope` sees the whole tenant."""
        return max(self.of(day) - PredictionRepository(scope).count_single_since(day.begins), 0)

    def check(self, scope: Scope, now: datetime) -> None:
        """`scope` sees the whole tenant. Raises RateLimited where the tenant has used up its day."""
        day = TenantDay.of(scope, now)
        if self.left(scope, day) > 0:
            return
        raise RateLimited(
            f"All {self.of(day)} single predictions of today are used up. The limit resets at"
            f" {day.resets:%Y-%m-%d %H:%M} UTC; stored predictions stay available.",
            retry_after=day.resets - now,
        )
