"""The client of the language model that is set up."""

from cs_ml.domain.llm.watching import Watch, unwatched
from cs_ml.llm.client import LlmClient
from cs_ml.llm.pricing import load_prices
from cs_ml.llm.traffic.gate import TrafficLimits
from cs_ml.llm.transport import Endpoint
from cs_ml.services.clock import Clock
from cs_ml.settings import Settings


def language_model(settings: Settings, clock: Clock, watch: Watch = unwatched) -> LlmClient | None:
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    if not key:
        return None
    following = settings.openai_api_key_fallback
    endpoint = Endpoint(
        base_url=settings.openai_base_url,
        api_key=key,
        model=settings.llm_model,
        allow_http=settings.llm_allow_http,
        fallback_key=(following.get_secret_value() or None) if following else None,
    )
    limits = TrafficLimits(
        concurrency=settings.llm_concurrency,
        requests_per_minute=settings.llm_requests_per_minute,
        tokens_per_minute=settings.llm_tokens_per_minute,
    )
    prices = load_prices(settings.llm_prices)
    return LlmClient(endpoint, prices, timeout_s=settings.llm_timeout_s, now=clock, limits=limits, watch=watch)
