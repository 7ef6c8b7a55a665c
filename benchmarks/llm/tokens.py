"""Tokens of the messages of one prediction, over every customer of the demo with 90 days of history.

`python -m benchmarks.llm.tokens` prints text and a JSON line. Counted with o200k_base; the form of the answer comes on
top.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.harness import Result, show
from cs_ml.bootstrap import Services, open_services
from cs_ml.demo.bundle import write
from cs_ml.demo.generator import DEFAULT_SEED, TENANTS, DemoTenant, generate
from cs_ml.demo.seed import addresses
from cs_ml.domain.actor import Actor
from cs_ml.services.llm.prompts import PromptCost
from cs_ml.settings import Settings
from cs_ml.store.accounts import AccountRepository
from tests.support.databases import build_schema, sqlite_url

TOKENS_GOAL = 900


def run() -> Iterator[Result]:
    with TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "bench.db")
        build_schema(url)
        with open_services(Settings(database_url=url, openai_api_key=None)) as services:
            tenants = [_seed(services, tenant, Path(folder)) for tenant in TENANTS]
            yield _result("without free text", [cost for actor in tenants for cost in _costs(services, actor)])
            for actor in tenants:
                services.tenant_settings.set(actor, "llm_free_text", "on")
            told = [cost for actor in tenants for cost in _costs(services, actor)]
            print(_shown("with free text", told), file=sys.stderr)


def _seed(services: Services, tenant: DemoTenant, folder: Path) -> Actor:
    today = datetime.now(UTC).date()
    write(generate(DEFAULT_SEED, today, tenant, addresses(tenant)), folder / tenant.slug)
    services.importing.import_new_tenant(tenant.slug, tenant.name, folder / tenant.slug, data_date=today, demo=True)
    return Actor.system(services.access.tenant_by_slug(tenant.slug).id)


def _costs(services: Services, actor: Actor) -> list[PromptCost]:
    with services.database.read(actor) as scope:
        accounts = AccountRepository(scope).names().accounts
    costs = [services.prompts.cost(actor, account.id) for account in accounts]
    assert {cost.method for cost in costs} == {"o200k_base"}, "install bpe-openai: `make setup`"
    return costs


def _result(name: str, costs: list[PromptCost]) -> Result:
    print(_shown(name, costs), file=sys.stderr)
    return Result(
        name=f"Tokens of a prediction's messages, {name}, median",
        ours=median(cost.total for cost in costs),
        floor=None,
        unit="tokens",
        goal=TOKENS_GOAL,
        judged="ours",
    )


def _shown(name: str, costs: list[PromptCost]) -> str:
    totals = sorted(cost.total for cost in costs)
    parts = {part: median(cost.parts[part] for cost in costs) for part in costs[0].parts}
    told = ", ".join(f"{part} {tokens:g}" for part, tokens in parts.items())
    return f"{name}: {len(totals)} customers, {totals[0]} to {totals[-1]}, median {median(totals):g} ({told})"


if __name__ == "__main__":
    list(show(run()))
