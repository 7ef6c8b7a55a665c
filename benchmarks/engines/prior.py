"""The cold-start prior: what the scorecard's points were worth on public data, one set of weights per source.

`python -m benchmarks.engines.prior DIR...` imports each bundle into a database of its own, fits its training rows (see
`cs-ml bench-quality`) and writes cs_ml/services/learning/prior.json. A bundle's source and licence are in SOURCES.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cs_ml.bootstrap import open_scratch
from cs_ml.domain.actor import Actor
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.engines.learned.features import POINTS
from cs_ml.engines.learned.fitting import SCORECARD_SLOPE, fit_scorecard
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.learning.quality import bundle_fingerprint, read_split

TARGET = Path("cs_ml/services/learning/prior.json")
SOURCES = {
    "retail": "UCI Online Retail II, D. Chen, 2019, CC BY 4.0, https://doi.org/10.24432/C5CG6D; weights are derived.",
    "fightchurn": "Simulation of Fighting Churn With Data, Copyright 2020 Carl Gold, MIT-style; weights are derived.",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", metavar="SOURCE=DIR", help=f"sources: {', '.join(SOURCES)}")
    pairs = [given.partition("=") for given in parser.parse_args().bundles]
    sources = {name: source(name, Path(folder)) for name, _, folder in pairs}
    TARGET.write_text(json.dumps({"sources": sources}, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def source(name: str, bundle: Path) -> dict[str, Any]:
    """Of the training rows only. Raises KeyError for a source without an attribution."""
    attribution, scorecard = SOURCES[name], default_scorecard()
    flat = {part.code: SCORECARD_SLOPE for part in scorecard.part}
    with open_scratch() as services:
        services.importing.import_new_tenant("prior", "Prior", bundle)
        actor = Actor.system(services.access.tenant_by_slug("prior").id)
        split = read_split(bundle, DEFAULT_WINDOW_DAYS)
        rows, parts = services.quality.rows(actor, split, DEFAULT_WINDOW_DAYS)
    known = rows.where(np.array(parts) != "test")
    fitted = fit_scorecard(known.measures, known.churned, flat)
    weights = {code: round(fitted.shapes[f"{POINTS}{code}"].lines[0][2], 3) for code in flat}
    told = {code for code in flat if len({row[f"{POINTS}{code}"] for row in known.measures}) > 1}
    sys.stderr.write(f"{name}: {len(known)} windows\n")
    return {
        "attribution": attribution,
        "fingerprint": bundle_fingerprint(bundle),
        "windows": len(known),
        "weights": {code: weight for code, weight in weights.items() if code in told},
    }


if __name__ == "__main__":
    main()
