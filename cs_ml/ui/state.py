"""Every key of the session state that is ours. Values are ids, texts and enum values only."""

from enum import StrEnum


class Key(StrEnum):
    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    TENANT = "tenant"
