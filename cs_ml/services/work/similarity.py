"""Whether two titles name the same work."""

from collections.abc import Iterable

from cs_ml.store.work.ctas import OpenTitle

# Of 100, over the words in any order; "Call the main contact" within a longer title counts as the same. 85 lets a
# changed word or a typo pass in a title of six words, and keeps "Plan a usage review" from "Plan a business review".
CLOSE = 85.0


def most_similar(title: str, others: Iterable[OpenTitle]) -> int | None:
    """The id of the open CTA whose title is closest, if it is close."""
    from rapidfuzz import fuzz, utils

    ours = utils.default_process(title)
    rated = [(fuzz.token_set_ratio(ours, utils.default_process(other.title)), other.cta_id) for other in others]
    best, cta_id = max(rated, default=(0.0, 0))
    return cta_id if best >= CLOSE else None
