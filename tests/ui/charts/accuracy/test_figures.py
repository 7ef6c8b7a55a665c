"""Figures of accuracy: what they draw of values, and in words."""

from cs_ml.evaluation.metrics import capacity, confusions, evaluate
from cs_ml.evaluation.report import Evaluation
from cs_ml.ui.charts.accuracy.calibration import calibration_figure, calibration_words
from cs_ml.ui.charts.accuracy.groups import skill_figure, skill_words
from cs_ml.ui.charts.accuracy.working import (
    capacity_figure,
    capacity_words,
    lead_counts,
    lead_figure,
    lead_words,
    threshold_figure,
    threshold_words,
)
from cs_ml.ui.charts.theme import NEUTRAL

CHURNED = [True] * 8 + [False] * 2 + [True] * 1 + [False] * 9
CHANCES = [0.5] * 10 + [0.1] * 10


def evaluation() -> Evaluation:
    return evaluate(CHURNED, CHANCES, range(20), resamples=50)


def test_groups_of_chances_stand_beside_the_line_where_they_are_right() -> None:
    figure = calibration_figure(evaluation().bins, [0.5] * 8 + [0.1], [0.5] * 2 + [0.1] * 9, faint=False)
    line, marks, left, stayed = figure.data
    assert list(line.x) == list(line.y)
    assert [round(value) for value in marks.x] == [10, 50]
    assert [round(value) for value in marks.y] == [10, 80]
    assert [round(value) for value in marks.error_y.array] == [30, 14]
    assert list(marks.customdata[1][:2]) == [10, 10]
    assert (sum(left.y), sum(stayed.y)) == (9, 11)
    assert left.marker.pattern.shape != stayed.marker.pattern.shape  # colour is not alone
    assert marks.marker.color != NEUTRAL
    assert calibration_figure(evaluation().bins, [], [], faint=True).data[1].marker.color == NEUTRAL


def test_calibration_in_words() -> None:
    words = calibration_words(evaluation().bins)
    assert "50% predicted, 80% left (n=10)" in words
    assert words.endswith("In 2 of 2 groups the two agree.")
    assert calibration_words([]) == "Nothing is judged yet."


def test_thresholds_mark_the_chosen_one() -> None:
    found = confusions(CHURNED, CHANCES, [0.0, 0.3, 1.0])
    figure = threshold_figure(found, [0.0, 0.3, 1.0], 0.3)
    precision, recall = figure.data
    assert [None if value is None else round(value) for value in precision.y] == [45, 80, None]
    assert [round(value) for value in recall.y] == [100, 89, 0]
    assert precision.line.dash != recall.line.dash
    assert figure.layout.shapes[0].x0 == 30
    assert threshold_words(found[1], 0.3).endswith("At 30%: 10 warnings, 8 came true; 1 customers left without one.")


def test_capacity_against_drawing_blindly() -> None:
    found = capacity(CHURNED, CHANCES, ["May"] * 20, 20)
    figure = capacity_figure(found, 10)
    by_chance, blindly = figure.data
    assert round(by_chance.y[9]) == 89
    assert blindly.y[9] == 50
    assert capacity_words(found[9], 10) == "With 10 accounts a month, 8 of 9 leavers are among them."


def test_lead_times_in_spans() -> None:
    assert lead_counts([3.0, 14.9, 15.0, 44.0]) == [(0, 2), (15, 1), (30, 1)]
    figure = lead_figure([3.0, 14.9, 15.0, 44.0])
    assert list(figure.data[0].x) == ["0 to 14", "15 to 29", "30 to 44"]
    assert lead_words([10.0, 20.0, 30.0]) == "First warnings of 3 customers, half of them 20 days or more ahead."
    assert lead_words([])


def test_skill_by_group_is_hollow_where_it_tells_nothing() -> None:
    groups = [("SMB", evaluation(), False), ("<b>Big</b>", evaluation(), True)]
    (marks,) = skill_figure(groups).data
    assert list(marks.y) == ["SMB", "&lt;b>Big&lt;/b>"]
    assert list(marks.marker.symbol) == ["circle", "circle-open"]
    assert "<b>Big</b>: too few to tell (n=20)" in skill_words(groups)


def test_nothing_says_so() -> None:
    empty = evaluate([], [], [])
    for figure in (
        calibration_figure([], [], [], faint=True),
        threshold_figure(confusions([], [], [0.5]), [0.5], 0.5),
        capacity_figure(capacity([], [], [], 3), 1),
        lead_figure([]),
        skill_figure([("none", empty, True)]),
    ):
        assert len(figure.data) == 0
        assert figure.layout.annotations[0].text
