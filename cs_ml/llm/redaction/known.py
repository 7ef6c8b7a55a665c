"""The names of a whole tenant, found in a text however they are written: one pass of Aho-Corasick over folded text."""

from collections.abc import Iterator
from typing import Any

from cs_ml.domain.llm.entities import KnownNames
from cs_ml.llm.redaction.folding import Folded, fold, folded_character, is_boundary, kind_of
from cs_ml.llm.redaction.patterns import patterned, phone_keys
from cs_ml.llm.redaction.spans import Kind, Span
from cs_ml.llm.redaction.variants import account_names, endings, person_names, stems

# A name of so many letters is found inside words too: compounds, and endings that no list holds.
_LONG = 6
# And of so many even where spaces or signs were put between its letters.
_VERY_LONG = 8


class KnownEntities:
    """Immutable, so that threads may share it. `size` counts the patterns."""

    def __init__(self, names: KnownNames) -> None:
        import ahocorasick

        self.version = names.version
        self._endings = endings()
        self._automaton: Any = ahocorasick.Automaton()
        for account in names.accounts:
            for name in account_names(account.name):
                self._add_name(name, Kind.ACCOUNT, account_key(account.id))
        for person in names.people:
            for name in person_names(person):
                self._add_name(name, Kind.PERSON, str(person.id))
        self._add_addresses(names)
        phones = [phone for account in names.accounts for phone in account.phones]
        phones += [phone for person in names.people for phone in person.phones]
        self._phones = frozenset(key for phone in phones for key in phone_keys(phone))
        self.size = len(self._automaton)
        self._automaton.make_automaton()

    def find(self, text: str) -> Iterator[Span]:
        """Known names, and everything that shows by its form that it is an address or a number; spans may overlap."""
        yield from patterned(text, self._phones)
        if not self.size:
            return
        folded = fold(text)
        stems_too = []
        for last, (length, following, kind, key) in self._automaton.iter(folded.text):
            word = _word(folded.text, last + 1 - length, last + 1, self._endings if following is None else following)
            if word is None:
                continue
            span = Span(start=folded.places[word[0]], end=_end(text, folded, word[1]), kind=kind, key=key)
            if following is None:
                yield span
            else:
                stems_too.append(span)
        yield from stems_too  # a whole name before the stem of another that is written alike

    def has_trace(self, text: str) -> bool:
        """Whether a long name is left when all between letters is ignored: another way to look, for the end."""
        squeezed = fold(text).text.replace(" ", "")
        return bool(self.size) and any(
            length >= _VERY_LONG and following is None for _, (length, following, *_) in self._automaton.iter(squeezed)
        )

    def _add_name(self, name: str, kind: Kind, key: str) -> None:
        self._add(name, kind, key)
        for stem, following in stems(name):
            self._add(stem, kind, key, following)

    def _add_addresses(self, names: KnownNames) -> None:
        for account in names.accounts:
            for site in account.sites:
                self._add(fold(site).text.strip(), Kind.URL, site)
        for person in names.people:
            for email in person.emails:
                self._add(fold(email).text.strip(), Kind.EMAIL, email)

    def _add(self, name: str, kind: Kind, key: str, following: frozenset[str] | None = None) -> None:
        """`following`: endings of a stem. Whole names go before stems, the first of two alike before the second."""
        known = self._automaton.get(name, None) if name else None
        if name and (known is None or (known[1] is not None and following is None)):
            self._automaton.add_word(name, (len(name), following, kind, key))


def account_key(account_id: int) -> str:
    return str(account_id)


def _word(text: str, start: int, end: int, endings: frozenset[str]) -> tuple[int, int] | None:
    """The whole word around a match, None where the match is only a part of another word."""
    first, last = start, end
    while first > 0 and not is_boundary(text[first - 1], text[first]):
        first -= 1
    while last < len(text) and not is_boundary(text[last - 1], text[last]):
        last += 1
    ended = text[end:last] in endings
    inside = end - start >= _LONG and kind_of(text[start]) == "letter"
    return (first, last) if inside or (first == start and ended) else None


def _end(text: str, folded: Folded, end: int) -> int:
    """After the last character, and the accents and invisible ones that belong to it."""
    place = folded.places[end - 1] + 1
    while place < len(text) and not folded_character(text[place]):
        place += 1
    return place
