"""Daily limits of a tenant: they reset at its own midnight."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cs_ml.domain.errors import RateLimited
from cs_ml.domain.identity.tenant_settings import read_settings
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.predictions import PredictionRepository
from cs_ml.store.scope import Scope


@dataclass(frozen=True, slots=True)
class PredictionLimit:
    """Single predictions a day that were computed; cached answers, batches and replays do not count."""

    per_day: int

    def check(self, scope: Scope, now: datetime) -> None:
        """`scope` sees the whole tenant. Raises RateLimited where the tenant has used up its day."""
        settings = read_settings(TenantSettingRepository(scope).list())
        limit = self.per_day if settings.limit_predictions_per_day is None else settings.limit_predictions_per_day
        zone = ZoneInfo(settings.zone)
        today = now.astimezone(zone).date()
        midnight = datetime.combine(today, time.min, zone).astimezone(UTC)
        if PredictionRepository(scope).count_single_since(midnight) < limit:
            return
        resets = datetime.combine(today + timedelta(days=1), time.min, zone).astimezone(UTC)
        raise RateLimited(
            f"All {limit} single predictions of today are used up. The limit resets at {resets:%Y-%m-%d %H:%M} UTC;"
            " stored predictions stay available.",
            retry_after=resets - now,
        )
