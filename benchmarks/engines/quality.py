"""How well the rules rank churn on a bundle with outcomes.

`python -m benchmarks.engines.quality DIR [--window 90] [--json]` prints the figures with their intervals.

DIR is a bundle (README, "Import your own data") with a `split.csv` in it: account_ref, as_of, window_days and
`split` (train, test) or `fold`. Only the test rows (every row, where there are folds) are scored, as the rules learn
nothing from the others.
Each row is predicted by the real engine from the real context at the end of its day.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from datetime import UTC, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.metrics import brier_score_loss, roc_auc_score

from cs_ml.bootstrap import Services, open_services
from cs_ml.domain.actor import Actor
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.clock import Moment
from cs_ml.services.predicting.scoring import read_scenes
from cs_ml.settings import Settings

RESAMPLES = 1000
SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--window", type=int, default=90)
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    wanted = read_rows(options.bundle, options.window)
    with TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{folder}/quality.db")
        with open_services(settings) as services:
            accounts, churned, scores = score_rows(services, options.bundle, wanted, options.window)
    result = measure(accounts, churned, scores)
    print(json.dumps({"data": result}) if options.as_json else as_text(result))


def read_rows(bundle: Path, window: int) -> dict[str, list[tuple[str, bool]]]:
    """as_of -> (account reference, churned) of the rows to score."""
    with (bundle / "outcomes.csv").open(newline="") as file:
        known = {(r["account_ref"], r["as_of"], r["window_days"]): r["churned"] == "1" for r in csv.DictReader(file)}
    rows: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    with (bundle / "split.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            key = (row["account_ref"], row["as_of"], row["window_days"])
            if row["window_days"] == str(window) and row.get("split", "test") == "test" and key in known:
                rows[row["as_of"]].append((row["account_ref"], known[key]))
    return rows


def score_rows(
    services: Services, bundle: Path, wanted: dict[str, list[tuple[str, bool]]], window: int
) -> tuple[list[int], list[bool], list[float]]:
    """Account ids, outcomes and probabilities, row by row."""
    services.importing.import_new_tenant("quality", "Quality", bundle)
    actor = Actor.system(services.access.tenant_by_slug("quality").id)
    engine = RulesEngine(default_scorecard())
    accounts, churned, scores = [], [], []
    for day, rows in sorted(wanted.items()):
        at = datetime.combine(datetime.fromisoformat(day), time(23, 59, 59, 999000), UTC)
        ids = {ref: services.context.resolve(actor, ref) for ref, _ in rows}
        scenes = read_scenes(services.database, actor, list(ids.values()), Moment(at, live=False), at)
        for ref, outcome in rows:
            scene = scenes[ids[ref]]
            accounts.append(ids[ref])
            churned.append(outcome)
            scores.append(engine.assess(scene.context, scene.reference, window).assessment.probability)
        sys.stderr.write(f"{day}: {len(rows)} accounts\n")
    return accounts, churned, scores


def measure(accounts: list[int], churned: list[bool], scores: list[float]) -> dict[str, object]:
    """Figures with 95 % intervals, resampled by account (windows of one account are not independent)."""
    outcome, score = np.array(churned), np.array(scores)
    places = defaultdict(list)
    for place, account in enumerate(accounts):
        places[account].append(place)
    groups = [np.array(group) for group in places.values()]
    rng = np.random.default_rng(SEED)
    draws = [np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))]) for _ in range(RESAMPLES)]
    figures = {"auroc": roc_auc_score, "brier": brier_score_loss}
    return {
        "n": len(scores),
        "churned": int(outcome.sum()),
        "base_rate": float(outcome.mean()),
        "mean_probability": float(score.mean()),
        **{
            name: {
                "value": float(figure(outcome, score)),
                "low": float(np.quantile(found := [figure(outcome[d], score[d]) for d in draws], 0.025)),
                "high": float(np.quantile(found, 0.975)),
            }
            for name, figure in figures.items()
        },
    }


def as_text(result: dict[str, object]) -> str:
    lines = [f"{result['n']} windows, {result['churned']} churned ({result['base_rate']:.1%})"]
    lines.append(f"mean probability {result['mean_probability']:.1%}")
    for name in ("auroc", "brier"):
        found = result[name]
        assert isinstance(found, dict)
        lines.append(f"{name} {found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
