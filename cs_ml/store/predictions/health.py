"""Health insights as JSON and back: `health_of(health_json(x)) == x`."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from cs_ml.domain.health.insights import HealthInsights


def health_json(insights: HealthInsights | None) -> Any:
    return None if insights is None else _adapter().dump_python(insights, mode="json")


def health_of(value: Any) -> HealthInsights | None:
    return None if value is None else _adapter().validate_python(value)


@cache
def _adapter() -> TypeAdapter[HealthInsights]:
    return TypeAdapter(HealthInsights)
