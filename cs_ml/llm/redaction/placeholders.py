"""Placeholders of one request: issued while a prompt is made, turned back in the answer, then gone."""

import re
from collections import Counter
from collections.abc import Mapping

from cs_ml.llm.redaction.known import KnownEntities, account_key
from cs_ml.llm.redaction.spans import Kind, Span, united
from cs_ml.llm.redaction.words import uncommon

REMOVED = "[removed]"
MAX_VALUE, MAX_NOTE = 60, 160  # characters of a structured value, and of a subject or title
_READ = 4  # times as many are read: what stands beyond cannot come back in
_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(Kind)})_[0-9]+(?:_[0-9]+)?\]", re.IGNORECASE)
_NEUTRAL: Mapping[Kind, str] = {
    Kind.ACCOUNT: "the customer",
    Kind.PERSON: "a person",
    Kind.EMAIL: "an e-mail address",
    Kind.PHONE: "a phone number",
    Kind.URL: "a link",
    Kind.IP: "an address",
    Kind.IBAN: "a bank account",
    Kind.CARD: "a card number",
    Kind.WORD: "something",
}
_FENCE = str.maketrans("<>", "‹›")  # nobody closes the marks around the data


class Redaction:
    """`[ACCOUNT_1]` is the account in question. `[PERSON_2_2]` is the second spelling of what `[PERSON_2]` stands for.

    The mapping is for one request: never keep, store or log it.
    """

    def __init__(self, known: KnownEntities, account_id: int, account_name: str) -> None:
        self._known = known
        self._spellings: dict[tuple[Kind, str], dict[str, str]] = {}
        self._issued: dict[str, str] = {}
        self._counts: Counter[Kind] = Counter()
        self.account = self._placeholder(Kind.ACCOUNT, account_key(account_id), account_name)

    def __repr__(self) -> str:
        return f"Redaction({dict(self._counts)})"

    @property
    def counts(self) -> Mapping[Kind, int]:
        """How many different things of each kind were replaced so far."""
        return dict(self._counts)

    def scrub(self, text: str, *, words: bool = False) -> str:
        """Everything known, and with `words` every uncommon word too, as placeholders. `restore` gives `text` back."""
        spans = [*self._known.find(text), *_faked(text), *(uncommon(text) if words else ())]
        parts, done = [], 0
        for span in united(spans):
            parts += [text[done : span.start], self._placeholder(span.kind, span.key, text[span.start : span.end])]
            done = span.end
        return "".join([*parts, text[done:]])

    def value(self, text: str) -> str:
        """A structured value, such as a plan's name, on one line."""
        return self._safe(text, MAX_VALUE, words=False)

    def note(self, text: str) -> str:
        """Free text, on one line."""
        return self._safe(text, MAX_NOTE, words=True)

    def restore(self, scrubbed: str) -> str:
        """The inverse of `scrub`: only what was issued here, whole placeholders, once."""
        return _PLACEHOLDER.sub(lambda match: self._issued.get(match.group(), match.group()), scrubbed)

    def reveal(self, answer: str) -> str:
        """A model's words for people: what was issued becomes the name again, anything else neutral words."""
        return _PLACEHOLDER.sub(lambda match: self._shown(match.group().upper()), answer)

    def is_known(self, answer: str) -> bool:
        """Whether every placeholder in a model's words was issued here."""
        return all(match.group().upper() in self._issued for match in _PLACEHOLDER.finditer(answer))

    def _shown(self, placeholder: str) -> str:
        return self._issued.get(placeholder) or _NEUTRAL[Kind(placeholder[1:].partition("_")[0])]

    def _placeholder(self, kind: Kind, key: str, spelling: str) -> str:
        spellings = self._spellings.setdefault((kind, key), {})
        if spelling not in spellings:
            if not spellings:
                self._counts[kind] += 1
                spellings[spelling] = f"[{kind}_{self._counts[kind]}]"
            else:
                first = next(iter(spellings.values()))
                spellings[spelling] = f"{first[:-1]}_{len(spellings) + 1}]"
            self._issued[spellings[spelling]] = spelling
        return spellings[spelling]

    def _safe(self, text: str, limit: int, *, words: bool) -> str:
        """Scrubbed, then looked through again in another way: a text in which anything known is left is not sent."""
        line = " ".join(text.encode(errors="replace").decode().split())
        if len(line) > _READ * limit:
            line = line[: _READ * limit].rpartition(" ")[0]
        scrubbed = self.scrub(line.translate(_FENCE), words=words)
        pieces = _PLACEHOLDER.split(scrubbed)
        if any(self._is_known(piece) for piece in pieces) or self._known.has_trace("\n".join(pieces)):
            return REMOVED
        return _shortened(scrubbed, limit)

    def _is_known(self, text: str) -> bool:
        return next(self._known.find(text), None) is not None


def _faked(text: str) -> list[Span]:
    """What looks like a placeholder in a customer's text becomes one, so that it cannot pass for another."""
    return [
        Span(start=match.start(), end=match.end(), kind=Kind.WORD, key=match.group())
        for match in _PLACEHOLDER.finditer(text)
    ]


def _shortened(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    cut = text[:limit]
    return (cut[: cut.rfind("[")] if cut.rfind("[") > cut.rfind("]") else cut).rstrip() + "…"
