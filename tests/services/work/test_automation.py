"""CTAs that nobody presses for: the tenant's switch, every rule, and the whole portfolio on request."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.ctas.decisions import SkipReason
from cs_ml.domain.ctas.values import CtaStatus, Dismissal
from cs_ml.domain.errors import Forbidden, Invalid
from cs_ml.domain.policy import RiskBand
from cs_ml.services.llm.chain import EngineChain
from cs_ml.services.predicting.batches import BatchService
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.tables import AccountMLPrediction
from tests.services.predictions.predicting import RULES
from tests.services.work.working import Work
from tests.support.factories import NOW, SUGGESTED, add_account, add_activity, add_cta, add_fact, add_health


def test_nothing_is_made_unless_the_tenant_wants_it(work: Work) -> None:
    account = work.suggested()
    assert work.automation.after(work.actor, [account]).generated == 0
    work.settings.set(work.actor, "auto_cta_levels", "critical")
    assert work.automation.after(work.actor, [account]).generated == 0
    work.settings.set(work.actor, "auto_cta_levels", "critical,high")
    done = work.automation.after(work.actor, [account])
    (cta,) = work.rows()
    assert (done.generated, done.results[0].cta_id) == (1, cta.id)
    assert (cta.is_automated, cta.trigger_rule, cta.status) == (True, "ML_CHURN", CtaStatus.OPEN)
    assert work.actions() == ["cta.automated"]
    assert work.automation.after(work.actor, [account]).results == []


def known_customer(work: Work) -> int:
    """Enough is known of it for confidence, and its health is low."""
    account = add_account(work.database, work.actor)
    for week in range(20):
        at = NOW - timedelta(weeks=week)
        add_health(work.database, work.actor, account, calculated_at=at, overall_score=30)
        add_activity(work.database, work.actor, account, completed_at=at)
    add_fact(work.database, work.actor, account, arr=Decimal(1000), renewal_date=NOW + timedelta(days=30))
    return account


def test_a_prediction_makes_its_cta_and_a_cached_one_or_a_skipping_one_none(work: Work) -> None:
    """At whatever risk the scorecard sees; the next prediction adds its evidence to the CTA that is open."""
    work.settings.set(work.actor, "auto_cta_levels", "critical,high,medium,low")
    account = known_customer(work)
    single = PredictionService(
        work.database, work.clock, EngineChain([RULES]), PredictionLimit(100), after=work.automation.after
    )
    single.predict(work.actor, account, skip_cta=True)
    made = single.predict(work.actor, account)
    assert (made.cached, made.proposal is not None, list(work.rows())) == (True, True, [])
    fresh = single.predict(work.actor, account, force_refresh=True)
    (cta,) = work.rows()
    assert cta.trigger_data["predictionId"] == fresh.id
    assert fresh.proposal is not None
    assert cta.title == fresh.proposal.title
    work.clock.advance(minutes=5)
    single.predict(work.actor, account, force_refresh=True)
    assert len(work.rows()) == 1
    assert work.actions() == ["cta.automated", "cta.evidence_added"]


@pytest.mark.parametrize("skip", [True, False])
def test_a_batch_makes_ctas_too(work: Work, skip: bool) -> None:
    work.settings.set(work.actor, "auto_cta_levels", "critical,high,medium,low")
    known_customer(work)
    BatchService(work.database, work.clock, [RULES], after=work.automation.after).predict_missing(
        work.actor, skip_cta=skip
    )
    assert len(work.rows()) == (0 if skip else 1)


def test_a_proposal_is_the_same_from_the_store_after_a_restart(work: Work, database_url: str) -> None:
    from cs_ml.store.database import Database

    account = add_account(work.database, work.actor)
    add_health(work.database, work.actor, account, overall_score=20)
    service = PredictionService(work.database, work.clock, EngineChain([RULES]), PredictionLimit(100))
    made = service.predict(work.actor, account)
    assert made.proposal is not None
    restarted = Database(database_url)
    again = PredictionService(restarted, work.clock, EngineChain([RULES]), PredictionLimit(100))
    stored = again.predict(work.actor, account)
    assert (stored.cached, stored.proposal) == (True, made.proposal)
    restarted.close()
    found = work.suggestions.proposal(work.actor, account)
    assert found.suggestion.proposal == made.proposal


def similar(work: Work, account: int) -> None:
    add_cta(work.database, work.actor, account, title=SUGGESTED["title"])


def cooling(work: Work, account: int) -> None:
    add_cta(
        work.database,
        work.actor,
        account,
        title="Another thing",
        status="CANCELLED",
        is_automated=True,
        created_at=NOW - timedelta(days=6, hours=23),
    )


def dismissed(work: Work, account: int) -> None:
    """The suggestion of a prediction before."""
    work.suggestions.dismiss(work.actor, account, Dismissal.NO_RISK)
    work.suggested(account, predicted_at=NOW + timedelta(minutes=1))


def used_up(work: Work, _account: int) -> None:
    work.settings.set(work.actor, "limit_ctas_per_day", "0")


HELD: list[tuple[SkipReason, dict[str, Any], Callable[[Work, int], None] | None]] = [
    (SkipReason.LOW_RISK, {"category": "medium", "probability": 0.4}, None),
    (SkipReason.CONFIDENCE, {"confidence": 0.49}, None),
    (SkipReason.SIMILAR_OPEN, {}, similar),
    (SkipReason.COOLDOWN, {}, cooling),
    (SkipReason.COOLDOWN, {}, dismissed),
    (SkipReason.LIMIT, {}, used_up),
]


@pytest.mark.parametrize(("reason", "prediction", "before"), HELD)
def test_every_rule_holds_it_back_and_the_preview_says_so(
    work: Work, reason: SkipReason, prediction: dict[str, Any], before: Callable[[Work, int], None] | None
) -> None:
    account = work.suggested(**prediction)
    if before:
        before(work, account)
    count = len(work.rows())
    for preview in (True, False):
        done = work.automation.generate(work.actor, preview=preview)
        assert (done.generated, {one.reason for one in done.results}) == (0, {reason})
        assert done.skipped == len(done.results)
    assert len(work.rows()) == count


def test_a_preview_changes_nothing_and_says_what_follows(work: Work) -> None:
    accounts = [work.suggested(probability=0.6 + 0.1 * number) for number in range(3)]
    preview = work.automation.generate(work.actor, most=2, preview=True)
    assert ([one.account_id for one in preview.results], list(work.rows())) == ([accounts[2], accounts[1]], [])
    done = work.automation.generate(work.actor, most=2)
    assert [one.account_id for one in done.results] == [one.account_id for one in preview.results]
    assert [row.generated_cta_id is not None for row in sorted(work.rows(AccountMLPrediction), key=lambda r: r.id)] == [
        False,
        True,
        True,
    ]


def test_the_daily_limit_counts_the_products_own_and_resets_at_the_tenants_midnight(work: Work) -> None:
    work.settings.set(work.actor, "limit_ctas_per_day", "2")
    work.settings.set(work.actor, "zone", "Asia/Tokyo")  # NOW is 21:00 there
    for _ in range(4):
        work.suggested()
    work.accepted()
    done = work.automation.generate(work.actor)
    assert (done.generated, done.skipped) == (2, 2)
    assert {one.decision.until for one in done.results if not one.created} == {NOW + timedelta(hours=3)}
    work.clock.advance(hours=2, minutes=59)
    assert work.automation.generate(work.actor).generated == 0
    work.clock.advance(minutes=1)
    assert work.automation.generate(work.actor).generated == 2


def test_medium_risk_only_on_request(work: Work) -> None:
    work.suggested(category="medium", probability=0.4)
    assert work.automation.generate(work.actor).generated == 0
    assert work.automation.generate(work.actor, levels=[RiskBand.MEDIUM]).generated == 1


def test_only_accounts_that_the_actor_sees(work: Work) -> None:
    work.suggested()
    limited = Actor(tenant_id=work.actor.tenant_id, role=Role.MEMBER, user_id=99_999, scope="owned")
    assert work.automation.generate(limited).results == []


def test_who_may_ask_and_for_how_many(work: Work) -> None:
    viewer = Actor(tenant_id=work.actor.tenant_id, role=Role.VIEWER, user_id=work.actor.user_id)
    with pytest.raises(Forbidden):
        work.automation.generate(viewer)
    with pytest.raises(Invalid):
        work.automation.generate(work.actor, most=0)
