"""Password hashes and the policy for new passwords (NIST SP 800-63B-4: length counts, composition does not)."""

import re
import secrets
from collections.abc import Collection
from functools import cache, cached_property
from importlib.resources import files

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from cs_ml.domain.errors import Invalid

MIN_LENGTH = 15  # characters; there is no second factor
MAX_LENGTH = 1_024  # characters; far above any pass phrase, bounds the work of one attempt
_MIN_DIFFERENT = 5
_MIN_USER_WORD = 4  # shorter words occur inside good passwords
_BCRYPT_BYTES = 72  # bcrypt looks at no more, and the CRM that made the hash cut there
_NO_LETTER = re.compile(r"[\W\d_]+")
_ROWS = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
_PRODUCT_WORDS = ("cs-ml", "csml", "customer", "success")


def generate_password() -> str:
    """About 144 random bits, 24 characters."""
    return secrets.token_urlsafe(18)


def check_password(password: str, words: Collection[str]) -> None:
    """Raises Invalid where a new password is too short, too long, or easy to guess.

    `words`: what an attacker knows of the user (name, address, tenant); they count nothing towards the length.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise _invalid(f"A password needs {MIN_LENGTH} to {MAX_LENGTH} characters.")
    rest = password.casefold()
    for word in sorted({w.casefold() for w in (*words, *_PRODUCT_WORDS)}, key=len, reverse=True):
        if len(word) >= _MIN_USER_WORD:
            rest = rest.replace(word, "")
    if len(set(rest)) < _MIN_DIFFERENT or _is_common(rest):
        raise _invalid("This password is easy to guess. Take a longer phrase without names, repetitions or sequences.")


class PasswordHasher:
    """argon2id for what we write; bcrypt is read, where an adopted CRM wrote it."""

    def __init__(self) -> None:
        self._own = PasswordHash((Argon2Hasher(),))
        self._crm = BcryptHasher()

    def hash(self, password: str) -> str:
        return self._own.hash(password)

    def matches(self, password: str, stored: str | None) -> bool:
        """Whether `password` made the `stored` hash. Without a hash the same work is done and the answer is no."""
        tried = password[: MAX_LENGTH + 1]
        if stored is not None and self._crm.identify(stored):
            return self._crm.verify(tried.encode()[:_BCRYPT_BYTES], stored)
        try:
            return self._own.verify(tried, stored or self._nobody) and stored is not None
        except UnknownHashError:
            return False

    def is_outdated(self, own_hash: str | None) -> bool:
        """Whether a right password should be hashed anew: there is no hash of ours, or a weaker one."""
        return own_hash is None or self._own.current_hasher.check_needs_rehash(own_hash)

    @cached_property
    def _nobody(self) -> str:
        return self.hash(generate_password())


def _is_common(text: str) -> bool:
    """Whether one common password, or one run of letters or digits, is all that `text` is made of.

    What is put around and between (digits, signs, the same once more) is tried by every attacker.
    """
    letters = _once("".join(_NO_LETTER.split(text)))
    return letters in _common_passwords() or text in _common_passwords() or _is_run(letters) or _is_run(_once(text))


def _once(text: str) -> str:
    """The shortest piece that `text` repeats."""
    return text[: (text + text).find(text, 1)] if text else text


def _is_run(text: str) -> bool:
    """Keys or letters in a row, forwards or backwards, from the start again after the end; nothing at all is none."""
    laps = [row * (len(text) // len(row) + 2) for row in _ROWS]
    return bool(text) and any(text in lap or text[::-1] in lap for lap in laps)


@cache
def _common_passwords() -> frozenset[str]:
    """The 20,000 that leaked most often (the list that Django ships, BSD 3-Clause), bare of digits and signs around."""
    return frozenset(files(__package__).joinpath("common_passwords.txt").read_text(encoding="utf-8").split())


def _invalid(message: str) -> Invalid:
    return Invalid(message, fields={"password": message})
