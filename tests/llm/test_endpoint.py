"""Where prompts may be sent."""

import pytest

from cs_ml.domain.errors import Invalid
from cs_ml.llm.transport import Endpoint

GOOD = {"base_url": "https://api.openai.com/v1", "api_key": "sk-1", "model": "m"}
ALLOWED = [
    {},
    {"base_url": "http://localhost:8085/v1"},
    {"base_url": "http://127.0.0.1:11434/v1"},
    {"base_url": "http://[::1]/v1"},
    {"base_url": "http://vllm:8000/v1", "allow_http": True},
    {"base_url": "http://10.1.2.3/v1", "allow_http": True},
]
REFUSED = [
    {"base_url": "http://api.openai.com/v1"},
    {"base_url": "http://10.1.2.3/v1"},
    {"base_url": "http://localhost.example.com/v1"},
    {"base_url": "http://127.0.0.1.example.com/v1"},
    {"base_url": "http://localhost@example.com/v1", "allow_http": True},
    {"base_url": "https://user:secret@example.com/v1"},
    {"base_url": "ftp://example.com/v1"},
    {"base_url": "file:///etc/passwd"},
    {"base_url": "api.openai.com/v1"},
    {"base_url": "https://[::1"},
    {"base_url": "https://example.com:port/v1"},
    {"base_url": ""},
    {"api_key": "sk-ü"},
    {"api_key": "sk-1\n"},
    {"api_key": ""},
    {"model": " "},
]


@pytest.mark.parametrize("change", ALLOWED)
def test_allowed(change: dict[str, object]) -> None:
    Endpoint(**{**GOOD, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize("change", REFUSED)
def test_refused_with_the_setting_to_change(change: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        Endpoint(**{**GOOD, **change})  # type: ignore[arg-type]
    (setting,) = refused.value.fields
    assert setting in {"OPENAI_BASE_URL", "OPENAI_API_KEY", "CS_ML_LLM_MODEL"}
    assert "secret" not in refused.value.message
