"""What public data say of the scorecard's points: the prior that ships with the product, by source and attributed."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from cs_ml.engines.learned.fitting import SCORECARD_SLOPE, Prior
from cs_ml.engines.learned.training import prior_of
from cs_ml.engines.scorecard import Scorecard


@cache
def shipped_sources() -> Mapping[str, Any]:
    """Source -> `fingerprint` of its bundle, `attribution`, `weights` by part of the scorecard; made by
    `python -m benchmarks.engines.prior`."""
    text = files("cs_ml.services.learning").joinpath("prior.json").read_text(encoding="utf-8")
    found: Mapping[str, Any] = json.loads(text)["sources"]
    return found


def shipped_prior(scorecard: Scorecard, *, without: str | None = None) -> Prior:
    """Half way from the scorecard to the sources; `without` the source whose bundle has this fingerprint."""
    kept = {name: one["weights"] for name, one in shipped_sources().items() if one["fingerprint"] != without}
    return prior_of(kept, [part.code for part in scorecard.part], SCORECARD_SLOPE)
