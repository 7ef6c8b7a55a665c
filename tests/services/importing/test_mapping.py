"""What the rows of a bundle become in the database."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden
from cs_ml.store.database import Database
from cs_ml.store.tables import (
    CTA,
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    AccountSnapshot,
    ChurnEvent,
    CRMActivity,
    CRMContact,
    JudgedOutcome,
    Opportunity,
    Pipeline,
    SalesPipelineStage,
    User,
)
from tests.services.importing.bundles import SMALL, counts, load, rows
from tests.support.factories import NOW, add_tenant


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database, "acme")


@pytest.fixture
def imported(database: Database, actor: Actor, tmp_path: Path) -> Database:
    load(database, actor, tmp_path / "bundle", SMALL)
    return database


def test_the_report_counts_every_row(database: Database, actor: Actor, tmp_path: Path) -> None:
    report = load(database, actor, tmp_path / "bundle", SMALL)
    assert counts(report) == {
        "accounts.csv": (2, 0, 0),
        "account_changes.csv": (2, 0, 0),
        "custom_fields.csv": (3, 0, 0),
        "contacts.csv": (2, 0, 0),
        "health_history.csv": (3, 0, 0),
        "activities.csv": (4, 0, 0),
        "ctas.csv": (3, 0, 0),
        "opportunities.csv": (3, 0, 0),
        "churn.csv": (1, 0, 0),
        "outcomes.csv": (2, 0, 0),
    }
    assert report.data_date == date(2026, 3, 31)
    assert not report.warnings


def test_accounts(imported: Database) -> None:
    names = ("name", "type", "industry", "healthScore", "engagementScore", "createdAt")
    assert rows(imported, Account, *names) == [
        ("Acme", "CUSTOMER", "Retail", 30, 12, day("2024-01-15")),
        ("Borealis", "CHURNED", None, None, None, day("2025-12-31")),
    ]


def test_facts_by_kind(imported: Database) -> None:
    names = ("kind", "accountId", "validFrom", "arr", "plan", "segment", "currency", "seats", "customFields")
    facts = {row[:3]: row[3:] for row in rows(imported, AccountFact, *names)}
    acme, borealis = (key for (key,) in rows(imported, Account, "id"))
    assert facts == {
        ("timeless", acme, day("1970-01-01")): (None, None, "smb", "EUR", None, None),
        ("listed", acme, day("2026-03-31")): (Decimal("1200.50"), "pro", None, None, None, None),
        ("changed", acme, day("2025-01-01")): (Decimal("1000.00"), "basic", None, None, 5, None),
        ("changed", acme, day("2025-06-01")): (Decimal("1100.00"), "pro", None, None, 7, None),
        ("custom", acme, day("2026-01-01")): (*[None] * 5, {"nps": 42, "zip": "00123", "code": "1e5"}),
        ("custom", acme, day("2026-02-01")): (*[None] * 5, {"nps": -7.5, "zip": "04109", "code": "NA"}),
        ("custom", borealis, day("2026-03-31")): (*[None] * 5, {"nps": 9, "zip": "null"}),
    }


def test_health_is_rounded_half_up_and_named_as_the_crm_does(imported: Database) -> None:
    names = ("calculatedAt", "createdAt", "overallScore", "usageScore", "engagementScore", "category")
    assert rows(imported, AccountHealthScoreHistory, *names) == [
        (day("2026-03-01"), day("2026-03-01"), 71, 80, 61, "HEALTHY"),
        (day("2026-03-31"), day("2026-03-31"), 30, None, 12, "CRITICAL"),
        (day("2026-03-08"), day("2026-03-08"), 31, 5, 6, "AT_RISK"),
    ]


def test_activities(imported: Database) -> None:
    names = ("type", "subject", "completedAt", "createdAt", "updatedAt", "status", "externalSource", "metadata")
    noon, order = datetime(2026, 3, 30, 12, tzinfo=UTC), day("2026-03-29")
    ordered = {"sourceType": "order", "direction": "inbound", "quantity": 3, "amount": 99.9}
    assert rows(imported, CRMActivity, *names) == [
        ("EMAIL", "Hello", noon, noon, noon, "COMPLETED", "bundle", {"direction": "outbound", "sentiment": "POSITIVE"}),
        ("OTHER", "NA", order, order, order, "COMPLETED", "bundle", ordered),
        ("OTHER", "NA", order, order, order, "COMPLETED", "bundle", ordered),
        ("OTHER", None, *[day("2026-03-28")] * 3, "COMPLETED", "bundle", None),
    ]
    (given,), (first,), (second,), (other,) = rows(imported, CRMActivity, "externalId")
    assert given == "T-1"
    assert first.removesuffix("-1") == second.removesuffix("-2")
    assert other.endswith("-1")


def test_contacts(imported: Database) -> None:
    assert rows(imported, CRMContact, "firstName", "lastName", "email", "customFields") == [
        ("Ada", "", "ada@acme.example", {"role": "champion"}),
        ("Bo", "", None, None),
    ]


def test_ctas(imported: Database) -> None:
    names = ("type", "priority", "status", "title", "createdAt", "dueDate", "completedAt", "updatedAt")
    start, ended, dropped = day("2026-02-01"), day("2026-02-10"), day("2026-02-20")
    first = day("2026-03-01")
    assert rows(imported, CTA, *names) == [
        ("RISK", "HIGH", "OPEN", "Call them", first, day("2026-04-01"), None, first),
        ("LIFECYCLE", "MEDIUM", "COMPLETED", "Kick-off", start, None, ended, ended),
        ("RISK", "MEDIUM", "CANCELLED", "Not needed", start, None, None, dropped),
    ]


def test_opportunities_and_their_stages(imported: Database) -> None:
    names = ("name", "status", "amount", "probability", "currency", "expectedCloseDate", "actualCloseDate")
    assert rows(imported, Opportunity, *names) == [
        ("Seats", "WON", Decimal("500.00"), 100, "EUR", None, day("2026-02-01")),
        ("Proposal", "OPEN", Decimal("700.00"), 29, "USD", day("2026-06-01"), None),
        ("closed_lost", "LOST", None, 0, "USD", None, day("2026-01-20")),
    ]
    assert rows(imported, Pipeline, "name", "isDefault") == [("Imported", True)]
    assert rows(imported, SalesPipelineStage, "name", "type", "order") == [
        ("Closed Won", "WON", 0),
        ("Proposal", "OPEN", 1),
        ("closed_lost", "LOST", 2),
    ]


def test_percentages_where_one_is_above_one(database: Database, actor: Actor, tmp_path: Path) -> None:
    deals = "account_ref,created,probability,name\nA-1,2026-01-01,1,a\nA-1,2026-01-01,40,b\n"
    load(database, actor, tmp_path / "bundle", {**SMALL, "opportunities.csv": deals})
    assert rows(database, Opportunity, "probability") == [(1,), (40,)]


def test_churn_and_outcomes(imported: Database) -> None:
    assert rows(imported, ChurnEvent, "churnedAt", "reason", "approximate") == [(day("2026-03-30"), "Price", False)]
    assert rows(imported, JudgedOutcome, "asOf", "windowDays", "churned") == [
        (day("2025-12-31"), 90, False),
        (day("2025-12-31"), 90, True),
    ]


def test_owners_by_address_and_nobody(imported: Database) -> None:
    people = dict(rows(imported, User, "id", "name"))
    assert [people[owner] for (owner,) in rows(imported, Account, "ownerId")] == ["jo", "Unassigned"]
    assert [people[owner] for (owner,) in rows(imported, CTA, "ownerId")] == ["sam", "jo", "Unassigned"]


def test_a_snapshot_of_the_day(imported: Database) -> None:
    names = ("takenAt", "facts")
    (at, acme), (_, borealis) = rows(imported, AccountSnapshot, *names)
    (open_cta, due), *_ = rows(imported, CTA, "id", "dueDate")
    assert at == datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC)
    assert (acme["contacts"], acme["champions"], acme["healthScore"]) == (1, 1, 30)
    assert acme["ctas"] == {str(open_cta): {"status": "OPEN", "priority": "HIGH", "due": due.isoformat()}}
    assert (borealis["type"], borealis["champions"], borealis["ctas"]) == ("CHURNED", 0, {})


def test_only_who_may_import_can(database: Database, actor: Actor, tmp_path: Path) -> None:
    member = Actor(tenant_id=actor.tenant_id, role=Role.MEMBER, user_id=actor.user_id)
    with pytest.raises(Forbidden):
        load(database, member, tmp_path / "bundle", SMALL)
    assert not rows(database, Account, "id")
