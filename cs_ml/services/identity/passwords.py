"""Password hashes and the policy for new passwords (NIST SP 800-63B-4: length counts, composition does not)."""

import secrets
from collections.abc import Collection
from functools import cached_property
from itertools import pairwise

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
    if len(set(rest)) < _MIN_DIFFERENT or _is_repeated(rest):
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


def _is_repeated(text: str) -> bool:
    """Whether `text` is a shorter piece over and over, or letters and digits in a row (forwards or backwards)."""
    return text in (text + text)[1:-1] or len({ord(b) - ord(a) for a, b in pairwise(text)}) < 2


def _invalid(message: str) -> Invalid:
    return Invalid(message, fields={"password": message})
