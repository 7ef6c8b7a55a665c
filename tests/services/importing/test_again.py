"""Importing again: nothing for the same bundle, one row for one changed value, nothing at all where it fails."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import delete, insert, select, text
from sqlalchemy.exc import DBAPIError

from cs_ml.domain.actor import Actor
from cs_ml.services.importing import InvalidBundle
from cs_ml.store.database import Database
from cs_ml.store.tables import (
    CTA,
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    AccountSnapshot,
    CRMActivity,
    CRMContact,
    Opportunity,
    TenantReference,
    User,
)
from tests.services.importing.bundles import SMALL, but_noted, counts, dump, load, rows, service, write
from tests.support.factories import NOW, add_tenant


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database, "acme")


def replaced(file: str, old: str, new: str) -> dict[str, str]:
    assert SMALL[file].count(old) == 1
    return {**SMALL, file: SMALL[file].replace(old, new)}


def changed_tables(before: dict[str, list[tuple[object, ...]]], after: dict[str, list[tuple[object, ...]]]) -> set[str]:
    return {name for name in after if before[name] != after[name]}


def test_the_same_bundle_again_writes_nothing(database: Database, actor: Actor, tmp_path: Path) -> None:
    first = load(database, actor, tmp_path / "a", SMALL)
    before = dump(database)
    again = load(database, actor, tmp_path / "b", SMALL)
    assert but_noted(before, dump(database)) == before
    assert counts(again) == {name: (0, 0, new) for name, (new, _, _) in counts(first).items()}


def test_figures_close_to_nothing_are_numbers_and_stay(database: Database, actor: Actor, tmp_path: Path) -> None:
    rows = "account_ref,as_of,change\nA-1,2026-01-01,-0.0\nA-1,2026-01-02,1e-05\nA-1,2026-01-03,-12.5\n"
    bundle = {"accounts.csv": SMALL["accounts.csv"], "custom_fields.csv": rows}
    load(database, actor, tmp_path, bundle)
    with database.read(actor) as scope:
        facts = select(AccountFact.custom_fields).where(AccountFact.kind == "custom")
        found = list(scope.execute(facts).scalars())
    assert sorted(one["change"] for one in found) == [-12.5, 0, 0.00001]
    again = load(database, actor, tmp_path, bundle)
    assert [(file.new, file.changed) for file in again.files] == [(0, 0)] * len(again.files)


def test_another_data_date_with_the_same_values_writes_nothing(
    database: Database, actor: Actor, tmp_path: Path
) -> None:
    load(database, actor, tmp_path / "a", SMALL)
    before = dump(database)
    load(database, actor, tmp_path / "b", SMALL, data_date=date(2026, 5, 1))
    assert but_noted(before, dump(database)) == before


def test_other_values_at_another_data_date_are_a_new_fact(database: Database, actor: Actor, tmp_path: Path) -> None:
    load(database, actor, tmp_path / "a", SMALL)
    before = rows(database, AccountFact, "kind", "validFrom", "arr", "plan")
    bundle = replaced("accounts.csv", "1200.505,EUR,pro", "1500,EUR,max")
    load(database, actor, tmp_path / "b", bundle, data_date=date(2026, 5, 1))
    added = [row for row in rows(database, AccountFact, "kind", "validFrom", "plan") if row[2] == "max"]
    assert added == [("listed", datetime(2026, 5, 1, tzinfo=UTC), "max")]
    assert set(before) < set(rows(database, AccountFact, "kind", "validFrom", "arr", "plan"))


ONE_CHANGE = [
    ("accounts.csv", "Borealis", "Aurora", {"Account"}),
    ("accounts.csv", ",smb,", ",large,", {"AccountFact"}),
    ("accounts.csv", "1200.505", "1300", {"AccountFact"}),
    ("account_changes.csv", "1100,pro", "1100,max", {"AccountFact"}),
    ("custom_fields.csv", "42,00123", "43,00123", {"AccountFact"}),
    ("custom_fields.csv", "A-2,,9", "A-2,,8", {"AccountFact"}),
    ("contacts.csv", "Ada,", "Adele,", {"CRMContact"}),
    ("contacts.csv", "Champion", "user", {"CRMContact", "AccountSnapshot"}),
    ("health_history.csv", "70.5,80", "72,80", {"AccountHealthScoreHistory"}),
    ("health_history.csv", "30.4,,12", "45,,12", {"AccountHealthScoreHistory", "Account", "AccountSnapshot"}),
    ("activities.csv", "Hello", "Good-bye", {"CRMActivity"}),
    ("ctas.csv", "risk,high", "risk,low", {"CTA", "AccountSnapshot"}),
    ("opportunities.csv", "Closed Won,500", "Closed Won,600", {"Opportunity"}),
    ("churn.csv", "Price", "Quality", {"ChurnEvent"}),
    ("outcomes.csv", "2025-12-31,90,0", "2025-12-31,90,1", {"JudgedOutcome"}),
]


@pytest.mark.parametrize("change", ONE_CHANGE, ids=lambda change: f"{change[1]} to {change[2]}")
def test_one_changed_value_changes_one_row(
    database: Database, actor: Actor, tmp_path: Path, change: tuple[str, str, str, set[str]]
) -> None:
    file, old, new, tables = change
    load(database, actor, tmp_path / "a", SMALL)
    before = dump(database)
    report = load(database, actor, tmp_path / "b", replaced(file, old, new))
    after = but_noted(before, dump(database))
    assert changed_tables(before, after) == tables
    for name in tables:
        assert len(after[name]) == len(before[name])
        assert sum(old != new for old, new in zip(before[name], after[name], strict=True)) == 1
    assert {name: count[:2] for name, count in counts(report).items() if count[:2] != (0, 0)} == {file: (0, 1)}


def test_rows_that_a_bundle_lacks_stay(database: Database, actor: Actor, tmp_path: Path) -> None:
    load(database, actor, tmp_path / "a", SMALL)
    before = dump(database)
    load(database, actor, tmp_path / "b", {"accounts.csv": SMALL["accounts.csv"]})
    assert but_noted(before, dump(database)) == before


def test_new_rows_are_added_beside_the_old(database: Database, actor: Actor, tmp_path: Path) -> None:
    load(database, actor, tmp_path / "a", SMALL)
    before = rows(database, CRMActivity, "id", "externalId")
    third = "A-2,2026-03-29,order,inbound,,NA,3,99.90,\n"
    report = load(database, actor, tmp_path / "b", {**SMALL, "activities.csv": SMALL["activities.csv"] + third})
    after = rows(database, CRMActivity, "id", "externalId")
    assert after[: len(before)] == before
    assert after[-1][1].endswith("-3")
    assert counts(report)["activities.csv"] == (1, 0, 4)


def test_a_date_that_moves_under_its_reference(database: Database, actor: Actor, tmp_path: Path) -> None:
    load(database, actor, tmp_path / "a", SMALL)
    add_references(database, actor, "2026-03-30", "2026-01-15")
    bundle = replaced("activities.csv", "2026-03-30T14:00:00+02:00,email", "2026-04-02,email")
    load(database, actor, tmp_path / "b", bundle)
    moved = datetime(2026, 4, 2, tzinfo=UTC)
    assert rows(database, CRMActivity, "completedAt", "createdAt", "updatedAt")[0] == (moved, moved, moved)
    assert rows(database, TenantReference, "asOf") == [
        (datetime(2026, 1, 15, tzinfo=UTC),),
        (at_start_of("2026-03-30"),),
    ]


def at_start_of(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def add_references(database: Database, actor: Actor, *days: str) -> None:
    with database.engine.begin() as connection:
        for day in sorted(days):
            row = {"tenant_id": actor.tenant_id, "as_of": at_start_of(day), "quantiles": {}, "created_at": NOW}
            connection.execute(insert(TenantReference).values(row))


def test_references_from_the_first_new_fact_on_are_dropped(database: Database, actor: Actor, tmp_path: Path) -> None:
    load(database, actor, tmp_path / "a", SMALL)
    add_references(database, actor, "2026-01-01", "2026-02-01", "2026-03-01")
    more = SMALL["health_history.csv"] + "A-2,2026-02-01,50,,\n"
    load(database, actor, tmp_path / "b", {**SMALL, "health_history.csv": more})
    assert rows(database, TenantReference, "asOf") == [(at_start_of("2026-01-01"),)]


def test_references_stay_where_nothing_is_new(database: Database, actor: Actor, tmp_path: Path) -> None:
    load(database, actor, tmp_path / "a", SMALL)
    add_references(database, actor, "2026-01-01", "2026-03-01")
    load(database, actor, tmp_path / "b", SMALL)
    assert len(rows(database, TenantReference, "asOf")) == 2


def test_older_health_leaves_the_account_as_it_is(database: Database, actor: Actor, tmp_path: Path) -> None:
    load(database, actor, tmp_path / "a", SMALL)
    older = "account_ref,date,overall_score\nA-1,2026-01-01,99\n"
    load(database, actor, tmp_path / "b", {**SMALL, "health_history.csv": older})
    assert rows(database, Account, "healthScore")[0] == (30,)


def test_the_owner_that_a_bundle_does_not_name_stays(database: Database, actor: Actor, tmp_path: Path) -> None:
    load(database, actor, tmp_path / "a", SMALL)
    before = rows(database, Account, "ownerId")
    load(database, actor, tmp_path / "b", replaced("accounts.csv", ",jo@example.com", ","))
    assert rows(database, Account, "ownerId") == before


def test_what_was_deleted_comes_back(database: Database, actor: Actor, tmp_path: Path) -> None:
    load(database, actor, tmp_path / "a", SMALL)
    with database.engine.begin() as connection:
        for table in (CTA, CRMContact, Opportunity):
            connection.execute(delete(table))
    report = load(database, actor, tmp_path / "b", SMALL)
    assert counts(report)["ctas.csv"] == (3, 0, 0)
    assert [len(rows(database, table, "id")) for table in (CTA, CRMContact, Opportunity)] == [3, 2, 3]


def test_two_tenants_do_not_meet(database: Database, actor: Actor, tmp_path: Path) -> None:
    other = add_tenant(database, "other")
    load(database, actor, tmp_path / "a", SMALL)
    report = load(database, other, tmp_path / "b", SMALL)
    assert counts(report)["activities.csv"] == (4, 0, 0)
    assert [tenant for (tenant,) in rows(database, CRMActivity, "tenantId")] == [actor.tenant_id] * 4 + [
        other.tenant_id
    ] * 4


@pytest.mark.parametrize("again", [False, True])
def test_a_dry_run_counts_and_writes_nothing(database: Database, actor: Actor, tmp_path: Path, again: bool) -> None:
    bundle = replaced("accounts.csv", "Borealis", "Aurora") if again else SMALL
    if again:
        load(database, actor, tmp_path / "a", SMALL)
    before = dump(database)
    dry = load(database, actor, tmp_path / "b", bundle, dry_run=True)
    assert dry.dry_run
    assert dump(database) == before
    assert counts(load(database, actor, tmp_path / "c", bundle)) == counts(dry)


def test_a_failure_in_the_middle_leaves_nothing(database: Database, actor: Actor, tmp_path: Path) -> None:
    with database.engine.begin() as connection:
        connection.execute(text('DROP TABLE "JudgedOutcome"'))  # written after accounts, health and activities
    with pytest.raises(DBAPIError):
        load(database, actor, tmp_path / "bundle", SMALL)
    for table in (Account, AccountFact, CRMActivity, AccountSnapshot):
        assert not rows(database, table, "id")
    assert len(rows(database, User, "id")) == 1


def test_two_imports_at_once_are_one_after_the_other(database: Database, actor: Actor, tmp_path: Path) -> None:
    load(database, actor, tmp_path / "a", SMALL)
    older = "account_ref,date,overall_score\n" + "".join(f"A-1,2025-01-{day:02},50\n" for day in range(1, 31))
    folder = write(tmp_path / "b", {"accounts.csv": SMALL["accounts.csv"], "health_history.csv": older})
    start = Barrier(3)

    def run() -> dict[str, tuple[int, int, int]]:
        start.wait()
        return counts(service(database).import_bundle(actor, folder))

    with ThreadPoolExecutor(3) as pool:
        found = [future.result() for future in [pool.submit(run) for _ in range(3)]]
    assert sorted(report["health_history.csv"] for report in found) == [(0, 0, 30), (0, 0, 30), (30, 0, 0)]
    assert len(rows(database, AccountHealthScoreHistory, "id")) == 33


def test_a_new_tenant_is_made_only_for_a_good_bundle(database: Database, tmp_path: Path) -> None:
    good, bad = write(tmp_path / "good", SMALL), write(tmp_path / "bad", {**SMALL, "churn.csv": "nothing\n"})
    with pytest.raises(InvalidBundle):
        service(database).import_new_tenant("acme", "Acme", bad)
    service(database).import_new_tenant("acme", "Acme", good, dry_run=True)
    assert not dump(database)["Tenant"]
    service(database).import_new_tenant("acme", "Acme", good)
    assert [row[1:3] for row in dump(database)["Tenant"]] == [("Acme", "acme")]
