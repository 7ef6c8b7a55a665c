"""Text as it is compared: without case, accents, punctuation and invisible characters, and where each character was."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# Letters that Unicode does not take apart into a plain letter and an accent.
_PLAIN = {
    "ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th", "ə": "e",
    "ʼ": " ", "ʻ": " ",
}  # fmt: skip
_DROPPED = {"Mn", "Me", "Cf"}
_KEPT = {"L", "M", "N"}
# Scripts without spaces between words, and those that write particles (Korean, Arabic, Hebrew) to the word.
_ATTACHING = re.compile(
    "[\u0590-\u07ff\u08a0-\u08ff\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u318f"
    "\u31a0-\u31ff\u3400-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufb1d-\ufdff\ufe70-\ufefc\U00020000-\U0003ffff]"
)


@dataclass(frozen=True, slots=True)
class Folded:
    """`text`: letters, digits and signs with single spaces between; `places[i]`: where its character i was."""

    text: str
    places: list[int]


def fold(text: str) -> Folded:
    """Raises nothing, whatever the text holds: half surrogates are spaces."""
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in folded_character(character):
            if letter == " " and (not folded or folded[-1] == " "):
                continue
            folded.append(letter)
            places.append(place)
    return Folded("".join(folded), places)


@lru_cache(maxsize=8192)
def folded_character(character: str) -> str:
    """What remains of one character: nothing of an accent or an invisible one, a space of punctuation."""
    letters = "".join(_folded_part(part) for part in unicodedata.normalize("NFKD", character))
    combined = len(letters) > 1 and unicodedata.category(character) == "So"  # ™ and ㈱ are words of their own
    return f" {letters} " if combined else letters


def _folded_part(part: str) -> str:
    folded = ""
    for letter in part.casefold():
        category = unicodedata.category(letter)
        if category in _DROPPED:
            continue
        kept = category[0] in _KEPT or category == "So"
        folded += _PLAIN.get(letter, letter) if kept else " "
    return folded


def kind_of(letter: str) -> str:
    """Of a folded character: letter, digit, sign, space, or attached (a script whose names need no boundary)."""
    if letter == " ":
        return "space"
    if letter.isdigit():
        return "digit"
    if _ATTACHING.match(letter):
        return "attached"
    return "letter" if letter.isalnum() else "sign"


def is_boundary(left: str, right: str) -> bool:
    """Whether a word may end between these neighbours."""
    kinds = {kind_of(left), kind_of(right)}
    return len(kinds) > 1 or bool(kinds & {"attached", "sign", "space"})
