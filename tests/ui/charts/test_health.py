"""The health figure: lines with gaps, marks of events, bands; and the same in words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cs_ml.domain.context import Dimension
from cs_ml.domain.health.timeline import AccountEvent, EventKind, HealthReading
from cs_ml.domain.policy import HEALTH_BANDS
from cs_ml.ui.charts.health import health_figure, health_words

START = datetime(2026, 6, 1, tzinfo=UTC)
SPAN = (START, START + timedelta(days=60))


def reading(day: int, **scores: int) -> HealthReading:
    return HealthReading(at=START + timedelta(days=day), scores=scores)  # type: ignore[arg-type]


def event(day: int, kind: EventKind, text: str = "x") -> AccountEvent:
    return AccountEvent(at=START + timedelta(days=day), kind=kind, text=text)


def test_one_line_for_each_dimension() -> None:
    readings = [reading(0, overall=70, usage=60), reading(7, overall=65, usage=50)]
    dimensions: list[Dimension] = ["overall", "usage"]
    figure = health_figure(readings, [], dimensions, span=SPAN, zone=UTC)
    assert [trace.name for trace in figure.data] == ["Overall", "Usage"]
    assert list(figure.data[1].y) == [60, 50]
    assert len({trace.line.dash for trace in figure.data}) == 2  # told apart without colour
    assert list(figure.layout.yaxis.range) == [0, 100]


def test_a_long_pause_is_a_gap_and_a_usual_one_is_not() -> None:
    readings = [reading(day, overall=70) for day in (0, 7, 14, 49, 56)]
    line = health_figure(readings, [], ["overall"], span=SPAN, zone=UTC).data[0]
    assert list(line.y) == [70, 70, 70, None, 70, 70]
    assert line.connectgaps is False


def test_two_missing_days_of_daily_scores_are_no_gap() -> None:
    readings = [reading(day, overall=70) for day in (0, 1, 2, 5, 6)]
    line = health_figure(readings, [], ["overall"], span=SPAN, zone=UTC).data[0]
    assert None not in line.y


def test_events_stand_below_the_scores_with_their_text_as_text() -> None:
    events = [event(3, EventKind.CTA_OPENED, '<a href="http://elsewhere.example">x</a>'), event(9, EventKind.CHURN)]
    figure = health_figure([reading(0, overall=70)], events, ["overall"], span=SPAN, zone=UTC)
    marks = figure.data[1:]
    assert [trace.name for trace in marks] == ["CTA opened", "Churn"]
    assert marks[0].text == ('&lt;a href="http://elsewhere.example">x&lt;/a>',)
    assert all(y < 0 for trace in marks for y in trace.y)
    assert figure.layout.yaxis.range[0] < marks[0].y[0]


def test_each_band_of_health_is_drawn_and_named() -> None:
    figure = health_figure([reading(0, overall=70)], [], ["overall"], span=SPAN, zone=UTC)
    assert [(shape.y0, shape.y1) for shape in figure.layout.shapes] == [(80, 100), (60, 80), (40, 60), (0, 40)]
    assert [note.text for note in figure.layout.annotations] == [band.value for band in HEALTH_BANDS]


def test_times_are_of_the_readers_zone() -> None:
    figure = health_figure([reading(0, overall=70)], [], ["overall"], span=SPAN, zone=ZoneInfo("Asia/Tokyo"))
    assert figure.data[0].x[0].isoformat() == "2026-06-01T09:00:00+09:00"


def test_without_scores_the_figure_says_so() -> None:
    figure = health_figure([reading(0, overall=70)], [event(1, EventKind.CHURN)], ["financial"], span=SPAN, zone=UTC)
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == "No health scores in this time; a longer one can be chosen above"


def test_the_words_say_what_the_lines_show() -> None:
    readings = [reading(0, overall=72), reading(7, overall=38), reading(14, overall=41)]
    assert health_words(readings, ["overall", "usage"], 3) == (
        "Health scores over time. Overall: from 72 to 41, lowest 38, highest 72. Usage: no scores. Events marked: 3."
    )
