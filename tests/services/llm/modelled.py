"""Predictions with a real client of a model, its prompts and its books, over a server of the test."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from cs_ml.domain.actor import Actor
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.llm.client import LlmClient
from cs_ml.llm.pricing import load_prices
from cs_ml.llm.transport import Endpoint
from cs_ml.services.llm.chain import EngineChain, LanguageModel
from cs_ml.services.llm.entities import KnownEntitiesCache
from cs_ml.services.llm.prompts import PromptService
from cs_ml.services.llm.usage import UsageService
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from cs_ml.store.tables import AIUsageEvent

MODEL = "gpt-4.1-mini"


def do_not_wait(_seconds: float) -> None:
    """Between the client's tries."""


@contextmanager
def modelled(
    database: Database,
    url: str,
    clock: Callable[[], datetime],
    *,
    model: str = MODEL,
    timeout_s: float = 20.0,
    sleep: Callable[[float], None] = do_not_wait,
    limit: int = 100,
) -> Iterator[PredictionService]:
    """The service as the process wires it, the model first and then the rules."""
    endpoint = Endpoint(base_url=url, api_key="sk-test", model=model)
    client = LlmClient(endpoint, load_prices(), timeout_s=timeout_s, now=clock, sleep=do_not_wait)
    language_model = LanguageModel(
        client=client,
        prompts=PromptService(database, clock, KnownEntitiesCache(database)),
        usage=UsageService(database, clock, sleep),
    )
    chain = EngineChain([RulesEngine(default_scorecard())], language_model)
    try:
        yield PredictionService(database, clock, chain, PredictionLimit(limit), sleep)
    finally:
        client.close()


def events(database: Database, actor: Actor) -> Sequence[tuple[bool, str | None, str | None, Decimal]]:
    """The tenant's books: success, error, account, cost."""
    event = AIUsageEvent
    columns: Any = select(event.success, event.error_type, event.entity_id, event.estimated_cost)
    with database.read(actor) as scope:
        return [(row[0], row[1], row[2], row[3]) for row in scope.execute(columns.order_by(event.created_at))]
