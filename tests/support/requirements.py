"""What a test needs from the machine and may not find there."""

import os
from typing import NoReturn

import pytest


def unavailable(reason: str) -> NoReturn:
    """Ends the test that asked: failed in continuous integration (`CI=true`), else skipped, with the reason."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
