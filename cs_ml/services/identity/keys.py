"""What a secret must be like that signs what browsers hold."""

from cs_ml.domain.errors import Invalid

MIN_LENGTH = 32  # characters
MIN_LETTERS = 8  # fewer different ones are no random choice


def require_strong(key: str, name: str) -> None:
    """Raises Invalid where `key` is missing or could be guessed. `name`: what it is called where it is set."""
    if len(key) < MIN_LENGTH or len(set(key)) < MIN_LETTERS:
        raise Invalid(
            f"{name} must be a secret of {MIN_LENGTH} random characters or more. "
            'Make one: python3 -c "import secrets; print(secrets.token_urlsafe(32))"',
            fields={name: f"{MIN_LENGTH} random characters or more"},
        )
