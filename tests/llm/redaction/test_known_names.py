"""None of the names that a tenant knows is left in a note, in ten languages and however it is written."""

import re
import unicodedata

import pytest

from cs_ml.domain.llm.entities import KnownNames, NamedAccount, NamedPerson
from cs_ml.llm.redaction.known import KnownEntities
from cs_ml.llm.redaction.placeholders import Redaction
from tests.llm.redaction.notes import LOCALES, Note, notes, tenant

_SHORT = 5


def left(secret: str, text: str) -> bool:
    """Whether a secret can be read in a text; a short Latin one as a word, as it may be a part of any other."""
    wanted, seen = (unicodedata.normalize("NFC", side).casefold() for side in (secret, text))
    if len(wanted) < _SHORT and wanted[0].isascii():
        return re.search(rf"(?<![^\W_]){re.escape(wanted)}(?![^\W_])", seen) is not None
    return wanted in seen


def made(names: KnownNames) -> Redaction:
    return Redaction(KnownEntities(names), names.accounts[0].id, names.accounts[0].name)


@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_known_is_left_in_any_language(locale: str) -> None:
    names = tenant(locale, seed=7)
    words = made(names)
    written = list(notes(locale, names, seed=7))
    found = [(note, words.scrub(note.text)) for note in written]
    assert [(note.text, sent, secret) for note, sent in found for secret in note.secrets if left(secret, sent)] == []
    assert all(words.restore(sent) == note.text for note, sent in found)
    assert sum(map(mentions_somebody, written)) == len(written) >= 50


def mentions_somebody(note: Note) -> bool:
    return all(left(secret, note.text) for secret in note.secrets) and bool(note.secrets)


TENANT = KnownNames(
    version="1",
    accounts=[
        NamedAccount(id=1, name="Müßmann Möbelwerk GmbH"),
        NamedAccount(id=2, name="İlkmar Lojistik A.Ş."),
        NamedAccount(id=3, name="株式会社ミナトリンク"),
        NamedAccount(id=4, name="X"),
        NamedAccount(id=5, name="🚀"),
        NamedAccount(id=6, name="O'Rourke Haulage Ltd", phones=("555-12",), sites=("orourke.example",)),
    ],
    people=[
        NamedPerson(id=1, first_name="Anna", last_name="Wójcik-Nowak", phones=("4711",)),
        NamedPerson(id=2, first_name="健", last_name="佐藤"),
        NamedPerson(id=3, first_name="Ingrid", last_name="van der Meer"),
        NamedPerson(id=4, first_name="ليلى", last_name="حسن"),
        NamedPerson(id=5, first_name="민준", last_name="김"),
    ],
)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("re MUESSMANN MOEBELWERK", "muessmann"),
        ("muss mann Muß­mann Möbelwerk", "möbelwerk"),
        ("ilkmar lojistiğe, ILKMAR LOJİSTİK’in", "lojisti"),
        ("ミナトリンクの件", "ミナトリンク"),
        ("Plan X for x.", "x"),
        ("🚀 again", "🚀"),
        ("ORourke-Haulage and o’rourke\u200b haulage", "rourke"),
        ("orourke.example", "orourke"),
        ("call 555 12 or 55512 or +49 4711", "12"),
        ("Annie, Annę i Nowakowi, wojcik", "ann"),
        ("佐藤健様、健さん", "健"),
        ("mail from Meer, van der", "meer"),
        ("مع وليلى", "ليلى"),
        ("김민준이 왔다", "민준"),
        ("Anna2026 and team_anna", "anna"),
        ("ＡＮＮＡ Ⓐnna 𝐀nna", "nna"),
    ],
)
def test_spellings_that_once_slipped_through(text: str, secret: str) -> None:
    words = made(TENANT)
    sent = words.scrub(text)
    assert not left(secret, unicodedata.normalize("NFKC", sent))
    assert words.restore(sent) == text


@pytest.mark.parametrize("text", ["annual report", "the meeting", "extra", "wander", "plan for 4712 users"])
def test_a_name_inside_another_word_is_no_name(text: str) -> None:
    assert made(TENANT).scrub(text) == text


def test_spellings_of_one_person_share_a_number() -> None:
    words = made(TENANT)
    assert words.scrub("Anna, ANNA, Ingrid, anna") == "[PERSON_1], [PERSON_1_2], [PERSON_2], [PERSON_1_3]"
    assert words.scrub("Müßmann Möbelwerk") == "[ACCOUNT_1_2]"


def test_a_name_with_spaces_between_its_letters_is_not_sent() -> None:
    assert made(TENANT).value("M ö b e l w e r k M ü ß m a n n: m u s s m a n n m o b e l w e r k") == "[removed]"
