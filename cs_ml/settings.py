"""Every setting of the process: environment variables and `.env`, read once by `bootstrap`."""

from pydantic import Field
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
    limit_predictions_per_day: int = Field(
        default=100, ge=0, description="Single predictions a tenant may compute a day (cached answers are free)."
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR; logs go to standard error.")


