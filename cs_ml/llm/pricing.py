"""What tokens cost: the shipped table, and one of the operator over it."""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cs_ml.domain.errors import Invalid
from cs_ml.domain.llm.usage import TokenUsage

_SHIPPED = Path(__file__).with_name("prices.toml")
_MILLION = Decimal(1_000_000)
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")  # providers answer with the dated name of a model


class Price(BaseModel):
    """US dollars per million tokens. `cached_input`: of prompt tokens from the provider's cache; default: as input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0, le=1000)
    cached_input: Decimal | None = Field(default=None, ge=0, le=1000)
    output: Decimal = Field(ge=0, le=1000)

    def times(self, share: Decimal) -> "Price":
        cached = None if self.cached_input is None else self.cached_input * share
        return Price(input=self.input * share, cached_input=cached, output=self.output * share)


class PriceTable(BaseModel):
    """`version` is stored with every cost. `batch_share`: of these prices, what the provider takes for answers within a
    day (its Batch API)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(min_length=1, max_length=80)
    batch_share: Decimal = Field(default=Decimal("0.5"), gt=0, le=1)
    models: Mapping[str, Price]

    def cost(self, model: str, usage: TokenUsage) -> Decimal | None:
        """US dollars, None for a model without a price: unknown is not zero."""
        if not usage.total:
            return Decimal(0)
        price = self.models.get(model) or self.models.get(_SNAPSHOT.sub("", model))
        if price is None:
            return None
        cached = min(usage.cached or 0, usage.prompt)
        cached_price = price.input if price.cached_input is None else price.cached_input
        spent = (usage.prompt - cached) * price.input + cached * cached_price + usage.completion * price.output
        return spent / _MILLION

    def overnight(self) -> "PriceTable":
        """The prices of answers within a day."""
        share = self.batch_share
        return self.model_copy(update={"models": {name: price.times(share) for name, price in self.models.items()}})


def load_prices(file: Path | None = None) -> PriceTable:
    """The shipped prices, overridden and extended by those in `file`. Raises Invalid for a file that is no table."""
    shipped = _read(_SHIPPED)
    if file is None:
        return shipped
    own = _read(file)
    said = own if "batch_share" in own.model_fields_set else shipped
    return PriceTable(
        version=f"{own.version} over {shipped.version}",
        batch_share=said.batch_share,
        models={**shipped.models, **own.models},
    )


def _read(file: Path) -> PriceTable:
    try:
        return PriceTable.model_validate(tomllib.loads(file.read_text("utf-8"), parse_float=Decimal))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        expected = "a TOML file with `version` and, under [models], NAME = { input = 0.40, output = 1.60 }"
        raise Invalid(
            f"The price table {file.name} cannot be read. It must be {expected} in US dollars per million tokens.",
            fields={"llm_prices": expected},
        ) from error
