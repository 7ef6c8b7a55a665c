"""From settings to a client that asks."""

from pathlib import Path

import pytest

from cs_ml.bootstrap import open_services
from cs_ml.domain.errors import Invalid
from cs_ml.settings import Settings
from tests.llm.asking import MESSAGES, VALID, Verdict
from tests.llm.server import FakeServer, answer

KEY = "sk-not-for-logs"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A person's settings, in an empty folder without `.env`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return monkeypatch


def test_the_environment_makes_a_client(environment: pytest.MonkeyPatch, tmp_path: Path, server: FakeServer) -> None:
    prices = tmp_path / "own.toml"
    prices.write_text('version = "own"\n[models]\nqwen = { input = 0, output = 0 }\n')
    environment.setenv("OPENAI_BASE_URL", server.url)
    environment.setenv("CS_ML_LLM_MODEL", "qwen")
    environment.setenv("CS_ML_LLM_PRICES", str(prices))
    environment.setenv("CS_ML_LLM_TIMEOUT_S", "9.5")
    server.script(answer(VALID))
    with open_services() as services:
        assert services.llm is not None
        completion = services.llm.complete(MESSAGES, Verdict, operation="churn-prediction")
        assert services.llm.model == "qwen"
    assert completion.cost == 0
    assert server.requests[0].body["model"] == "qwen"
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_there_is_no_model(environment: pytest.MonkeyPatch, key: str | None) -> None:
    if key is None:
        environment.delenv("OPENAI_API_KEY")
    else:
        environment.setenv("OPENAI_API_KEY", key)
    with open_services() as services:
        assert services.llm is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_BASE_URL", "http://models.example.com/v1"),
        ("CS_ML_LLM_MODEL", ""),
        ("CS_ML_LLM_PRICES", "missing.toml"),
    ],
)
def test_a_bad_setting_stops_the_start_with_its_name(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(Invalid) as refused, open_services():
        pass
    assert name.removeprefix("CS_ML_").lower() in " ".join(refused.value.fields).lower()
    assert KEY not in str(refused.value)


def test_a_private_server_over_http_needs_a_word(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OPENAI_BASE_URL", "http://vllm:8000/v1")
    environment.setenv("CS_ML_LLM_ALLOW_HTTP", "on")
    with open_services() as services:
        assert services.llm is not None


def test_the_key_is_in_no_representation(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OPENAI_BASE_URL", "https://models.example.com/v1")
    settings = Settings()
    assert settings.openai_api_key is not None
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert KEY not in text
