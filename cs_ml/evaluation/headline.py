"""Which forecasts count once each: refreshing often must not weigh more."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def one_per_window(groups: ArrayLike, starts: ArrayLike, window: int) -> NDArray[np.bool_]:
    """Of each group the first, then the next that starts at least a `window` later, and so on.

    `starts` are whole numbers of the unit of `window`; of equal ones the first given counts.
    """
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    start: NDArray[Any] = np.asarray(starts, dtype=np.int64)
    kept = np.zeros(len(start), dtype=bool)
    if not len(start):
        return kept
    order = np.lexsort((start, group))
    start, group = start[order] - start.min(), group[order]
    # One line of time for all groups, with more than a window of nothing between two of them.
    line = group * (int(start.max()) + window + 1) + start
    here = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    while len(here):
        kept[order[here]] = True
        ahead = np.searchsorted(line, line[here] + window)
        inside = ahead < len(line)
        inside[inside] = group[ahead[inside]] == group[here[inside]]
        here = ahead[inside]
    return kept
