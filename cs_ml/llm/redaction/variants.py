"""The ways in which a name is written: short, swapped, transliterated, in one word, in another case."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cs_ml.domain.llm.entities import NamedPerson
from cs_ml.llm.redaction.folding import fold, kind_of

_VOWELS = frozenset("aeiouyаяоеийьыию")
_SHORTEST_STEM = 3
_LEGAL_WORDS = re.compile("株式会社|有限会社|合同会社|주식회사|有限公司|股份有限公司|شركة|㈱|㈲|\\(株\\)|\\(有\\)")
_APOSTROPHE = re.compile("['’‘`´ʼʻ]")
_TRANSLITERATED = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("å", "aa"), ("ø", "oe"), ("æ", "ae"), ("œ", "oe"))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lists:
    endings: frozenset[str]
    endings_after_k: frozenset[str]
    endings_after_two: frozenset[str]
    legal_forms: frozenset[str]


def endings() -> frozenset[str]:
    """What may follow a whole name within its word; "" too."""
    return _lists().endings | {""}


def account_names(name: str) -> set[str]:
    """Folded: as it is, without its legal form, and each of them in other spellings."""
    words = _LEGAL_WORDS.sub(" ", name).split()
    while len(words) > 1 and _is_legal(words[-1]):
        words.pop()
    while len(words) > 1 and _is_legal(words[0]):
        words.pop(0)
    return {spelling for text in (name, " ".join(words)) for spelling in _spellings(text)}


def person_names(person: NamedPerson) -> set[str]:
    """Folded: both names in either order, and each word of them that can stand for the person."""
    first, last = person.first_name, person.last_name
    texts = {f"{first} {last}", f"{last} {first}", f"{last}{first}", *_single(first), *_single(last)}
    return {spelling for text in texts for spelling in _spellings(text)}


def stems(name: str) -> Iterator[tuple[str, frozenset[str]]]:
    """What is left of a folded name where its ending changes, and the endings that may follow."""
    if not name[-1:].isalpha():
        return
    if name[-1] in _VOWELS and len(name) >= _SHORTEST_STEM:
        yield name[:-1], _lists().endings
    if name[-1] == "k" and len(name) > _SHORTEST_STEM:
        yield name[:-1], _lists().endings_after_k
    if len(name) >= _SHORTEST_STEM + 2:
        yield name[:-2], _lists().endings_after_two


def _is_legal(word: str) -> bool:
    """`A.Ş.`, `GmbH,`, `&` and the like."""
    folded = fold(word).text.replace(" ", "")
    return not folded or folded in _lists().legal_forms


def _single(name: str) -> Iterator[str]:
    """A whole name, and its words: no initials and no particles such as `van der`."""
    if len(fold(name).text.strip()) > 1 or (name and kind_of(fold(name).text[:1] or " ") == "attached"):
        yield name
    words = re.split(r"[\s\-]+", name)
    if len(words) > 1:
        yield from (word for word in words if len(fold(word).text.strip()) > 2 and not word[0].islower())


def _spellings(text: str) -> Iterator[str]:
    small = text.casefold()
    long, short = small, small
    for letter, letters in _TRANSLITERATED:
        long, short = long.replace(letter, letters), short.replace(letters, letter)
    for spelling in {small, long, short, text.replace("ß", "s").casefold()}:
        folded = fold(spelling).text.strip()
        yield folded
        yield fold(_APOSTROPHE.sub("", spelling)).text.strip()
        yield folded.replace(" ", "")


@cache
def _lists() -> _Lists:
    text = Path(__file__).with_name("names.toml").read_text(encoding="utf-8")
    return _Lists(**{name: frozenset(words.split()) for name, words in tomllib.loads(text).items()})
