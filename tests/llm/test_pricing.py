"""The price table, and the operator's own over it."""

from decimal import Decimal
from pathlib import Path

import pytest

from cs_ml.domain.errors import Invalid
from cs_ml.domain.llm.usage import TokenUsage
from cs_ml.llm.pricing import load_prices

MILLION = TokenUsage(prompt=1_000_000, completion=1_000_000)
CACHED = TokenUsage(prompt=1_000_000, completion=0, cached=400_000)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "prices.toml"


def test_list_prices() -> None:
    prices = load_prices()
    assert prices.cost("gpt-4.1-mini", MILLION) == Decimal("2.0")
    assert prices.cost("gpt-4.1-mini-2025-04-14", MILLION) == Decimal("2.0")
    assert prices.cost("gpt-4.1-mini", CACHED) == Decimal("0.28")


@pytest.mark.parametrize("model", ["gpt-4.1-mini-fine-tuned", "gpt-4.1-mini-2025", "", "qwen"])
def test_unknown_is_not_zero(model: str) -> None:
    assert load_prices().cost(model, MILLION) is None


def test_a_request_that_no_model_worked_on_costs_nothing() -> None:
    assert load_prices().cost("qwen", TokenUsage(prompt=0, completion=0)) == 0


def test_answers_within_a_day_cost_a_share(own: Path) -> None:
    prices = load_prices().overnight()
    assert prices.cost("gpt-4.1-mini", MILLION) == Decimal("1.0")
    assert prices.cost("gpt-4.1-mini", CACHED) == Decimal("0.14")
    assert prices.cost("qwen", MILLION) is None
    for said, share in (("", "0.5"), ("batch_share = 0.8", "0.8"), ("batch_share = 1", "1")):
        own.write_text(f'version = "contract 7"\n{said}\n[models]\nqwen = {{ input = 1, output = 1 }}\n')
        assert load_prices(own).overnight().cost("qwen", MILLION) == 2 * Decimal(share)
    own.write_text('version = "contract 7"\nbatch_share = 0\n[models]\n')
    with pytest.raises(Invalid):
        load_prices(own)


def test_own_prices_override_and_extend(own: Path) -> None:
    own.write_text('version = "contract 7"\n[models]\nqwen = { input = 0, output = 0 }\n'
                   '"gpt-4.1-mini" = { input = 0.1, output = 0.2 }\n')  # fmt: skip
    prices = load_prices(own)
    assert prices.cost("qwen", MILLION) == 0
    assert prices.cost("gpt-4.1-mini", MILLION) == Decimal("0.3")
    assert prices.cost("gpt-4.1-mini", CACHED) == Decimal("0.1")
    assert prices.cost("gpt-4o", MILLION) == Decimal("12.5")
    assert prices.version == f"contract 7 over {load_prices().version}"


def test_more_cached_than_sent_is_no_discount_below_zero() -> None:
    usage = TokenUsage(prompt=100, completion=0, cached=1_000_000)
    assert load_prices().cost("gpt-4.1-mini", usage) == Decimal("0.00001")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version = 1",
        'version = "1"\n[models]\nm = { input = "cheap", output = 1 }',
        'version = "1"\n[models]\nm = { input = -1, output = 1 }',
        'version = "1"\n[models]\nm = { input = nan, output = 1 }',
        'version = "1"\n[models]\nm = { input = 1 }',
        'version = "1"\n[models]\nm = { input = 1, output = 1, per = "call" }',
        "version = ",
    ],
)
def test_a_file_that_is_no_table_is_refused_with_what_was_expected(own: Path, text: str) -> None:
    own.write_text(text)
    with pytest.raises(Invalid, match="price table"):
        load_prices(own)


def test_a_missing_file_is_refused(own: Path) -> None:
    with pytest.raises(Invalid, match="version"):
        load_prices(own)
