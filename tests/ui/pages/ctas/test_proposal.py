"""The suggested CTA on the account page: what it says before pressing, and what comes of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cs_ml.ui.state import Key
from tests.services.work.working import Work
from tests.support.apps import App
from tests.support.factories import NOW, SUGGESTED, add_cta
from tests.ui.pages.ctas.reading import opened, press, shown


def test_accept_and_find_it_again(app: App, work: Work) -> None:
    account = work.suggested()
    test = opened(app, "account", account=str(account))
    words = shown(test)
    for expected in ("Suggested CTA", str(SUGGESTED["title"]), "6 Jul 2026", "High"):
        assert expected in words
    test.button(key=Key.ACCEPT).click().run()
    assert "Taken up just now" in shown(test)
    assert work.actions() == ["cta.accepted"]


def test_edit_and_accept(app: App, work: Work) -> None:
    test = opened(app, "account", account=str(work.suggested()))
    test.session_state[Key.EDITING] = True
    test.run()
    next(field for field in test.text_input if field.label == "Title").input("Talk to the CFO")
    press(test, "Accept edited")
    (cta,) = work.rows()
    assert cta.title == "Talk to the CFO"


def similar(work: Work, account: int) -> None:
    add_cta(work.database, work.actor, account, title=SUGGESTED["title"])


def cooling(work: Work, account: int) -> None:
    at = NOW - timedelta(days=2)
    add_cta(work.database, work.actor, account, status="COMPLETED", is_automated=True, created_at=at)


HELD: list[tuple[str, dict[str, Any], Callable[[Work, int], None] | None]] = [
    ("The confidence in the prediction is low: 0.40", {"confidence": 0.4}, None),
    ("The risk of this account is low.", {"category": "low", "probability": 0.1}, None),
    ("A similar CTA is open for this account.", {}, similar),
    ("within the last 7 days. Until 5 Jul 2026, 12:00.", {}, cooling),
]


@pytest.mark.parametrize(("said", "prediction", "before"), HELD)
def test_what_holds_it_back_is_said_before_pressing(
    app: App, work: Work, said: str, prediction: dict[str, Any], before: Callable[[Work, int], None] | None
) -> None:
    account = work.suggested(**prediction)
    if before:
        before(work, account)
    test = opened(app, "account", account=str(account))
    assert said in shown(test)
    count = len(work.rows())
    press(test, "Accept all the same")
    assert "say why in a note" in shown(test)
    test.text_input(key=Key.OVERRIDE).input("She asked me to").run()
    press(test, "Accept all the same")
    assert len(work.rows()) == count + 1


def test_the_evidence_goes_to_the_open_one(app: App, work: Work) -> None:
    account = work.suggested()
    similar(work, account)
    test = opened(app, "account", account=str(account))
    test.button(key=Key.ADD_EVIDENCE).click().run()
    assert work.actions() == ["cta.evidence_added"]


def test_dismiss_with_a_reason(app: App, work: Work) -> None:
    test = opened(app, "account", account=str(work.suggested()))
    test.session_state[Key.DISMISSING] = True
    test.run()
    press(test, "Dismiss it")
    assert "already being handled" in shown(test)
    assert work.actions() == ["suggestion.dismissed"]
