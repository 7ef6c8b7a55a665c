"""One forecast per window, however often somebody asked."""

from hypothesis import given
from hypothesis import strategies as st

from cs_ml.evaluation.headline import one_per_window


def test_the_first_then_the_next_a_window_later() -> None:
    groups = ["a", "a", "a", "a", "b", "b", "b"]
    starts = [0, 30, 90, 179, 10, 100, 99]
    assert one_per_window(groups, starts, 90).tolist() == [True, False, True, False, True, True, False]


def test_of_equal_starts_the_first_given() -> None:
    assert one_per_window([1, 1, 1], [5, 5, 5], 1).tolist() == [True, False, False]


def test_nothing_gives_nothing() -> None:
    assert one_per_window([], [], 90).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400)), max_size=60), st.integers(1, 120))
def test_as_one_would_count_by_hand(forecasts: list[tuple[int, int]], window: int) -> None:
    last: dict[int, int] = {}
    expected = set()
    for place in sorted(range(len(forecasts)), key=lambda place: (forecasts[place][1], place)):
        group, start = forecasts[place]
        if group not in last or start >= last[group] + window:
            last[group] = start
            expected.add(place)
    found = one_per_window([group for group, _ in forecasts], [start for _, start in forecasts], window)
    assert {place for place, kept in enumerate(found) if kept} == expected
