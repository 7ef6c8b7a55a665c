"""What shows by its form that it is an address or a number."""

import pytest

from cs_ml.llm.redaction.patterns import patterned, phone_keys
from cs_ml.llm.redaction.spans import Kind, Span, united


def covered(text: str, *phones: str) -> list[tuple[str, str]]:
    keys = {key for phone in phones for key in phone_keys(phone)}
    return [(span.kind.value, text[span.start : span.end]) for span in united(patterned(text, keys))]


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        (Kind.EMAIL, "anna.kowalska+x@mail.example.pl"),
        (Kind.EMAIL, "用户@例子.公司"),
        (Kind.EMAIL, "anna＠example．org"),
        (Kind.URL, "https://example.org/a?b=c#d"),
        (Kind.URL, "www.example.org"),
        (Kind.URL, "example.co.uk/path"),
        (Kind.URL, "@anna_k"),
        (Kind.IP, "192.168.0.1"),
        (Kind.IP, "2001:db8::ff00:42:8329"),
        (Kind.IBAN, "DE89 3704 0044 0532 0130 00"),
        (Kind.IBAN, "gb82west12345698765432"),
        (Kind.IBAN, "FR14-2004-1010-0505-0001-3M02-606"),
        (Kind.CARD, "4111 1111 1111 1111"),
        (Kind.CARD, "3782-822463-10005"),
        (Kind.PHONE, "+48 600 700 800"),
        (Kind.PHONE, "(030) 123-45 67"),
        (Kind.PHONE, "０３-1234-5678"),
        (Kind.PHONE, "٠٥٥١٢٣٤٥٦٧"),
    ],
)
def test_found_whole_and_nothing_around_it(kind: Kind, secret: str) -> None:
    assert covered(f"see {secret} please") == [(kind.value, secret)]


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-31",
        "31.03.2026 14:30",
        "14:30:00",
        "42 users",
        "1,250 EUR",
        "version 10.2",
        "99.5 %",
        "Q3/2026",
        "a:b",
        "3-5 days",
    ],
)
def test_dates_times_and_amounts_stay(text: str) -> None:
    assert covered(f"on {text} it was") == []


@pytest.mark.parametrize(
    ("number", "kind"), [("DE88 3704 0044 0532 0130 00", "PHONE"), ("4111 1111 1111 1112", "PHONE")]
)
def test_a_wrong_checksum_hides_the_digits_all_the_same(number: str, kind: str) -> None:
    ((found, text),) = covered(number)
    assert found == kind
    assert text.endswith(number[-4:])


def test_a_known_number_is_found_however_short_or_written() -> None:
    assert covered("call 47-11 now", "4711") == [("PHONE", "47-11")]
    assert covered("call 0049 (30) 12.34.56 now", "+49 30 123456") == [("PHONE", "0049 (30) 12.34.56")]
    assert covered("call 47 or 11 now", "4711") == []


def test_spans_that_overlap_become_one_of_the_longest_ones_kind() -> None:
    spans = [
        Span(start=0, end=4, kind=Kind.PERSON, key="a"),
        Span(start=2, end=9, kind=Kind.URL, key="b"),
        Span(start=8, end=10, kind=Kind.WORD, key="c"),
        Span(start=10, end=11, kind=Kind.PERSON, key="d"),
    ]
    assert [(s.start, s.end, s.kind) for s in united(spans)] == [(0, 10, Kind.URL), (10, 11, Kind.PERSON)]
