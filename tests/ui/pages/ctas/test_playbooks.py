"""The Playbooks page, and making CTAs for the whole portfolio."""

import pytest

from cs_ml.demo.playbooks import PLAYBOOKS
from cs_ml.ui.state import Key
from tests.services.work.working import Work
from tests.support.apps import App
from tests.ui.pages.ctas.reading import opened, press, shown


def test_playbooks_and_a_new_one(app: App, work: Work) -> None:
    work.playbooks.add(work.actor, PLAYBOOKS[0])
    test = opened(app, "playbooks")
    assert "Break the silence · active · 5 tasks · not used yet" in shown(test)
    press(test, "Save")
    assert "The name must have" in shown(test)


@pytest.mark.usefixtures("work")
def test_the_effect_is_computed_when_asked(app: App) -> None:
    test = opened(app, "playbooks")
    assert "This is no experiment." in shown(test)
    press(test, "Compute the effect")
    assert "No playbook was used yet" in shown(test)


def test_ctas_of_the_portfolio_with_a_preview(app: App, work: Work) -> None:
    work.suggested()
    work.suggested(confidence=0.3)
    test = opened(app, "portfolio")
    test.session_state[Key.GENERATING] = True
    test.run()
    test.button(key=Key.PREVIEW).click().run()
    assert "1 CTA would be made, 1 account held back." in shown(test)
    assert "- The prediction is not sure enough: 1 account" in shown(test)
    assert list(work.rows()) == []
    test.button(key=Key.GENERATE).click().run()
    assert "1 CTA made, 1 account held back." in shown(test)
    assert len(work.rows()) == 1
