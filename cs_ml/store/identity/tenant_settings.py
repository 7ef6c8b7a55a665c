"""The settings that a tenant made for itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from cs_ml.store.scope import Scope
from cs_ml.store.tables import TenantSetting


class TenantSettingRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def list(self) -> Mapping[str, Any]:
        """Key -> JSON value, of the keys that are set."""
        rows = self._scope.execute(select(TenantSetting.key, TenantSetting.value))
        return {row.key: row.value for row in rows}

    def save(self, key: str, value: Any, now: datetime) -> None:
        """`value` as JSON; None removes the key."""
        if value is None:
            self._scope.execute(delete(TenantSetting).where(TenantSetting.key == bindparam("name")), {"name": key})
        else:
            row = {"key": key, "value": value, "updatedAt": now}
            self._scope.upsert(TenantSetting, row, key=("tenantId", "key"))
