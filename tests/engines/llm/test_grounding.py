"""Which numbers of a text stand in the data, and which do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_ml.engines.grounding import known_ids, unmatched_numbers

DATA = ["M15 renewal in 16 days; ARR 75,705 USD (rank 57%); health -22.8 points; A1 -28 1250; H3 -4 61 0.42"]


@pytest.mark.parametrize(
    "text",
    [
        "The renewal is in 16 days.",
        "ARR of 75705, about 76,000, some 75.7k, 76k, 0.076m.",
        "Health fell by 22.8, almost 23 points.",
        "42 % or 0.42, about 40 %, rank 57%, 61.0, 22,8, 1,250.",
        "Two of 3 reasons, 1 to 2 weeks.",
        "See [ACCOUNT_1616] and H77.",
        "",
    ],
)
def test_numbers_of_the_data_rounded_or_as_a_share(text: str) -> None:
    assert unmatched_numbers(text, DATA) == ()


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("Usage fell by 77 points, then 77 again.", ("77",)),
        ("Rank 50%, health -22.9.", ("50", "-22.9")),
        ("ARR of 80,000 since 31.12.2025.", ("80,000", "31.12.2025")),
        ("Lost 500 users; 12k left.", ("500", "12k")),
    ],
)
def test_other_numbers_are_named_once_each(text: str, strange: tuple[str, ...]) -> None:
    assert unmatched_numbers(text, DATA) == strange


def test_ids_that_were_sent_in_order_each_once() -> None:
    assert known_ids(["H3", "Z1", "A1", "H3", "h3"], {"A1", "H3"}) == ("H3", "A1")


@given(st.text(alphabet="0123456789.,+-kmM %", max_size=30), st.integers(0, 400))
def test_any_digits_are_read_without_an_error(text: str, zeros: int) -> None:
    claim = f"{text} 1{'0' * zeros}"
    assert all(word in claim for word in unmatched_numbers(claim, [text]))
    assert unmatched_numbers(f"1{'0' * zeros}", [claim]) == ()
