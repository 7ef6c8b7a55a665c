"""Text of others as a label: every character of Markdown loses its meaning."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_ml.ui.components import plain

JOINER = "\N{WORD JOINER}"
ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://elsewhere.example/x.png)",
        "[link](http://elsewhere.example)",
        "<img src=x onerror=alert(1)>",
        "`code` **bold** _it_ ~~no~~",
        ":red[hi] :material/home: :smile:",
        "$a^2$",
        "1. list",
        "# heading",
        "| a | b |",
        "[1]: http://elsewhere.example",
    ],
)
def test_no_punctuation_is_left_with_a_meaning(text: str) -> None:
    without = ESCAPED.sub("", plain(text))
    assert not set(without) & set(string.punctuation)


@given(st.text())
def test_what_is_read_is_what_was_written(text: str) -> None:
    """Backslashes and invisible joiners apart, the words are the same; line breaks become spaces."""
    read = ESCAPED.sub(r"\1", plain(text)).replace(JOINER, "")
    assert read == " ".join(text.split()).replace(JOINER, "")


@pytest.mark.parametrize("address", ["https://elsewhere.example", "www.elsewhere.example", "ada@elsewhere.example"])
def test_a_bare_address_is_parted_so_that_no_link_is_made_of_it(address: str) -> None:
    shown = ESCAPED.sub(r"\1", plain(address))
    assert not re.search(r"https?://[-.\w]|www\.[-\w]|\w@\w", shown)


def test_a_shortcode_is_parted() -> None:
    assert ":smile:" not in ESCAPED.sub(r"\1", plain(":smile:"))
