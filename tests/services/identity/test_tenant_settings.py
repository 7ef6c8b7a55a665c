"""Settings of a tenant, stored and read back."""

from datetime import date
from decimal import Decimal

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden, Invalid
from cs_ml.domain.policy import Bands, RiskBand
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.store.database import Database
from tests.support.factories import NOW, add_tenant

WRITTEN = [
    ("limit_predictions_per_day", "5", 5),
    ("CS_ML_LIMIT_CTAS_PER_DAY", "0", 0),
    ("llm_free_text", "on", True),
    ("llm_budget_usd_month", "99.50", Decimal("99.50")),
    ("auto_cta_levels", "critical, high", (RiskBand.CRITICAL, RiskBand.HIGH)),
    ("bands", "0.9,0.5,0.1", Bands(critical=0.9, high=0.5, medium=0.1)),
    ("zone", "Europe/Berlin", "Europe/Berlin"),
    ("working_days", "sun,mon,mon", ("mon", "sun")),
    ("holidays", "2026-12-25,2027-01-01", (date(2026, 12, 25), date(2027, 1, 1))),
    ("churn_complete_until", "2026-03-31", date(2026, 3, 31)),
    ("champion", "rules", "rules"),
    ("champion", "auto", "auto"),
    ("scorecard_weights", "support=1.5, renewal=0", {"support": 1.5, "renewal": 0.0}),
    ("keep_calls_days", "100", 100),
    ("keep_left_days", "3650", 3650),
]
REFUSED = [
    ("no_such_key", "1"),
    ("limit_batches_per_day", "-1"),
    ("limit_batches_per_day", "1.5"),
    ("llm_free_text", "maybe"),
    ("llm_budget_usd_month", "1.001"),
    ("llm_budget_usd_month", "nan"),
    ("auto_cta_levels", "severe"),
    ("bands", "0.3,0.6,0.8"),
    ("bands", "0.8,0.6"),
    ("bands", "nan,0.6,0.3"),
    ("zone", "../etc/passwd"),
    ("zone", "Mars/Olympus"),
    ("working_days", "none"),
    ("holidays", "12/25"),
    ("churn_complete_until", "0"),
    ("champion", "magic"),
    ("scorecard_weights", "support"),
    ("scorecard_weights", "support=much"),
    ("scorecard_weights", "support=2.1"),
    ("scorecard_weights", "support=-1"),
    ("scorecard_weights", "support=nan"),
    ("scorecard_weights", "support=1,support=2"),
    ("scorecard_weights", "luck=1"),
    ("scorecard_weights", ",".join(f"{part.code}=0" for part in default_scorecard().part)),
    ("keep_calls_days", "99"),
    ("keep_left_days", "1.5"),
    ("keep_left_days", "for ever"),
]


@pytest.fixture
def service(database: Database) -> TenantSettingsService:
    return TenantSettingsService(database, lambda: NOW)


@pytest.mark.parametrize(("key", "text", "value"), WRITTEN)
def test_a_setting_is_read_back_as_it_was_set(
    database: Database, service: TenantSettingsService, key: str, text: str, value: object
) -> None:
    actor = add_tenant(database)
    name = key.lower().removeprefix("cs_ml_")
    default = getattr(service.settings_of(actor), name)
    assert default != value
    assert getattr(service.set(actor, key, text), name) == value
    assert getattr(service.settings_of(actor), name) == value
    service.set(actor, key, "default")
    assert getattr(service.settings_of(actor), name) == default


@pytest.mark.parametrize(("key", "text"), REFUSED)
def test_a_bad_value_is_refused_with_what_was_expected(
    database: Database, service: TenantSettingsService, key: str, text: str
) -> None:
    actor = add_tenant(database)
    before = service.settings_of(actor)
    with pytest.raises(Invalid) as error:
        service.set(actor, key, text)
    assert all(error.value.fields.values())
    assert service.settings_of(actor) == before


def test_another_tenant_keeps_its_own_settings(database: Database, service: TenantSettingsService) -> None:
    mine, theirs = add_tenant(database), add_tenant(database)
    service.set(mine, "zone", "Europe/Berlin")
    service.set(theirs, "zone", "Asia/Tokyo")
    service.set(theirs, "zone", "default")
    assert service.settings_of(mine).zone == "Europe/Berlin"
    assert service.settings_of(theirs).zone == "UTC"


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_managers_change_settings(database: Database, service: TenantSettingsService, role: Role) -> None:
    actor = add_tenant(database)
    with pytest.raises(Forbidden):
        service.set(Actor(tenant_id=actor.tenant_id, role=role, user_id=1), "zone", "UTC")
