"""Places in a text that must not be sent as they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a placeholder stands for; the word in it."""

    ACCOUNT = "ACCOUNT"
    PERSON = "PERSON"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    URL = "URL"
    IP = "IP"
    IBAN = "IBAN"
    CARD = "CARD"
    WORD = "WORD"


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """text[start:end] is a `kind`. `key` tells two things of a kind apart; spellings of one thing share it."""

    start: int
    end: int
    kind: Kind
    key: str


def united(spans: Iterable[Span]) -> list[Span]:
    """In order and apart: where spans overlap, one from the first start to the last end, of the longest one's kind."""
    apart: list[Span] = []
    longest = 0
    for span in sorted(spans, key=lambda found: (found.start, -found.end)):
        length = span.end - span.start
        if not apart or span.start >= apart[-1].end:
            apart.append(span)
            longest = length
            continue
        last = apart[-1]
        lead = span if length > longest else last
        longest = max(longest, length)
        apart[-1] = Span(start=last.start, end=max(last.end, span.end), kind=lead.kind, key=lead.key)
    return apart
