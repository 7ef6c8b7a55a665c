"""Rows of measures as a matrix, and what a fit over it means for each feature."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cs_ml.engines.learned.features import Measures
from cs_ml.engines.learned.model import CLIP

Floats = NDArray[np.float64]

_COMMON = 0.02  # a feature that fewer rows have is left out
_FEWEST_ROWS = 20  # of a word, for a level of its own
_MOST_LEVELS = 30  # a text with more of them is a name, not a kind
_MOST_FEATURES = 400  # the most common ones, of a tenant with very many fields
_BINS = 24


@dataclass(frozen=True, slots=True)
class Design:
    """The columns that training rows give. `figures` are names of numbers, `words` (name, level) pairs."""

    figures: Sequence[str]
    words: Sequence[tuple[str, str]]
    centre: Floats
    spread: Floats
    edges: Sequence[Floats]
    gaps: Sequence[int]  # figures that are sometimes missing and get a column that says so

    @classmethod
    def of(cls, rows: Sequence[Measures]) -> "Design":
        figures, words = _columns(rows)
        matrix = _matrix(rows, figures)
        gaps = np.isnan(matrix).mean(axis=0) if len(figures) else np.zeros(0)
        centre = np.nanmedian(matrix, axis=0) if len(figures) else np.zeros(0)
        spread = np.nanstd(matrix, axis=0) if len(figures) else np.zeros(0)
        edges = [_edges(column[~np.isnan(column)]) for column in matrix.T]
        some = [place for place, share in enumerate(gaps) if _COMMON < share < 1 - _COMMON]
        return cls(figures, words, centre, np.where(spread > 0, spread, 1.0), edges, _distinct(matrix, some))

    def matrix(self, rows: Sequence[Measures]) -> Floats:
        """Figures as they are, NaN where missing."""
        return _matrix(rows, self.figures)

    def levels(self, rows: Sequence[Measures]) -> Floats:
        """One column per word, 1 where a row says it."""
        return np.array([[float(row.get(name) == word) for name, word in self.words] for row in rows]).reshape(
            len(rows), len(self.words)
        )

    def straight(self, rows: Sequence[Measures]) -> Floats:
        """For straight lines: figures in spreads from the centre (0 where missing), gaps, then words."""
        matrix = self.matrix(rows)
        missing = np.isnan(matrix)
        distance = np.clip((np.where(missing, self.centre, matrix) - self.centre) / self.spread, -CLIP, CLIP)
        return np.hstack([distance, missing[:, list(self.gaps)].astype(float), self.levels(rows)])

    def binned(self, rows: Sequence[Measures]) -> Floats:
        """For steps: the number of edges not above each figure (NaN where missing), then words."""
        matrix = self.matrix(rows)
        columns = [
            np.where(np.isnan(column), np.nan, np.searchsorted(edges, column, side="right"))
            for column, edges in zip(matrix.T, self.edges, strict=True)
        ]
        return np.column_stack([*columns, self.levels(rows)]) if columns else self.levels(rows)


def _columns(rows: Sequence[Measures]) -> tuple[list[str], list[tuple[str, str]]]:
    """What is common enough to learn from, and says more than one thing."""
    counts = Counter(name for row in rows for name in row)
    common = [name for name, count in counts.most_common(_MOST_FEATURES) if count >= max(2, _COMMON * len(rows))]
    figures, words = [], []
    for name in sorted(common):
        values = Counter(row[name] for row in rows if name in row)
        texts = [value for value in values if isinstance(value, str)]
        if not texts:
            figures += [name] if len(values) > 1 or counts[name] < len(rows) else []
        elif len(texts) <= _MOST_LEVELS:
            least = max(_FEWEST_ROWS, _COMMON / 2 * len(rows))
            words += [(name, text) for text in sorted(texts) if least <= values[text] < len(rows)]
    return figures, words


def _matrix(rows: Sequence[Measures], figures: Sequence[str]) -> Floats:
    found = np.full((len(rows), len(figures)), np.nan)
    for place, row in enumerate(rows):
        for column, name in enumerate(figures):
            value = row.get(name)
            if value is not None and not isinstance(value, str):
                found[place, column] = value
    return found


def _edges(values: Floats) -> Floats:
    return np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(values) else np.zeros(0)


def _distinct(matrix: Floats, columns: Sequence[int]) -> list[int]:
    """Of columns that are missing in the very same rows, one."""
    seen: dict[bytes, int] = {}
    for column in columns:
        seen.setdefault(np.isnan(matrix[:, column]).tobytes(), column)
    return list(seen.values())
