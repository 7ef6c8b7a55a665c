"""What a page shows, and how it is opened."""

from streamlit.testing.v1 import AppTest

from tests.support.apps import App
from tests.support.source import ROOT

_KINDS = ("title", "header", "markdown", "caption", "text", "info", "warning", "success", "error", "expander")


def opened(app: App, page: str, **query: str) -> AppTest:
    test = app.open()
    test.query_params.update(query)
    return test.switch_page(str(ROOT / "pages" / f"{page}.py")).run()


def shown(test: AppTest) -> str:
    """Every word on the page, with plain spaces and without escapes."""
    assert not test.exception
    words = [
        str(getattr(element, "value", "") or getattr(element, "label", ""))
        for kind in _KINDS
        for element in test.get(kind)
    ]
    shown_words = "\n".join(words).replace("\N{NO-BREAK SPACE}", " ")
    return shown_words.replace("\\", "").replace("\N{WORD JOINER}", "")


def press(test: AppTest, label: str) -> AppTest:
    """The first button of this name, forms' too."""
    return next(button for button in test.button if button.label == label).click().run()
