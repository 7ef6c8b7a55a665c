"""What is left when everything but common words is covered: the second layer over free text.

A list of words cannot tell Rose from a rose. Three things help: with a capital letter a word must be very common to
stay; a word that is about as frequent in many languages is most likely a name; and in Japanese a single character says
nothing. Thresholds were chosen on the notes that `python -m benchmarks.llm.redaction` measures with other names.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from cs_ml.llm.redaction.folding import kind_of
from cs_ml.llm.redaction.spans import Kind, Span

SPACED = ("de", "en", "es", "fr", "it", "nl", "pl", "pt", "tr")
JOINED = "ja"
# On Zipf's scale: 4.5 is once in 32,000 words, 6 is once in a thousand.
COMMON, COMMON_CAPITAL, COMMON_JOINED = 4.5, 5.5, 5.3
# In so many languages within so much of each other, and not among the very commonest: a name.
NAME_LANGUAGES, NAME_SPREAD, NO_NAME = 5, 1.3, 6.0
_WORD = re.compile(r"[^\W\d_]+")
_SINGLE_SIGN = re.compile("[\u3400-\u9fff]")
_LONGEST_JOINED = 8


@dataclass(frozen=True, slots=True)
class _Common:
    """Words that may stay: as they are, with a capital letter, in scripts without spaces."""

    small: frozenset[str]
    capital: frozenset[str]
    joined: frozenset[str]


def uncommon(text: str) -> Iterator[Span]:
    """Words that might be names in any of the ten languages; words of other languages too."""
    common = _common()
    for match in _WORD.finditer(text):
        word = match.group()
        if kind_of(word[0]) == "attached":
            yield from _uncommon_joined(word, match.start(), common.joined)
        elif word.casefold() not in (common.capital if word[0].isupper() else common.small):
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
def _common() -> _Common:
    """Made once, in about a second."""
    spaced = [_frequencies(language) for language in SPACED]
    frequent = {word for known in spaced for word, zipf in known.items() if zipf >= COMMON}
    words = {word: sorted((known.get(word, 0.0) for known in spaced), reverse=True) for word in frequent}
    safe = {word: zipfs[0] for word, zipfs in words.items() if not _is_name_like(zipfs)}
    return _Common(
        small=frozenset(safe),
        capital=frozenset(word for word, zipf in safe.items() if zipf >= COMMON_CAPITAL),
        joined=frozenset(
            word
            for word, zipf in _frequencies(JOINED).items()
            if zipf >= COMMON_JOINED and not _SINGLE_SIGN.fullmatch(word)
        ),
    )


def _is_name_like(zipfs: list[float]) -> bool:
    """`zipfs`: of one word in all languages, highest first."""
    last = zipfs[NAME_LANGUAGES - 1]
    return zipfs[0] < NO_NAME and last > 0 and zipfs[0] - last < NAME_SPREAD


def _frequencies(language: str) -> Mapping[str, float]:
    """Word -> frequency on Zipf's scale, 1 to 8."""
    from wordfreq import get_frequency_list

    # A bucket's place is the frequency in negative centibels, 100 to one step of Zipf's scale, which ends at 9.
    buckets = get_frequency_list(language, "small")
    return {word.casefold(): 9 - place / 100 for place, bucket in enumerate(buckets) for word in bucket}
