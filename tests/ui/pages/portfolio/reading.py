"""What the Portfolio page shows."""

from streamlit.testing.v1 import AppTest

from tests.support.apps import App


def opened(app: App, **query: str) -> AppTest:
    test = app.open(**query)
    assert not test.exception
    return test


def shown(test: AppTest) -> str:
    """Every word on the page outside of tables, with plain spaces."""
    assert not test.exception
    kinds = ("title", "markdown", "caption", "text", "info", "success", "warning", "error", "metric", "button")
    found = [element for kind in kinds for element in test.get(kind)]
    words = [str(getattr(element, part, "")) for element in found for part in ("label", "value")]
    return "\n".join(words).replace("\N{NO-BREAK SPACE}", " ")


def listed(test: AppTest) -> list[str]:
    (table,) = test.dataframe
    return list(table.value["Account"])


def figures(test: AppTest) -> dict[str, str]:
    return {metric.label: metric.value.replace("\N{NO-BREAK SPACE}", " ") for metric in test.metric}


def press(test: AppTest, label: str) -> AppTest:
    (found,) = [button for button in test.button if label in button.label]
    found.click().run()
    assert not test.exception
    return test
