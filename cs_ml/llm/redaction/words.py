"""What is left when everything but common words is covered: the second layer over free text."""

import re
from collections.abc import Iterator
from functools import cache

from cs_ml.llm.redaction.folding import kind_of
from cs_ml.llm.redaction.spans import Kind, Span

LANGUAGES = ("de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt", "tr")
COMMON_ZIPF = 4.0  # once in 100,000 words
_CAPITAL_ZIPF = 5.0  # a name is often a common word too, or common by itself: with a capital letter more is asked for
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST_JOINED = 8


def uncommon(text: str) -> Iterator[Span]:
    """Words that are not common in any of LANGUAGES; those with a capital letter must be very common to stay."""
    common, very_common = _common()
    for match in _WORD.finditer(text):
        word = match.group()
        if kind_of(word[0]) == "attached":
            yield from _uncommon_joined(word, match.start(), common)
        elif word.casefold() not in (very_common if word[0].isupper() else common):
            yield _span(match.start(), match.end(), word)


def _uncommon_joined(run: str, start: int, common: frozenset[str]) -> Iterator[Span]:
    """Without spaces: the longest common word from each place on; what none covers is uncommon."""
    place = begin = 0
    while place < len(run):
        ends = range(min(len(run), place + _LONGEST_JOINED), place, -1)
        end = next((end for end in ends if run[place:end] in common), None)
        if end is None:
            place += 1
            continue
        if begin < place:
            yield _span(start + begin, start + place, run[begin:place])
        place = begin = end
    if begin < place:
        yield _span(start + begin, start + place, run[begin:place])


def _span(start: int, end: int, word: str) -> Span:
    return Span(start=start, end=end, kind=Kind.WORD, key=word.casefold())


@cache
def _common() -> tuple[frozenset[str], frozenset[str]]:
    """About a second, once: words of COMMON_ZIPF, and of _CAPITAL_ZIPF, in any of LANGUAGES."""
    from wordfreq import get_frequency_list

    # A bucket's place is the frequency in negative centibels, 100 to one step of Zipf's scale, which ends at 9.
    places = [int(100 * (9 - zipf)) for zipf in (COMMON_ZIPF, _CAPITAL_ZIPF)]
    lists = [get_frequency_list(language, "small") for language in LANGUAGES]
    common, very_common = (
        frozenset(word.casefold() for found in lists for bucket in found[: place + 1] for word in bucket)
        for place in places
    )
    return common, very_common
