"""Every setting of the process: environment variables and `.env`, read once by `bootstrap`."""

from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Field descriptions are the README's settings table."""

    model_config = SettingsConfigDict(env_prefix="CS_ML_", env_file=".env", extra="ignore", hide_input_in_errors=True)

    database_url: str = Field(
        default="sqlite:///cs_ml.db",
        description="The database: `sqlite:///FILE` or `postgresql+psycopg://USER:PASSWORD@HOST/NAME`.",
        repr=False,
    )
    owner_database_url: str | None = Field(
        default=None,
        description="The role that migrates, where it is another than the runtime role. Default: the same.",
        repr=False,
    )
    session_key: str | None = Field(
        default=None,
        description="Secret of 32 characters or more behind the sessions of the app; a new one signs everybody out.",
        repr=False,
    )
    demo_password: str | None = Field(
        default=None, description="The password of the demo's users; default: made up and shown once.", repr=False
    )
    client_header: str | None = Field(
        default=None,
        description="Header in which the proxy in front of the app names the client, such as `X-Real-IP`; only where"
        " the proxy overwrites what a browser sends. Without it the address of the connection counts.",
    )
    limit_predictions_per_day: int = Field(
        default=100, ge=0, description="Single predictions a tenant may compute a day (cached answers are free)."
    )
    limit_batches_per_day: int = Field(
        default=5, ge=0, description="Batches that the people of a tenant may start a day; what runs by night is free."
    )
    limit_ctas_per_day: int = Field(
        default=50, ge=0, description="CTAs that a tenant may get automatically a day (a person's do not count)."
    )
    openai_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="openai_api_key",  # the name that every tool uses, without our prefix
        description="Key of the language model's server; any word for a server of your own that wants none."
        " Without it the other engines answer.",
    )
    openai_api_key_fallback: SecretStr | None = Field(
        default=None,
        validation_alias="openai_api_key_fallback",
        description="A second key, used as soon as the first is refused. To change keys without a pause, set the new"
        " one here, revoke the old one, then move it up.",
    )
    openai_base_url: str = Field(
        default="https://api.openai.com/v1",
        validation_alias="openai_base_url",
        description="Address of an OpenAI-compatible server (OpenAI, Azure, vLLM, Ollama, llama.cpp).",
    )
    llm_model: str = Field(default="gpt-4.1-mini", description="Name of the model, as its server knows it.")
    llm_timeout_s: float = Field(
        default=30,
        gt=0,
        le=600,
        allow_inf_nan=False,
        description="Seconds for all of a prediction's model work: waiting, retries and repair included.",
    )
    llm_concurrency: int = Field(
        default=50, ge=1, le=1000, description="Requests to the model's server at once, from each process."
    )
    llm_requests_per_minute: int | None = Field(
        default=None, ge=1, description="Requests a minute that each process may send; tenants take turns."
    )
    llm_tokens_per_minute: int | None = Field(
        default=None, ge=1, description="Tokens a minute, those of the answers included, that each process may use."
    )
    llm_batch_api: bool = Field(
        default=False,
        description="Nightly predictions are asked through the provider's Batch API: about half the price, answered"
        " within a day. The model's server must offer it (OpenAI does).",
    )
    llm_prices: Path | None = Field(
        default=None,
        description="A price table (TOML) over the shipped one, in US dollars per million tokens:"
        ' `version = "..."`, `batch_share = 0.5` (of them, for answers within a day) and, under `[models]`,'
        ' `"NAME" = { input = 0.4, cached_input = 0.1, output = 1.6 }`.',
    )
    llm_allow_http: bool = Field(
        default=False,
        description="Lets prompts travel readable, to an http address that is not this machine: only inside a network"
        " that you trust.",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port on which the app or a worker answers Prometheus; each process needs its own. Without it"
        " nothing is counted.",
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Address that the metrics' port is bound to; whoever reaches it may read them."
    )
    traces_endpoint: str | None = Field(
        default=None,
        description="Where spans go to, over HTTP, such as `http://localhost:4318/v1/traces` (OpenTelemetry). Without"
        " it there are none.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR; logs go to standard error."
    )

    def secrets(self) -> tuple[str, ...]:
        """What must stand in no log: keys and passwords."""
        passwords = (urlsplit(url).password for url in (self.database_url, self.owner_database_url) if url)
        written = (form for each in passwords if each for form in (each, unquote(each)))
        keys = (key.get_secret_value() for key in (self.openai_api_key, self.openai_api_key_fallback) if key)
        return tuple(str(secret) for secret in (*keys, self.session_key, self.demo_password, *written) if secret)
