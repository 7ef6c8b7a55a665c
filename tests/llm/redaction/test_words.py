"""The second layer: common words stay, anything that may be a name of somebody unknown is hidden."""

import pytest

from cs_ml.domain.llm.entities import KnownNames
from cs_ml.llm.redaction.known import KnownEntities
from cs_ml.llm.redaction.placeholders import Redaction
from tests.llm.redaction.notes import LOCALES, notes, tenant
from tests.llm.redaction.test_known_names import left

NOBODY = KnownEntities(KnownNames(version="", accounts=(), people=()))


def made() -> Redaction:
    return Redaction(NOBODY, 0, "Acme")


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("we need to talk about the new price", "we need to talk about the new price"),
        ("Great news from Stellarbrook", "Great [WORD_1] from [WORD_2]"),
        ("peter and maria called", "[WORD_1] and [WORD_2] called"),
        ("die rechnung ist noch offen", "die rechnung ist noch offen"),
        ("今日は時間がない", "今日は時間がない"),
        ("田中から電話", "[WORD_1]から[WORD_2]"),
        ("42 users, 3 %", "42 users, 3 %"),
    ],
)
def test_what_stays_and_what_does_not(text: str, sent: str) -> None:
    assert made().scrub(text, words=True) == sent


@pytest.mark.parametrize("locale", LOCALES)
def test_hardly_a_person_whom_nobody_knows_can_be_read(locale: str) -> None:
    """What is measured exactly by the benchmark; here, with fewer notes, that it stays in that range."""
    redaction = made()
    people = [note for note in notes(locale, tenant(locale, 5), seed=5) if note.person]
    shown = [
        note.text for note in people if any(left(part, redaction.scrub(note.text, words=True)) for part in note.person)
    ]
    assert len(people) > 40
    assert len(shown) <= 0.1 * len(people)
