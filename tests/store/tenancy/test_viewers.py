"""Whoever may only read changes nothing, whatever service method they call; members change no people or settings."""

from pathlib import Path

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.store.database import Database
from tests.store.tenancy.arguments import given_to_services
from tests.store.tenancy.test_sweep import calls, outcome
from tests.store.tenancy.twins import populate, rows_of
from tests.support.factories import add_tenant

# Gathered from what is there, or notes that something was read: no change of what a tenant knows.
DERIVED = {"AccountSummary", "SummaryRefresh", "TenantReference", "HealthReference", "AuditEvent"}
OF_MANAGERS = {"TenantUser", "MembershipScope", "TenantSetting", "CRMContact", "ExternalRef"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_no_method_writes_for_whom_may_not(database: Database, tmp_path: Path, role: Role) -> None:
    owner = add_tenant(database, "acme")
    named = populate(database, owner, "Ours", 550_001)
    actor = Actor(tenant_id=owner.tenant_id, role=role, user_id=owner.user_id)
    given = given_to_services(tmp_path / "bundle")

    def held() -> dict[str, list[str]]:
        with database.engine.connect() as connection:
            found = rows_of(connection, owner)
        return {table: rows for table, rows in found.items() if table not in DERIVED}

    before, refused = held(), 0
    for name, call in calls(database, actor, given, named):
        refused += outcome(named, call)[0] == "Forbidden"
        after = held()
        changed = {table for table, rows in after.items() if rows != before[table]}
        assert not (changed if role is Role.VIEWER else changed & OF_MANAGERS), name
        before = after
    assert refused >= 5
