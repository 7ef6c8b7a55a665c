"""Addresses and numbers that show by their form what they are. Rather one too many than one too few."""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator

from cs_ml.llm.redaction.spans import Kind, Span

PHONE_DIGITS = 7  # so many digits in a row, dates apart, are taken for a phone number
_SHORTEST_IBAN, _LONGEST_IBAN = 15, 34
_CARD_DIGITS = range(13, 20)

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]+@[^\s@<>()\[\],;:\"]+")
_URL = re.compile(
    r"\b(?:[a-z][a-z0-9+.-]{1,20}://|www\.|mailto:)[^\s<>\"]+"
    r"|(?<![\w@.-])(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,24}(?:[/?#:][^\s<>\"]*)?"
    r"|(?<!\w)@\w{2,}",
    re.IGNORECASE,
)
_IP = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)|(?<![\w:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])",
    re.IGNORECASE,
)
_IBAN = re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?:[ .-]?[A-Z0-9]){11,30}", re.IGNORECASE)
_DIGITS = re.compile(r"[+(]{0,2}\d(?:[ \t\u00a0\u2007\u202f()./\-\u2010-\u2015\u2212·]{0,3}\d)+")
_DATE = re.compile(r"(?<!\d)(?:\d{4}([-./])\d{1,2}\1\d{1,2}|\d{1,2}([-./])\d{1,2}\2\d{4})(?!\d)")


def patterned(text: str, phones: Collection[str] = ()) -> Iterator[Span]:
    """`phones`: digits of known numbers (see `phone_keys`), which are found however short they are."""
    plain = _plain(text)
    yield from _found(_EMAIL, plain, Kind.EMAIL)
    yield from _found(_URL, plain, Kind.URL)
    yield from _found(_IP, plain, Kind.IP, _is_ip)
    yield from _ibans(plain)
    yield from _numbers(plain, phones)


def phone_keys(number: str) -> frozenset[str]:
    """Digits by which a known number is found again: all, and the last, whatever country and trunk code precede."""
    digits = _only_digits(_plain(number))
    if len(digits) < 3:
        return frozenset()
    return frozenset({digits, digits[-PHONE_DIGITS:]})


def _plain(text: str) -> str:
    """Full-width and other forms of ASCII as ASCII; every character stays where it is."""
    return "".join(_plain_character(character) for character in text)


def _plain_character(character: str) -> str:
    if character.isascii():
        return character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character


def _found(pattern: re.Pattern[str], text: str, kind: Kind, accepts: Callable[[str], bool] = bool) -> Iterator[Span]:
    for match in pattern.finditer(text):
        if accepts(match.group()):
            yield Span(start=match.start(), end=match.end(), kind=kind, key=match.group().casefold())


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ibans(text: str) -> Iterator[Span]:
    """The longest beginning of each candidate whose checksum holds (ISO 13616): the next word may look like more."""
    for match in _IBAN.finditer(text):
        for end in range(match.end(), match.start() + _SHORTEST_IBAN - 1, -1):
            code = re.sub(r"[ .-]", "", text[match.start() : end]).upper()
            whole = text[end - 1].isalnum() and code.isascii() and _SHORTEST_IBAN <= len(code) <= _LONGEST_IBAN
            if whole and _is_iban(code):
                yield Span(start=match.start(), end=end, kind=Kind.IBAN, key=code)
                break


def _is_iban(code: str) -> bool:
    turned = code[4:] + code[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def _numbers(text: str, phones: Collection[str]) -> Iterator[Span]:
    dates = [match.span() for match in _DATE.finditer(text)]
    for match in _DIGITS.finditer(text):
        digits = _only_digits(match.group())
        if len(digits) in _CARD_DIGITS and _is_card(digits):
            kind = Kind.CARD
        elif _is_known(digits, phones) or (len(digits) >= PHONE_DIGITS and not _is_date(match, dates)):
            kind = Kind.PHONE
        else:
            continue
        yield Span(start=match.start(), end=match.end(), kind=kind, key=digits)


def _is_date(match: re.Match[str], dates: list[tuple[int, int]]) -> bool:
    """A date, alone or with a time of day after it."""
    return any(start <= match.start() and match.end() <= end + len(" 23") for start, end in dates)


def _is_known(digits: str, phones: Collection[str]) -> bool:
    tails = (digits[i : i + PHONE_DIGITS] for i in range(max(len(digits) - PHONE_DIGITS + 1, 1)))
    return digits in phones or any(tail in phones for tail in tails)


def _is_card(digits: str) -> bool:
    """The checksum of ISO/IEC 7812 (Luhn)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _only_digits(text: str) -> str:
    return "".join(character for character in text if character.isdecimal())
