"""What a person sees where a page fails."""

import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest


def fails_unexpectedly() -> None:
    from cs_ml.ui.entry.failure import show_failure

    show_failure(ValueError("/etc/secret of ada@example.com"))


def fails_with_a_sentence() -> None:
    from cs_ml.domain.errors import NotFound
    from cs_ml.ui.entry.failure import show_failure

    show_failure(NotFound("There is no such account."))


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Says whether the database answers."""

    def say(answers: bool) -> None:
        database = SimpleNamespace(is_up=lambda: answers)
        monkeypatch.setattr("cs_ml.ui.entry.failure.services", lambda: SimpleNamespace(database=database))

    return say


def test_the_unexpected_is_a_reference_that_the_log_knows(
    caplog: pytest.LogCaptureFixture, up: Callable[[bool], None]
) -> None:
    up(True)
    test = AppTest.from_function(fails_unexpectedly).run()
    assert not test.exception
    (error,) = test.error
    reference = re.search(r"`([0-9a-f]{8})`", error.value)
    assert reference
    assert "secret" not in error.value
    (record,) = (each for each in caplog.records if reference[1] in each.getMessage())
    assert record.exc_info
    assert str(record.exc_info[1]) == "/etc/secret of ada@example.com"


def test_a_database_that_is_away_is_said_so(up: Callable[[bool], None]) -> None:
    up(False)
    (error,) = AppTest.from_function(fails_unexpectedly).run().error
    assert error.value.startswith("The database does not respond. Load this page again in a minute.")
    assert "secret" not in error.value


def test_a_sentence_for_people_is_shown_as_it_is() -> None:
    (error,) = AppTest.from_function(fails_with_a_sentence).run().error
    assert error.value.replace("\\", "") == "There is no such account."
