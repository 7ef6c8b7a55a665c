"""Training, who serves, and that nothing of later is known: on a small tenant whose customers fall silent and leave."""

from datetime import UTC, datetime, timedelta

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden, Invalid
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.learning.leaderboard import LeaderboardService
from cs_ml.services.learning.lineup import TenantLineups
from cs_ml.services.learning.rows import judged_windows, read_rows
from cs_ml.services.learning.training import TrainingReport, TrainingService
from cs_ml.store.database import Database
from cs_ml.store.tables import Account, CRMActivity, JudgedOutcome
from tests.support.factories import NOW, add_account, add_activity, add_outcome, add_tenant

SCORECARD = default_scorecard()
DAY = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMERS = 80


@pytest.fixture
def actor(database: Database) -> Actor:
    """Of 80 customers every fourth fell silent months before 2026 began, and left within 90 days of it."""
    actor = add_tenant(database)
    row = {
        "type": "CUSTOMER",
        "ownerId": actor.user_id,
        "createdAt": datetime(2024, 1, 1, tzinfo=UTC),
        "updatedAt": NOW,
    }
    with database.write(actor) as scope:
        names = [{**row, "name": f"Customer {number}"} for number in range(CUSTOMERS)]
        ids = scope.insert_returning_ids(Account, names)
        scope.insert(CRMActivity, [one for place, key in enumerate(ids) for one in _calls(actor, key, place % 4 == 0)])
        judged = {"asOf": DAY, "windowDays": 90, "createdAt": NOW}
        outcomes = [{**judged, "accountId": key, "churned": place % 4 == 0} for place, key in enumerate(ids)]
        scope.insert(JudgedOutcome, outcomes)
    return actor


def _calls(actor: Actor, account_id: int, silent: bool) -> list[dict[str, object]]:
    last = 150 if silent else 2 + account_id % 9
    return [
        {
            "accountId": account_id,
            "type": "CALL",
            "subject": "Call",
            "status": "COMPLETED",
            "completedAt": DAY - timedelta(days=days),
            "ownerId": actor.user_id,
            "createdById": actor.user_id,
            "createdAt": DAY - timedelta(days=days),
            "updatedAt": NOW,
        }
        for days in range(last, last + 200, 20)
    ]


def training(database: Database) -> TrainingService:
    return TrainingService(database, lambda: NOW, SCORECARD)


def lineups(database: Database) -> TenantLineups:
    return TenantLineups(database, RulesEngine(SCORECARD), SCORECARD)


def settings(database: Database) -> TenantSettingsService:
    return TenantSettingsService(database, lambda: NOW)


def test_a_tenant_learns_and_is_served(database: Database, actor: Actor) -> None:
    before = lineups(database)(actor, NOW)
    assert [engine.name for engine in before.free] == ["rules"]
    report = training(database).train(actor)
    assert (report.rows, report.churned, report.serves) == (CUSTOMERS, CUSTOMERS // 4, True)
    assert [one.method for one in report.calibrations] == ["platt", None]
    after = lineups(database)(actor, NOW)
    assert [engine.name for engine in after.free] == ["learned", "rules"]
    assert after.signals
    assert "+" in after.free[-1].version


def test_a_tenants_own_weights_count_in_its_scorecard_alone(database: Database, actor: Actor) -> None:
    training(database).train(actor)
    other = add_tenant(database, "other")
    service, found = settings(database), lineups(database)
    for code, weight in (("silence", 0.0), ("support", 2.0), ("support", 1.0)):
        service.weigh(actor, code, weight)
    assert dict(service.settings_of(actor).scorecard_weights) == {"silence": 0.0}
    weighted = SCORECARD.weighted({"silence": 0.0, "gone by now": 2.0})
    assert found(actor, NOW).free[-1].version == weighted.version != SCORECARD.version
    assert found.rules(actor).version == weighted.version
    assert found.rules(other).version == SCORECARD.version == found(other, NOW).free[-1].version
    assert [part.weight for part in service.scorecard(actor)] == [0.0] + [1.0] * (len(SCORECARD.part) - 1)
    service.weigh(actor, "silence", 1.0)
    assert "+" in found(actor, NOW).free[-1].version  # adjusted to what happened again
    with pytest.raises(Invalid, match="has no part `luck`"):
        service.weigh(actor, "luck", 1.5)


def test_twice_any_part_is_still_a_probability() -> None:
    assert max(2 * part.most for part in SCORECARD.part) <= 1
    doubled = SCORECARD.weighted({part.code: 2.0 for part in SCORECARD.part})
    assert type(SCORECARD).model_validate(doubled.model_dump()) == doubled


def test_again_is_the_same_model(database: Database, actor: Actor) -> None:
    one, two = (training(database).train(actor) for _ in range(2))
    assert (one.version, one.fingerprint) == (two.version, two.fingerprint)


def test_training_comes_back_where_more_is_judged(database: Database, actor: Actor) -> None:
    first = training(database).train_again(actor)
    assert first
    assert (first.rows, first.serves) == (CUSTOMERS, True)
    assert training(database).train_again(actor) is None
    account = add_account(database, actor)
    add_activity(database, actor, account, completed_at=DAY - timedelta(days=30))
    with database.write(actor) as scope:
        judged = {"asOf": DAY, "windowDays": 90, "createdAt": NOW}
        scope.insert(JudgedOutcome, [{**judged, "accountId": account, "churned": False}])
    second = training(database).train_again(actor)
    assert second
    assert (second.rows, second.fingerprint != first.fingerprint) == (CUSTOMERS + 1, True)


def test_training_does_not_come_back_for_few_outcomes(database: Database) -> None:
    actor = add_tenant(database)
    add_outcome(database, actor, add_account(database, actor))
    assert training(database).train_again(actor) is None


def test_what_was_trained_later_did_not_serve_before(database: Database, actor: Actor) -> None:
    training(database).train(actor)
    assert [engine.name for engine in lineups(database)(actor, NOW - timedelta(days=1)).free] == ["rules"]


@pytest.mark.parametrize(
    ("champion", "names", "llm"),
    [("rules", ["rules"], False), ("learned", ["learned", "rules"], False), ("llm", ["learned", "rules"], True)],
)
def test_the_champion_says_who_serves(
    database: Database, actor: Actor, champion: str, names: list[str], llm: bool
) -> None:
    training(database).train(actor)
    settings(database).set(actor, "champion", champion)
    found = lineups(database)(actor, NOW)
    assert ([engine.name for engine in found.free], found.llm) == (names, llm)


def test_a_cold_start_serves_only_where_it_is_picked(database: Database) -> None:
    actor = add_tenant(database)
    add_activity(database, actor, add_account(database, actor))
    report = training(database).train(actor)
    assert (report.kind, report.serves) == ("prior", False)
    assert [engine.name for engine in lineups(database)(actor, NOW).free] == ["rules"]
    settings(database).set(actor, "champion", "learned")
    assert [engine.name for engine in lineups(database)(actor, NOW).free] == ["learned", "rules"]


def test_auto_follows_the_leaderboard_and_needs_judged_predictions(database: Database, actor: Actor) -> None:
    settings(database).set(actor, "champion", "auto")
    board = LeaderboardService(database, lambda: NOW).settle(actor)
    assert (list(board.places), board.champion) == ([], None)


def test_only_windows_that_had_ended_are_learned_from(database: Database, actor: Actor) -> None:
    ended = DAY + timedelta(days=91)
    assert judged_windows(database, actor, 90, DAY + timedelta(days=89)) == {}
    assert sum(map(len, judged_windows(database, actor, 90, ended).values())) == CUSTOMERS
    assert training(database).engine_at(actor, DAY + timedelta(days=89)) is None
    assert training(database).engine_at(actor, ended) is not None


def test_a_planted_leak_changes_nothing(database: Database, actor: Actor) -> None:
    """Contacts after the window began, with those alone that left."""
    asked = judged_windows(database, actor, 90, NOW)

    def read() -> object:
        return read_rows(database, actor, asked, window_days=90, scorecard=SCORECARD, now=NOW).measures

    before = read()
    for account_id, churned in next(iter(asked.values())).items():
        if churned:
            add_activity(database, actor, account_id, completed_at=DAY + timedelta(days=30), subject="left")
    assert read() == before


def test_whom_training_is_not_for(database: Database, actor: Actor) -> None:
    viewer = Actor(tenant_id=actor.tenant_id, role=Role.VIEWER, user_id=actor.user_id)
    with pytest.raises(Forbidden):
        training(database).train(viewer)
    with pytest.raises(Forbidden):
        training(database).train_again(viewer)
    limited = Actor(tenant_id=actor.tenant_id, role=Role.ADMIN, user_id=actor.user_id, scope="owned")
    for ask in (training(database).train, training(database).train_again):
        with pytest.raises(Forbidden):
            ask(limited)


@pytest.mark.usefixtures("actor")
def test_another_tenants_outcomes_teach_nothing(database: Database) -> None:
    other = add_tenant(database)
    add_outcome(database, other, add_account(database, other))
    report: TrainingReport = training(database).train(other)
    assert report.rows <= 1
