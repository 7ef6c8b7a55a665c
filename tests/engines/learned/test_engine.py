from dataclasses import replace

import pytest

from cs_ml.domain.context import ContactBand, HealthBand, Signals
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.policy import Bands, RiskBand
from cs_ml.engines.calibration.engine import CalibratedEngine
from cs_ml.engines.calibration.numbers import Calibration
from cs_ml.engines.learned.engine import LearnedEngine
from cs_ml.engines.learned.features import measures
from cs_ml.engines.learned.model import LearnedModel
from cs_ml.engines.learned.training import cold_start, train
from cs_ml.engines.rules import RulesEngine
from tests.engines.contexts import Contact, Facts, Score, Tenant, context_of, reference_of
from tests.engines.learned.made_up import PRIOR, SCORECARD, rows
from tests.support.factories import NOW

FACTS = Facts(contacts=[Contact(ago=3), Contact(ago=40, quantity=5)], scores=[Score(ago=5, overall=35)], renewal_in=20)
SIGNALS = Signals(
    contacts=[
        ContactBand(
            source="order",
            band=91,
            count=2,
            days=2,
            quantities=1,
            quantity=5.0,
            amounts=0,
            amount=0.0,
            positive=0,
            negative=1,
            first_at=NOW.replace(month=5),
            last_at=NOW.replace(day=1),
        )
    ],
    health=[HealthBand(band=30, points=1, lowest=35, highest=35, means={"overall": 35.0})],
)
CONTEXT = replace(context_of(FACTS), signals=SIGNALS)
REFERENCE = reference_of(Tenant())


def engine(model: LearnedModel | None = None) -> LearnedEngine:
    return LearnedEngine(model or train(rows(300, signal=1.0), PRIOR, SCORECARD.version), SCORECARD)


def test_the_parts_add_up() -> None:
    for window in (30, 90, 180):
        found = engine().assess(CONTEXT, REFERENCE, window).assessment
        points = sum(factor.points or 0 for factor in (*found.factors, *found.protective))
        parts = (found.base, found.rest, found.window_part, found.clipping)
        assert sum(part or 0 for part in parts) + points == pytest.approx(found.probability, abs=1e-9)
        assert found.factors
        assert all(factor.points > 0 for factor in found.factors if factor.points is not None)
        assert all(factor.points < 0 for factor in found.protective if factor.points is not None)


def test_every_reason_has_its_evidence() -> None:
    found = engine().assess(CONTEXT, REFERENCE, 90).assessment
    known = {fact.id for fact in found.evidence}
    assert all(factor.evidence[0] in known for factor in (*found.factors, *found.protective))


def test_longer_windows_mean_more() -> None:
    chances = [engine().assess(CONTEXT, REFERENCE, window).assessment.probability for window in (30, 90, 365)]
    assert chances == sorted(chances)
    assert chances[0] < chances[-1] <= 1


def test_it_says_that_behaviour_told_nothing() -> None:
    model = train(rows(300, signal=0.0), PRIOR, SCORECARD.version)
    found = engine(model).assess(CONTEXT, REFERENCE, 90).assessment
    assert "behaviour did not tell who left" in found.explanation
    assert found.confidence < 0.5
    assert not engine(model).serves


def test_a_cold_start_says_so_and_does_not_serve() -> None:
    model = cold_start([measures(CONTEXT, REFERENCE, SCORECARD)], PRIOR, 0.1, 90, SCORECARD.version)
    assert "Cold start" in engine(model).assess(CONTEXT, REFERENCE, 90).assessment.explanation
    assert not engine(model).serves


def test_without_the_long_view_or_with_another_scorecard_it_cannot_answer() -> None:
    with pytest.raises(EngineUnavailable):
        engine().assess(context_of(FACTS), REFERENCE, 90)
    with pytest.raises(EngineUnavailable):
        engine(train(rows(120, signal=1.0), PRIOR, "another")).assess(CONTEXT, REFERENCE, 90)


def test_features_of_any_source_and_field_are_found() -> None:
    custom = replace(CONTEXT.profile, custom_fields={"our/own": 3.0, "tier": "gold"})
    found = measures(replace(CONTEXT, profile=custom), REFERENCE, SCORECARD)
    assert found["custom/our/own"] == pytest.approx(1.386, abs=1e-3)
    assert found["custom/tier"] == "gold"
    assert found["contacts/count/91/*"] == pytest.approx(1.0986, abs=1e-3)
    assert "contacts/amount/91/*" not in found


def test_raw_and_adjusted_are_both_kept() -> None:
    rules = RulesEngine(SCORECARD)
    calibrated = CalibratedEngine(rules, Calibration(method="platt", slope=0.5, shift=-1.0), "v1", 0.04)
    raw, found = (one.assess(CONTEXT, REFERENCE, 90) for one in (rules, calibrated))
    assert found.assessment.raw_probability == raw.assessment.probability
    assert found.assessment.probability < raw.assessment.probability
    assert f"{found.assessment.probability:.0%} chance" in found.assessment.explanation
    assert found.provenance.version == f"{rules.version}+v1"
    assert found.assessment.base_rate == 0.04


def test_bands_of_calibrated_engines_go_by_the_base_rate() -> None:
    bands = Bands.around(0.04)
    assert [bands.of(p) for p in (0.15, 0.09, 0.05, 0.03)] == [
        RiskBand.CRITICAL,
        RiskBand.HIGH,
        RiskBand.MEDIUM,
        RiskBand.LOW,
    ]
