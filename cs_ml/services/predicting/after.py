"""What follows stored predictions: CTAs, where the tenant makes them by itself."""

from collections.abc import Callable, Sequence

from cs_ml.domain.actor import Actor

After = Callable[[Actor, Sequence[int]], object]  # who predicted, and for which accounts


def nothing_follows(_actor: Actor, _account_ids: Sequence[int]) -> None:
    """Predictions for their own sake."""
