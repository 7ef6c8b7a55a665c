"""Reading and changing the settings of a tenant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.domain.identity.tenant_settings import UNSET, TenantSettings, parse_setting, read_settings
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.clock import Clock
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.scope import Scope

WEIGHTS = "scorecard_weights"


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightedPart:
    """`most`: the probability that the part adds at most, with its `weight` (1: as the product ships it)."""

    code: str
    label: str
    risk: str
    most: float
    weight: float


class TenantSettingsService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def settings_of(self, actor: Actor) -> TenantSettings:
        """The settings of the actor's tenant, defaults where it made none."""
        with self._database.read(actor) as scope:
            return read_settings(TenantSettingRepository(scope).list())

    def set(self, actor: Actor, key: str, text: str) -> TenantSettings:
        """Sets one key from its written form and answers all settings.

        Raises Invalid for an unknown key or a bad value, Forbidden for whom may not manage the tenant.
        """
        actor.require(Permission.MANAGE_TENANT)
        name, value = parse_setting(key, text)
        if name == WEIGHTS:
            _check_weights(value or {})
        with self._database.write(actor) as scope:
            return self._save(scope, name, value)

    def scorecard(self, actor: Actor) -> Sequence[WeightedPart]:
        """The parts of the scorecard as the tenant weighs them."""
        weights = self.settings_of(actor).scorecard_weights
        return [
            WeightedPart(
                code=part.code,
                label=part.label,
                risk=part.risk,
                most=part.most * weights.get(part.code, 1.0),
                weight=weights.get(part.code, 1.0),
            )
            for part in default_scorecard().part
        ]

    def weigh(self, actor: Actor, code: str, weight: float) -> TenantSettings:
        """Changes the weight of one part. Raises Invalid."""
        actor.require(Permission.MANAGE_TENANT)
        with self._database.write(actor) as scope:
            scope.lock_tenant()
            before = read_settings(TenantSettingRepository(scope).list()).scorecard_weights
            weights = {part: value for part, value in {**before, code: weight}.items() if value != 1}
            _check_weights({**weights, code: weight})
            written = ",".join(f"{part}={value:g}" for part, value in weights.items())
            return self._save(scope, *parse_setting(WEIGHTS, written or UNSET))

    def _save(self, scope: Scope, name: str, value: Any) -> TenantSettings:
        settings, now = TenantSettingRepository(scope), self._clock()
        before = settings.list().get(name)
        settings.save(name, value, now)
        if before != value:
            entry = AuditEntry(
                at=now,
                action="setting.changed",
                entity_type="setting",
                entity_id=name,
                before={"value": before},
                after={"value": value},
            )
            AuditRepository(scope).add([entry])
        return read_settings(settings.list())


def _check_weights(weights: Mapping[str, float]) -> None:
    """Raises Invalid for what is no part of the scorecard, and where no part would count."""
    codes = [part.code for part in default_scorecard().part]
    if unknown := sorted(weights.keys() - set(codes)):
        known = ", ".join(codes)
        raise Invalid(
            f"The scorecard has no part `{unknown[0]}`. Its parts are: {known}.",
            fields={WEIGHTS: f"parts among {known}"},
        )
    if not any(weights.get(code, 1.0) for code in codes):
        raise Invalid(
            "With every weight at 0 the scorecard would say the same of everybody. Leave one part above 0.",
            fields={WEIGHTS: "a weight above 0"},
        )
