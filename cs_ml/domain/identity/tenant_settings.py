"""What a tenant may set: the known keys, what each expects, and the defaults."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from cs_ml.domain.errors import Invalid
from cs_ml.domain.policy import CTA_COOLDOWN_DAYS, Bands, RiskBand
from cs_ml.domain.predictions import EngineName

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)

# Removes a tenant's own value, so that the default holds again.
UNSET = "default"


def _split(value: Any) -> Any:
    """Lists are written with commas on the command line; `none` is the empty one."""
    if not isinstance(value, str):
        return value
    return [] if value.strip().lower() == "none" else [word.strip().lower() for word in value.split(",")]


def _bands(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    critical, high, medium = value.split(",")
    return {"critical": critical, "high": high, "medium": medium}


def _ordered(bands: Bands) -> Bands:
    if not 1 > bands.critical > bands.high > bands.medium > 0:
        raise ValueError("out of order")
    return bands


def _weights(value: Any) -> Any:
    """Written as `part=weight` with commas; `none` is the empty one. Raises ValueError for a part that stands twice."""
    if not isinstance(value, str):
        return value
    pairs = [word.split("=") for word in _split(value)]
    if len({pair[0].strip() for pair in pairs}) < len(pairs):
        raise ValueError("a part stands there twice")
    return {part.strip(): weight for part, weight in pairs}


def _iso(value: Any) -> Any:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError("no such zone") from error
    return name


def _in_order(days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
    return tuple(day for day in WEEKDAYS if day in days)


# Twice the points of the largest part are still a probability.
Weight = Annotated[float, Field(ge=0, le=2)]
IsoDate = Annotated[date, BeforeValidator(_iso)]
DailyLimit = Annotated[int | None, Field(ge=0, le=1_000_000, description="a whole number from 0 to 1000000")]


# The current figures reach back 90 days.
KeptDays = Annotated[
    int | None, Field(ge=100, le=36_500, description=f"a whole number of days from 100 to 36500, or {UNSET}: for good")
]


class TenantSettings(BaseModel):
    """The settings of one tenant. Descriptions say what a value must look like on the command line.

    A limit of None means the limit that the whole product is set to; `bands` None means the engine's own.
    `keep_calls_days` and `keep_left_days` None: single calls of a language model, and customers that have left, are
    kept for good.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    limit_predictions_per_day: DailyLimit = None
    limit_batches_per_day: DailyLimit = None
    limit_ctas_per_day: DailyLimit = None
    llm_free_text: bool = Field(default=False, description="on or off")
    llm_budget_usd_month: Decimal | None = Field(
        default=None, ge=0, decimal_places=2, max_digits=12, description="an amount in US dollars, such as 250 or 99.50"
    )
    shadow_llm_percent: int = Field(
        default=0, ge=0, le=100, description="the share of accounts in percent, from 0 to 100"
    )
    auto_cta_levels: Annotated[tuple[RiskBand, ...], BeforeValidator(_split)] = Field(
        default=(), description="risk levels with commas (critical,high,medium,low), or none"
    )
    cta_cooldown_days: int = Field(
        default=CTA_COOLDOWN_DAYS, ge=0, le=365, description="a whole number of days from 0 to 365"
    )
    bands: Annotated[Bands | None, BeforeValidator(_bands), AfterValidator(lambda b: b and _ordered(b))] = Field(
        default=None,
        description="the lowest probabilities of critical, high and medium, falling, such as 0.8,0.6,0.3",
    )
    scorecard_weights: Annotated[Mapping[str, Weight], BeforeValidator(_weights)] = Field(
        default={},
        max_length=100,
        description="parts of the scorecard and their weights from 0 to 2, such as support=1.5,renewal=0, or none",
    )
    keep_calls_days: KeptDays = None
    keep_left_days: KeptDays = None
    zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", description="the name of a time zone, such as Europe/Berlin"
    )
    working_days: Annotated[tuple[Weekday, ...], BeforeValidator(_split), AfterValidator(_in_order)] = Field(
        default=WEEKDAYS[:5], min_length=1, description="days with commas, such as mon,tue,wed,thu,fri"
    )
    holidays: Annotated[tuple[IsoDate, ...], BeforeValidator(_split)] = Field(
        default=(), max_length=1000, description="dates with commas, such as 2026-12-25,2027-01-01, or none"
    )
    churn_complete_until: IsoDate | None = Field(default=None, description="a date, such as 2026-03-31")
    champion: EngineName | Literal["auto"] | None = Field(
        default=None, description=f"an engine: {', '.join(get_args(EngineName))}, or auto"
    )

    def plain(self) -> dict[str, Any]:
        """Key -> value as JSON, defaults included."""
        return self.model_dump(mode="json")


def parse_setting(key: str, text: str) -> tuple[str, Any]:
    """A key and a value as typed -> the key and the value as JSON; None removes the tenant's own value.

    The names of the environment variables do too (`CS_ML_LIMIT_CTAS_PER_DAY`). Raises Invalid with what was expected.
    """
    name = key.strip().lower().removeprefix("cs_ml_")
    if name not in TenantSettings.model_fields:
        known = ", ".join(TenantSettings.model_fields)
        raise Invalid(f"There is no tenant setting `{key}`. Known are: {known}.", fields={"key": f"one of {known}"})
    if text.strip().lower() == UNSET:
        return name, None
    try:
        return name, read_settings({name: text.strip()}).plain()[name]
    except ValidationError as error:
        expected = TenantSettings.model_fields[name].description or ""
        raise Invalid(f"`{name}` must be {expected}.", fields={name: expected}) from error


def read_settings(stored: Mapping[str, Any]) -> TenantSettings:
    """Stored keys and JSON values -> settings; defaults where nothing is stored."""
    return TenantSettings.model_validate(stored)
