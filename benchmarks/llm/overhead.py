"""What a new prediction by a model takes beyond a stored one, when the model itself takes no time.

`python -m benchmarks.llm.overhead` prints text and a JSON line. The server runs in a process of its own; its answers
are ready before they are asked for, so what is left of its time counts as ours.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from sqlalchemy import select

from benchmarks.demo_tenant import seed
from benchmarks.harness import Result, medians, show
from benchmarks.llm.client import MODEL, cpu_medians, served
from cs_ml.bootstrap import open_services
from cs_ml.settings import Settings
from cs_ml.store.tables import Account
from tests.services.llm.faulty import CHURN
from tests.support.databases import sqlite_url

GOAL_MS = 150.0
ROUNDS = 60


def run() -> Iterator[Result]:
    with TemporaryDirectory() as folder, served(CHURN) as url:
        settings = Settings(
            database_url=sqlite_url(Path(folder) / "overhead.db"),
            openai_api_key=SecretStr("k"),
            openai_base_url=url,
            llm_model=MODEL,
            limit_predictions_per_day=1000,
        )
        with open_services(settings) as services:
            actor = seed(services, accounts=20)
            with services.database.read(actor) as scope:
                account = int(scope.execute(select(Account.id).limit(1)).scalar_one())
            predict = services.predictions.predict
            assert predict(actor, account).provenance.engine == "llm"
            steps = (lambda: predict(actor, account, force_refresh=True), lambda: predict(actor, account))
            elapsed, cpu = medians(*steps, rounds=ROUNDS), cpu_medians(*steps, rounds=ROUNDS)
    yield _result("A prediction by a model beyond a stored one, without the model's time", *elapsed)
    yield _result("The same in CPU of the process, which other work does not slow", *cpu)


def _result(name: str, new: float, stored: float) -> Result:
    return Result(
        name=name,
        ours=(new - stored) * 1e3,
        floor=None,
        unit="ms",
        goal=GOAL_MS,
        judged="ours",
    )


if __name__ == "__main__":
    list(show(run()))
