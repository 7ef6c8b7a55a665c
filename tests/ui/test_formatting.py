"""Values as words: each with its unit, nothing rounded to a lie."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_ml.domain.llm.usage import FAULT_SENTENCES, BreakerState, Fault
from cs_ml.domain.policy import RiskBand
from cs_ml.ui import formatting

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def spaced(words: str) -> str:
    return words.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (None, "not known"),
        (0.0, "0 %"),
        (0.002, "under 1 %"),
        (0.005, "1 %"),
        (0.125, "13 %"),
        (0.62, "62 %"),
        (0.997, "over 99 %"),
        (1.0, "100 %"),
    ],
)
def test_percent(share: float | None, words: str) -> None:
    assert spaced(formatting.percent(share)) == words


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        (0.62, "about 6 in 10 like this"),
        (0.98, "nearly all like this"),
        (0.05, "about 1 in 20 like this"),
        (0.11, "about 1 in 9 like this"),
        (0.03, "about 1 in 30 like this"),
        (0.0, "fewer than 1 in 60 like this"),
    ],
)
def test_a_chance_is_counted_in_accounts(chance: float, words: str) -> None:
    assert formatting.chance_words(chance) == words


@given(st.floats(0, 1))
def test_every_chance_has_words(chance: float) -> None:
    assert formatting.chance_words(chance).endswith("like this")


@pytest.mark.parametrize(
    ("chance", "usual", "words"),
    [
        (0.30, 0.10, "3 times the usual"),
        (0.25, 0.10, "2.5 times the usual"),
        (0.13, 0.10, "somewhat above the usual"),
        (0.10, 0.10, "about the usual"),
        (0.07, 0.10, "somewhat below the usual"),
        (0.02, 0.10, "half the usual or less"),
        (0.5, 0.0, "no usual rate to compare with"),
    ],
)
def test_a_chance_beside_the_usual(chance: float, usual: float, words: str) -> None:
    assert formatting.times_usual(chance, usual) == words


def test_points_are_no_percent_and_carry_their_sign() -> None:
    assert spaced(formatting.points(12.4)) == "+12 points"
    assert spaced(formatting.points(-1)) == "\N{MINUS SIGN}1 point"
    assert spaced(formatting.points(0.04, digits=1)) == "0.0 points"
    assert spaced(formatting.points(0.44, digits=1)) == "+0.4 points"


def test_money_has_its_currency() -> None:
    assert spaced(formatting.money(Decimal("48000.4"), "USD")) == "48,000 USD"
    assert spaced(formatting.money(Decimal("12.5"), "EUR")) == "12.50 EUR"
    assert spaced(formatting.money(Decimal(-1200), "EUR")) == "\N{MINUS SIGN}1,200 EUR"
    assert spaced(formatting.money(Decimal(5), None)) == "5 (currency not known)"
    assert formatting.money(None, "USD") == "not known"


def test_dates_are_of_the_readers_zone() -> None:
    assert spaced(formatting.day(NOW, UTC)) == "22 Nov 2026"
    assert spaced(formatting.instant(NOW, BERLIN)) == "23 Nov 2026, 00:30"
    assert spaced(formatting.day(date(2026, 11, 22), BERLIN)) == "22 Nov 2026"
    assert spaced(formatting.when(NOW - timedelta(days=3), NOW, UTC)) == "19 Nov 2026 (3 days ago)"
    assert formatting.when(None, NOW, UTC) == "not known"


@pytest.mark.parametrize(
    ("back", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=61), "2 months ago"),
        (timedelta(days=-2), "in 2 days"),
    ],
)
def test_how_long_ago(back: timedelta, words: str) -> None:
    assert spaced(formatting.ago(NOW - back, NOW)) == words


@pytest.mark.parametrize(("days", "words"), [(None, "not known"), (0, "today"), (1, "in 1 day"), (-3, "3 days ago")])
def test_a_countdown(days: int | None, words: str) -> None:
    assert spaced(formatting.countdown(days)) == words


def test_every_band_has_a_word_and_a_shape_of_its_own() -> None:
    labels = [formatting.band_label(band) for band in RiskBand]
    assert labels[0].endswith("Critical risk")
    assert len({label[0] for label in labels}) == len(RiskBand)


def test_counts_and_codes_as_words() -> None:
    assert spaced(formatting.count(1, "account")) == "1 account"
    assert spaced(formatting.count(1204, "account")) == "1,204 accounts"
    assert formatting.words("IN_PROGRESS") == "in progress"


@pytest.mark.parametrize(
    ("dollars", "words"),
    [
        (None, "not known"),
        ("0", "0 USD"),
        ("0.00001", "under 0.0001 USD"),
        ("0.00036", "0.0004 USD"),
        ("100", "100 USD"),
    ],
)
def test_small_cost(dollars: str | None, words: str) -> None:
    assert spaced(formatting.small_cost(None if dollars is None else Decimal(dollars))) == words


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_points_apart_are_what_readers_subtract(one: float, other: float) -> None:
    read = [int(spaced(formatting.percent(share)).split()[0]) for share in (one, other)]
    assert formatting.points_apart(one, other) == abs(read[0] - read[1])


@pytest.mark.parametrize("fault", Fault)
def test_every_stored_reason_is_a_sentence(fault: Fault) -> None:
    assert formatting.fault_words(str(fault)) == FAULT_SENTENCES[fault]
    assert formatting.fault_words("no_data_yet") == "No data yet."


@pytest.mark.parametrize(
    ("kind", "left", "words"),
    [("open", 24.2, "in 25 seconds"), ("open", None, "after a restart"), ("half_open", 0.0, "The next call")],
)
def test_next_try(kind: Literal["open", "half_open"], left: float | None, words: str) -> None:
    state = BreakerState(kind=kind, fault=Fault.SERVER_ERROR, retry_in_s=left)
    assert words in spaced(formatting.next_try(state))
