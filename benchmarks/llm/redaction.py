"""What redaction misses: names that a tenant knows (must be none), and persons that it does not know (measured).

`python -m benchmarks.llm.redaction` prints text and JSON lines. Notes are made of the templates and names of the tests,
with other seeds. A person is hidden where no word of the name is left in the note.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from benchmarks.harness import Result, show
from cs_ml.domain.llm.entities import KnownNames
from cs_ml.llm.redaction.known import KnownEntities
from cs_ml.llm.redaction.placeholders import Redaction
from tests.llm.redaction.notes import LOCALES, notes, tenant
from tests.llm.redaction.test_known_names import left

SEEDS = range(1_000, 1_020)
NOTE_MS_GOAL = 1.0
LOAD_S_GOAL = 5.0
LEAKING_GOAL = 5.0  # percent
LARGE = 10_000
NOBODY = KnownNames(version="", accounts=(), people=())


@dataclass(frozen=True, kw_only=True)
class Recall:
    """Of persons whom nobody told us about: how many words of their names were hidden, how many notes show one."""

    words: int
    hidden: int
    notes: int
    leaking: int


def run() -> Iterator[Result]:
    leaks, count, seconds, worst = 0, 0, 0.0, 0.0
    for locale in LOCALES:
        for seed in SEEDS:
            names = tenant(locale, seed)
            written = list(notes(locale, names, seed=seed))
            redaction = Redaction(KnownEntities(names), 1, names.accounts[0].name)
            started = perf_counter()
            sent = [redaction.scrub(note.text) for note in written]
            seconds += perf_counter() - started
            leaks += sum(_shows(note.secrets, text) for note, text in zip(written, sent, strict=True))
            count += len(written)
        recall = _unknown(locale)
        worst = max(worst, recall.leaking / recall.notes)
        shown = (
            f"{recall.hidden / recall.words:6.1%} of words hidden, {recall.leaking / recall.notes:6.1%} of notes leak"
        )
        print(f"unknown persons, {locale}: {shown} ({recall.notes} notes)", file=sys.stderr)
    yield Result(name=f"Known names left in {count} notes", ours=leaks, floor=None, unit="", goal=0, judged="ours")
    yield Result(
        name="Hiding the names in a note",
        ours=seconds / count * 1e3,
        floor=None,
        unit="ms",
        goal=NOTE_MS_GOAL,
        judged="ours",
    )
    yield Result(
        name="Notes that show an unknown person, the worst of ten languages",
        ours=100 * worst,
        floor=None,
        unit="%",
        goal=LEAKING_GOAL,
        judged="ours",
    )
    yield _loading()


def _unknown(locale: str) -> Recall:
    """The same notes for a tenant that knows nobody, so that only forms and uncommon words are hidden."""
    words = hidden = count = leaking = 0
    for seed in SEEDS:
        names = tenant(locale, seed)
        redaction = Redaction(KnownEntities(NOBODY), 0, "Acme")
        for note in notes(locale, names, seed=seed):
            if not note.person:
                continue
            sent = redaction.scrub(note.text, words=True)
            seen = [part for part in note.person if left(part, sent)]
            words += len(note.person)
            hidden += len(note.person) - len(seen)
            count += 1
            leaking += bool(seen)
    return Recall(words=words, hidden=hidden, notes=count, leaking=leaking)


def _shows(secrets: Sequence[str], text: str) -> bool:
    return any(left(secret, text) for secret in secrets)


def _loading() -> Result:
    """The names of a large tenant: LARGE accounts, twice as many contacts, no two alike."""
    made = tenant("en", 1)
    accounts = [
        replace(made.accounts[number % len(made.accounts)], id=number, name=f"{_word(number)} Holdings Inc")
        for number in range(LARGE)
    ]
    people = [
        replace(
            made.people[number % len(made.people)],
            id=number,
            last_name=_word(number),
            emails=(f"{_word(number)}@x.org",),
        )
        for number in range(2 * LARGE)
    ]
    started = perf_counter()
    size = KnownEntities(KnownNames(version="", accounts=accounts, people=people)).size
    taken = perf_counter() - started
    print(f"{size} patterns of {LARGE} accounts and {2 * LARGE} contacts", file=sys.stderr)
    return Result(
        name=f"Getting the names of {LARGE} accounts ready",
        ours=taken,
        floor=None,
        unit="s",
        goal=LOAD_S_GOAL,
        judged="ours",
    )


def _word(number: int) -> str:
    """A different word of eight letters for each number."""
    return "".join("bcdfghjklm"[int(digit)] + "aeiou"[int(digit) % 5] for digit in f"{number:04d}"[-4:]) + f"x{number}"


if __name__ == "__main__":
    list(show(run()))
