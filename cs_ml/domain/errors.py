"""Every error that may reach a person.

    CsMlError
    +-- NotFound            the thing does not exist for this actor (another tenant's things do not exist)
    +-- Forbidden           the actor's role does not allow the action
    +-- Invalid             the input is wrong; `fields` says where
    +-- RateLimited         a daily limit is used up; `retry_after` says when it resets
    +-- EngineUnavailable   an engine cannot answer; the chain goes on with the next one
    +-- DatabaseAway        the database does not respond; nothing was written

Messages are sentences for people: what is wrong and what to do. They never hold personal data.
"""

from collections.abc import Mapping
from datetime import timedelta

from cs_ml.domain.llm.usage import Attempt


class CsMlError(Exception):
    """Base of the tree. `code` is the stable word that the API and `--json` answer with."""

    code = "ERROR"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code:
            self.code = code


class NotFound(CsMlError):
    code = "NOT_FOUND"


def no_such_account() -> NotFound:
    """The same words for every account that the actor cannot see, so that nothing tells whether it exists."""
    return NotFound("There is no such account. Check the id or the reference.", code="ACCOUNT_NOT_FOUND")


class Forbidden(CsMlError):
    code = "FORBIDDEN"


class Invalid(CsMlError):
    """`fields` maps a field's name to what was expected of it."""

    code = "VALIDATION"

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.fields = dict(fields or {})


class RateLimited(CsMlError):
    """`retry_after`: time until the limit resets."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DatabaseAway(CsMlError):
    """Of a write: it was rolled back, or never began."""

    code = "DATABASE_UNAVAILABLE"


class EngineUnavailable(CsMlError):
    """`reason` is the short word stored as `fallback_reason`; `attempts` are the calls that failed, for the books.

    `retry_after`: only busy, and whoever asked said that they can wait so long; the chain does not go on then.
    """

    code = "ML_UNAVAILABLE"

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        attempts: tuple[Attempt, ...] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.attempts = attempts
        self.retry_after = retry_after
