"""The scorecard file: what it must hold, and how it says what is wrong."""

from typing import Any

import pytest
from pydantic import ValidationError

from cs_ml.engines.features import FEATURES
from cs_ml.engines.scorecard import Part, Scorecard, default_scorecard

PART: dict[str, Any] = {
    "code": "silence",
    "label": "Silence",
    "quantity": "no_contact_ahead",
    "points": [[0.0, 0.0], [1.0, 0.3]],
    "threshold": "as usual",
    "risk": "Silent.",
    "protective": "In touch.",
    "action": "Call",
    "effort": "low",
    "expected": "Contact",
}
REFUSED = [
    ({"quantity": "phase_of_the_moon"}, "unknown quantity 'phase_of_the_moon': use one of no_contact_ahead, "),
    ({"points": [[0, 0.0], [1, 0.3], [2, 0.1]]}, "the points must only rise or only fall"),
    ({"points": [[0, 0.3], [1, 0.1], [2, 0.2]]}, "the points must only rise or only fall"),
    ({"points": [[1, 0.0], [0, 0.3]]}, "the quantities of the points must rise"),
    ({"points": [[0, 0.0], [0, 0.3]]}, "the quantities of the points must rise"),
    ({"points": [[0, 0.0]]}, "at least 2 items"),
    ({"points": [[0, -0.1], [1, 0.3]]}, "greater than or equal to 0"),
    ({"points": [[0, 0.0], [1, 1.3]]}, "less than or equal to 1"),
    ({"points": [[float("nan"), 0.0], [1, 0.3]]}, "finite number"),
    ({"effort": "huge"}, "'low', 'medium' or 'high'"),
    ({"colour": "red"}, "Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("changed", "sentence"), REFUSED)
def test_a_wrong_part_is_refused_with_a_sentence(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Scorecard.model_validate({"base": 0.05, "part": [PART, {**PART, "code": "other", **changed}]})
    assert sentence in str(refused.value)
    assert "part.1" in str(refused.value)


@pytest.mark.parametrize("base", [-0.1, 1.1, float("nan"), "much"])
def test_the_base_is_a_probability(base: object) -> None:
    with pytest.raises(ValidationError):
        Scorecard.model_validate({"base": base, "part": [PART]})


def test_a_part_named_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="silence"):
        Scorecard.model_validate({"base": 0.05, "part": [PART, PART]})


def test_flat_falling_and_rising_points_are_fine() -> None:
    for points in ([[0, 0.1], [1, 0.1]], [[0, 0.2], [1, 0.1], [2, 0.1]], [[0, 0.0], [1, 0.0], [5, 0.4]]):
        part = Part.model_validate({**PART, "points": points})
        assert part.most == max(y for _, y in points)
        assert part.points_at(-1e9) == points[0][1]
        assert part.points_at(1e9) == points[-1][1]


def test_the_version_is_that_of_the_content() -> None:
    one, other = (Scorecard.model_validate({"base": base, "part": [PART]}) for base in (0.05, 0.06))
    assert one.version != other.version
    assert one.version == Scorecard.model_validate({"base": 0.05, "part": [PART]}).version


def test_the_scorecard_that_ships_judges_every_quantity_once() -> None:
    shipped = default_scorecard()
    assert sorted(part.quantity for part in shipped.part) == sorted(FEATURES)
    assert shipped.base + max(part.most for part in shipped.part) < 1
