"""The outlook and the anomalies in the health figure, the parts of a change, the bands by week."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cs_ml.domain.health.changes import Change, ChangePart
from cs_ml.domain.health.insights import Anomaly, AnomalyKind, HealthForecast, MarkedPoint
from cs_ml.domain.health.movements import BandWeek
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.domain.policy import HealthBand
from cs_ml.ui.charts.changes import change_figure
from cs_ml.ui.charts.movements import bands_figure, bands_words
from cs_ml.ui.charts.theme import ALARM
from cs_ml.ui.charts.trend import Outlook, trend_figure, trend_words

START = datetime(2026, 6, 1, tzinfo=UTC)
UNTIL = START + timedelta(days=60)
READINGS = [HealthReading(at=START + timedelta(days=day), scores={"overall": 70 - day // 2}) for day in (7, 30, 58)]
FORECAST = HealthForecast(
    at=UNTIL + timedelta(days=30), score=45, low=30, high=55, drop_probability=0.3, learned_from=900
)
OUTLOOK = Outlook(since=READINGS[-1].at, score=41, forecast=FORECAST)


def anomaly(kind: AnomalyKind, *, text: str = "fell") -> Anomaly:
    at = START + timedelta(days=30)
    return Anomaly(
        dimension="overall",
        kind=kind,
        meaning="unusual",
        severity="low",
        began=at,
        ended=at,
        points=-20,
        threshold=15,
        description=text,
        possible_causes=(),
        evidence=(MarkedPoint(at=at, score=55),),
    )


def names(*anomalies: Anomaly, outlook: Outlook | None = None) -> list[str]:
    figure = trend_figure(
        READINGS, [], ["overall"], anomalies=anomalies, outlook=outlook, span=(START, UNTIL), zone=UTC
    )
    return [trace.name for trace in figure.data]


def test_the_fan_opens_to_the_interval_and_the_axis_reaches_it() -> None:
    figure = trend_figure(READINGS, [], ["overall"], anomalies=[], outlook=OUTLOOK, span=(START, UNTIL), zone=UTC)
    fan, line = figure.data[1:]
    assert list(fan.y) == [41, 55, 30, 41]
    assert list(line.y) == [41, 45]
    assert figure.layout.xaxis.range[1] >= FORECAST.at
    assert "from 30 to 55" in trend_words([], ["overall"], OUTLOOK)


def test_each_kind_of_anomaly_has_a_shape_of_its_own_and_its_text_is_text() -> None:
    marked = [anomaly(kind, text="<b>x</b>") for kind in AnomalyKind]
    figure = trend_figure(READINGS, [], ["overall"], anomalies=marked, outlook=None, span=(START, UNTIL), zone=UTC)
    marks = figure.data[1:]
    assert len({mark.marker.symbol for mark in marks}) == 3
    assert marks[0].text == ("&lt;b>x&lt;/b>",)
    assert list(marks[0].y) == [55]


def test_what_is_not_shown_is_not_marked() -> None:
    figure = trend_figure(
        READINGS,
        [],
        ["usage"],
        anomalies=[anomaly(AnomalyKind.SUDDEN_DROP)],
        outlook=OUTLOOK,
        span=(START, UNTIL),
        zone=UTC,
    )
    assert len(figure.data) == 0
    assert names() == ["Overall"]


def test_a_forecast_that_is_past_is_no_outlook() -> None:
    past = Outlook(since=START, score=41, forecast=FORECAST)
    figure = trend_figure(READINGS, [], ["overall"], anomalies=[], outlook=past, span=(START, FORECAST.at), zone=UTC)
    assert len(figure.data) == 1


def test_parts_lead_from_before_to_after_and_red_is_worse() -> None:
    part = ChangePart(code="usage", label="Usage <i>", before=None, after=None, points=Decimal("-7.5"))
    change = Change(before=Decimal(60), after=Decimal("52.5"), before_at=START, after_at=UNTIL, parts=[part], note="")
    bars = change_figure(change, more_is_worse=False).data[0]
    assert list(bars.x) == [60.0, -7.5, 52.5]
    assert bars.decreasing.marker.color == ALARM
    assert bars.customdata[1] == "Usage &lt;i>"
    assert change_figure(change, more_is_worse=True).data[0].increasing.marker.color == ALARM


def test_bands_are_stacked_by_week_and_told_in_words() -> None:
    weeks = [
        BandWeek(at=START, accounts={HealthBand.GOOD: 5, None: 1}),
        BandWeek(at=UNTIL, accounts={HealthBand.POOR: 2, HealthBand.GOOD: 4}),
    ]
    figure = bands_figure(weeks, zone=UTC)
    assert {bar.name: list(bar.y) for bar in figure.data} == {"Poor": [0, 2], "Good": [5, 4], "No score": [1, 0]}
    assert len({bar.marker.pattern.shape for bar in figure.data}) == 3
    assert "Poor: from 0 to 2 accounts." in bands_words(weeks)
    assert bands_figure([], zone=UTC).layout.annotations[0].text == "No accounts in these weeks"
