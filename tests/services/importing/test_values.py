"""One cell at a time: what is taken, in which form, and what is refused."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_ml.domain.bundle import FILES, Column, Kind
from cs_ml.services.importing.values import converter


def check(kind: Kind, text: str, **options: Any) -> Any:
    return converter(Column(name="x", kind=kind, **options), {"A-1": 7}).check(text)


def is_refused(kind: Kind, text: str, **options: Any) -> bool:
    try:
        check(kind, text, **options)
    except ValueError:
        return True
    return False


TAKEN = [
    (Kind.INSTANT, "2026-03-31", "2026-03-31 00:00:00.000"),
    (Kind.INSTANT, "2026-03-31T10:00:00+02:00", "2026-03-31 08:00:00.000"),
    (Kind.INSTANT, "2026-03-31 23:30:00.123456-0130", "2026-04-01 01:00:00.123"),
    (Kind.INSTANT, "2024-02-29T10:05Z", "2024-02-29 10:05:00.000"),
    (Kind.INSTANT, "9999-12-31", "9999-12-31 00:00:00.000"),
    (Kind.MONEY, "1200.505", "1200.50"),
    (Kind.MONEY, "-0.001", "0.00"),
    (Kind.MONEY, "1e5", "100000.00"),
    (Kind.NUMBER, "007", "7"),
    (Kind.NUMBER, "12.50", "12.5"),
    (Kind.NUMBER, "-0", "0"),
    (Kind.SCORE, "66.5", 67),
    (Kind.SCORE, "66.49", 66),
    (Kind.SCORE, "100.0", 100),
    (Kind.PERCENTAGE, "0.285", 0.285),
    (Kind.COUNT, "25.0", 25),
    (Kind.FLAG, "1", True),
    (Kind.ACCOUNT, "A-1", 7),
    (Kind.EMAIL, "Jo@Example.com", "Jo@Example.com"),
    (Kind.TEXT, "00123", "00123"),
    (Kind.TEXT, "", None),
    (Kind.INSTANT, "", None),
    (Kind.SCORE, "", None),
]
REFUSED = [
    (Kind.INSTANT, "31.03.2026"),
    (Kind.INSTANT, "20260331"),
    (Kind.INSTANT, "2026-W13-2"),
    (Kind.INSTANT, "2026-3-1"),
    (Kind.INSTANT, "2025-02-29"),
    (Kind.INSTANT, "1899-12-31"),
    (Kind.INSTANT, "0001-01-01T00:00:00+10:00"),
    (Kind.INSTANT, "9999-12-31T23:00:00-10:00"),
    (Kind.INSTANT, "2026-03-31T25:00"),
    (Kind.INSTANT, " 2026-03-31"),
    (Kind.INSTANT, "٢٠٢٦-٠٣-٣١"),
    (Kind.MONEY, "$5"),
    (Kind.MONEY, "1,5"),
    (Kind.MONEY, "NaN"),
    (Kind.MONEY, "9999999999999.999"),
    (Kind.NUMBER, "Infinity"),
    (Kind.NUMBER, "1e15"),
    (Kind.NUMBER, "1_000"),
    (Kind.NUMBER, "0x10"),
    (Kind.NUMBER, " 1"),
    (Kind.SCORE, "100.4"),
    (Kind.SCORE, "-0.1"),
    (Kind.COUNT, "1.5"),
    (Kind.COUNT, "2147483648"),
    (Kind.FLAG, "true"),
    (Kind.FLAG, "2"),
    (Kind.ACCOUNT, "a-1"),
    (Kind.ACCOUNT, ""),
    (Kind.EMAIL, "jo"),
    (Kind.EMAIL, "jo@a b"),
    (Kind.EMAIL, "@x"),
]


@pytest.mark.parametrize(("kind", "text", "expected"), TAKEN, ids=ascii)
def test_taken(kind: Kind, text: str, expected: object) -> None:
    found = check(kind, text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(("kind", "text"), REFUSED, ids=ascii)
def test_refused(kind: Kind, text: str) -> None:
    assert is_refused(kind, text)


def test_a_choice_in_any_case() -> None:
    assert check(Kind.CHOICE, "InBound", choices=("inbound", "outbound")) == "inbound"
    assert is_refused(Kind.CHOICE, "bound", choices=("inbound", "outbound"))


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.ACCOUNT])
def test_a_required_value_must_be_there(kind: Kind) -> None:
    assert is_refused(kind, "", required=True, choices=("a",))


def test_without_accounts_every_reference_will_do() -> None:
    assert converter(Column(name="x", kind=Kind.ACCOUNT), None).check("anything") == -1


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FIRST, LAST = datetime.fromisoformat("1900-01-02"), datetime.fromisoformat("9999-12-30")


@given(st.datetimes(FIRST, LAST, timezones=OFFSETS))
def test_every_instant_is_taken_in_utc_to_the_millisecond(value: datetime) -> None:
    found = datetime.fromisoformat(check(Kind.INSTANT, value.isoformat())).replace(tzinfo=UTC)
    assert found == value.replace(microsecond=value.microsecond // 1000 * 1000)


@given(st.decimals(-(10**12), 10**12, allow_nan=False, places=4))
def test_money_is_rounded_to_cents(value: Decimal) -> None:
    assert abs(Decimal(check(Kind.MONEY, f"{value:f}")) - value) <= Decimal("0.005")


@given(st.floats(-1e14, 1e14))
def test_a_number_is_json(value: float) -> None:
    text = f"{value:.20f}"
    assert json.loads(check(Kind.NUMBER, text)) == float(text)


@given(st.text(max_size=20))
def test_any_text_is_a_value_or_refused(text: str) -> None:
    for file in FILES.values():
        for column in file.columns:
            try:
                converter(column, {"A-1": 0}).check(text)
            except ValueError:
                assert column.expected
