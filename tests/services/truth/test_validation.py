"""Predictions against what happened: from churn dates, not from what an account looks like today."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden, Invalid, NotFound
from cs_ml.domain.truth.outcomes import Unjudged
from cs_ml.services.truth.outcomes import OutcomeService
from cs_ml.services.truth.validation import ValidationReport, ValidationService
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.tables import Account, AccountMLPrediction
from tests.services.counting import statements
from tests.support.factories import (
    NOW,
    add_account,
    add_activity,
    add_churn,
    add_outcome,
    add_prediction,
    add_tenant,
)

Predicted = Callable[..., int]


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database)


@pytest.fixture
def customer(database: Database, actor: Actor) -> int:
    return add_account(database, actor)


@pytest.fixture
def recorded(database: Database, actor: Actor) -> None:
    """Facts up to NOW, and one exact churn date: somebody records churn here."""
    other = add_account(database, actor)
    add_activity(database, actor, other)
    add_churn(database, actor, other, churned_at=ago(300))


@pytest.fixture
def predicted(database: Database, actor: Actor) -> Predicted:
    """A superseded prediction made so many days ago."""

    def add(account_id: int, days: float, **overrides: Any) -> int:
        row = {"predicted_at": ago(days), "as_of": ago(days), "valid_until": ago(days - 30), "status": "EXPIRED"}
        return add_prediction(database, actor, account_id, **row | overrides)

    return add


def validate(database: Database, actor: Actor, now: datetime = NOW) -> ValidationReport:
    return ValidationService(database, lambda: now).validate(actor)


def outcomes(database: Database, actor: Actor) -> dict[int, tuple[bool | None, bool | None, str | None, str]]:
    """By prediction: outcome, whether it was right, how that is known, status."""
    row = AccountMLPrediction
    columns = (row.id, row.actual_outcome, row.was_accurate, row.outcome_source, row.status, row.validated_at)
    with database.read(actor) as scope:
        rows = scope.execute(select(*columns)).all()
    assert all((one.validated_at is None) == (one.actual_outcome is None) for one in rows)
    return {one.id: (one.actual_outcome, one.was_accurate, one.outcome_source, one.status) for one in rows}


@pytest.mark.usefixtures("recorded")
def test_the_churn_date_decides(database: Database, actor: Actor, customer: int, predicted: Predicted) -> None:
    add_churn(database, actor, customer, churned_at=ago(50))
    before, within, missed = (
        predicted(customer, 150, probability=0.1),
        predicted(customer, 100, probability=0.7),
        predicted(customer, 60, probability=0.2),
    )
    report = validate(database, actor)
    assert outcomes(database, actor) == {
        before: (False, True, "no churn recorded", "VALIDATED"),
        within: (True, True, "churn date", "VALIDATED"),
        missed: (True, False, "churn date", "VALIDATED"),
    }
    assert (report.validated, report.live.judged, report.live.churned, report.live.accurate) == (3, 3, 2, 2)
    again = validate(database, actor, NOW + timedelta(hours=1))
    assert (again.validated, again.withdrawn, again.live) == (0, 0, report.live)


@pytest.mark.usefixtures("recorded")
def test_the_window_is_open_at_its_start_and_closed_at_its_end(
    database: Database, actor: Actor, predicted: Predicted
) -> None:
    second = 1 / 86400
    found = {}
    for days in (0.0, second, 90.0, 90 + second):  # from the prediction to the churn
        account = add_account(database, actor)
        add_churn(database, actor, account, churned_at=ago(100 - days))
        found[days] = predicted(account, 100)
    validate(database, actor)
    judged = outcomes(database, actor)
    assert [judged[made][0] for made in found.values()] == [None, True, True, False]


@pytest.mark.usefixtures("recorded")
def test_a_prediction_in_force_stays_so(database: Database, actor: Actor, customer: int, predicted: Predicted) -> None:
    add_churn(database, actor, customer, churned_at=ago(2))
    made = predicted(customer, 5, status="ACTIVE", valid_until=NOW + timedelta(days=25))
    validate(database, actor)
    assert outcomes(database, actor)[made] == (True, False, "churn date", "ACTIVE")


def reasons(report: ValidationReport) -> dict[Unjudged, int]:
    return dict(report.live.unjudged)


@pytest.mark.usefixtures("recorded")
def test_what_cannot_be_judged_says_why(database: Database, actor: Actor, customer: int, predicted: Predicted) -> None:
    predicted(customer, 10)
    left, guessed, back = (add_account(database, actor) for _ in range(3))
    add_churn(database, actor, left, churned_at=ago(200))
    predicted(left, 150)
    add_churn(database, actor, back, churned_at=ago(200))
    add_activity(database, actor, back, completed_at=ago(160))
    returned = predicted(back, 150)
    add_churn(database, actor, guessed, churned_at=ago(5), approximate=True)
    predicted(guessed, 120)  # may have left within its time, may not
    within = predicted(guessed, 50)
    report = validate(database, actor)
    assert reasons(report) == {Unjudged.OPEN: 1, Unjudged.LEFT_BEFORE: 1, Unjudged.APPROXIMATE: 1}
    assert (report.live.judged, report.live.open, report.live.never) == (2, 1, 2)
    found = outcomes(database, actor)
    assert found[within][2] == "approximate churn date"
    assert found[returned][0] is False


def test_nobody_stayed_where_nobody_records_churn(
    database: Database, actor: Actor, customer: int, predicted: Predicted
) -> None:
    add_activity(database, actor, customer)
    predicted(customer, 120)
    report = validate(database, actor)
    assert (report.validated, report.complete_until, reasons(report)) == (0, None, {Unjudged.INCOMPLETE: 1})


@pytest.mark.usefixtures("recorded")
def test_stayed_only_as_far_as_the_tenant_says(
    database: Database, actor: Actor, customer: int, predicted: Predicted
) -> None:
    early, late = predicted(customer, 200), predicted(customer, 100)
    validate(database, actor)
    until = ago(60).date()
    with database.write(actor) as scope:
        TenantSettingRepository(scope).save("churn_complete_until", until.isoformat(), NOW)
    report = validate(database, actor)
    assert (report.complete_until, report.withdrawn, reasons(report)) == (until, 1, {Unjudged.INCOMPLETE: 1})
    found = outcomes(database, actor)
    assert (found[early][0], found[late]) == (False, (None, None, None, "EXPIRED"))


def test_a_judged_window_counts_where_day_and_length_match(
    database: Database, actor: Actor, customer: int, predicted: Predicted
) -> None:
    """No churn date is known anywhere."""
    end_of_day = ago(120).replace(hour=23, minute=59)
    midnight = end_of_day.replace(hour=0, minute=0)
    same = predicted(customer, 0, predicted_at=end_of_day)
    shorter = predicted(customer, 0, predicted_at=end_of_day, prediction_window=60)
    next_day = predicted(customer, 119)
    add_outcome(database, actor, customer, as_of=midnight, churned=True)
    other = add_account(database, actor)
    kept = predicted(other, 0, predicted_at=end_of_day)
    add_outcome(database, actor, other, as_of=midnight, churned=False)
    validate(database, actor)
    found = outcomes(database, actor)
    assert (found[same][:3], found[kept][:3]) == ((True, False, "judged window"), (False, True, "judged window"))
    assert (found[shorter][0], found[next_day][0]) == (None, None)


@pytest.mark.usefixtures("recorded")
def test_a_churn_that_turns_up_later_is_taken_in(
    database: Database, actor: Actor, customer: int, predicted: Predicted
) -> None:
    made = predicted(customer, 120)
    validate(database, actor)
    add_churn(database, actor, customer, churned_at=ago(40))
    report = validate(database, actor)
    assert (report.validated, report.withdrawn) == (1, 1)
    assert outcomes(database, actor)[made][0] is True


@pytest.mark.usefixtures("recorded")
def test_accounts_that_a_crm_calls_gone_left_at_a_rough_date(
    database: Database, actor: Actor, predicted: Predicted
) -> None:
    gone = add_account(database, actor, archived=True, updated_at=ago(30))
    made = predicted(gone, 70)
    report = validate(database, actor)
    assert outcomes(database, actor)[made][2] == "approximate churn date"
    assert report.live.judged == 1


@pytest.mark.usefixtures("recorded")
def test_marking_as_left_and_taking_it_back(
    database: Database, actor: Actor, customer: int, predicted: Predicted
) -> None:
    service = OutcomeService(database, lambda: NOW)
    kept, open_one = predicted(customer, 130), predicted(customer, 60)
    validate(database, actor)
    before = outcomes(database, actor)
    service.mark_churned(actor, customer, ago(45).date(), " Sold ")
    marked = outcomes(database, actor)
    assert (marked[kept][0], marked[open_one][0]) == (True, True)
    record = service.recorded(actor, customer)
    assert record is not None
    assert (record.reason, record.churned_at.date()) == ("Sold", ago(45).date())
    assert type_of(database, actor, customer) == "CHURNED"
    with pytest.raises(Invalid, match="already recorded"):
        service.mark_churned(actor, customer, ago(45).date())
    service.take_back(actor, customer, record.id)
    assert outcomes(database, actor) == before
    assert type_of(database, actor, customer) == "CUSTOMER"
    assert service.recorded(actor, customer) is None
    with pytest.raises(NotFound):
        service.take_back(actor, customer, record.id)


def type_of(database: Database, actor: Actor, account_id: int) -> str:
    with database.read(actor) as scope:
        return str(scope.execute(select(Account.type).where(Account.id == account_id)).scalar())


def test_imported_churn_cannot_be_taken_back(database: Database, actor: Actor, customer: int) -> None:
    event = add_churn(database, actor, customer)
    service = OutcomeService(database, lambda: NOW)
    assert service.recorded(actor, customer) is None
    with pytest.raises(NotFound):
        service.take_back(actor, customer, event)


def test_what_cannot_be_marked(database: Database, actor: Actor, customer: int) -> None:
    service = OutcomeService(database, lambda: NOW)
    with pytest.raises(Invalid, match="future"):
        service.mark_churned(actor, customer, date(2026, 7, 1))
    with pytest.raises(Invalid, match="at most 500"):
        service.mark_churned(actor, customer, NOW.date(), "x" * 501)
    viewer = Actor(tenant_id=actor.tenant_id, role=Role.VIEWER, user_id=actor.user_id)
    with pytest.raises(Forbidden):
        service.mark_churned(viewer, customer, NOW.date())
    with pytest.raises(NotFound):
        service.mark_churned(actor, 999_999, NOW.date())


@pytest.mark.usefixtures("recorded")
def test_the_number_of_statements_is_that_of_one_account(
    database: Database, actor: Actor, customer: int, predicted: Predicted
) -> None:
    predicted(customer, 120)
    with statements(database) as few:
        validate(database, actor)
    for _ in range(30):
        predicted(add_account(database, actor), 120)
    with statements(database) as many:
        validate(database, actor)
    assert len(many) == len(few)
