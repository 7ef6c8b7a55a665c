"""Questions that are asked through the provider's Batch API: half the price, answered within a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cs_ml.domain.llm.usage import Fault

OVERNIGHT = 200  # accounts of one batch at the provider: what one that fails or is late holds up, or holds in memory
WAITED = timedelta(hours=25)  # the provider promises a day

# At the provider, or perhaps; answers stored, files not deleted yet; over, in a run that was cancelled.
BatchState = Literal["submitting", "waiting", "collected", "ended", "cancelled"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One line of a batch: an account of a run under the claim `attempt`, and what tells whether the question would be
    the same today."""

    account_id: int
    attempt: int
    fingerprint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderBatch:
    """Accounts of a run that the provider was asked about at once. `key`: ours, by which it is found at the provider.

    `entries` in the order of the lines; the first `done` of them are over. `submitted_at`: the instant of the facts.
    `files`: at the provider, to be deleted.
    """

    key: str
    run_id: str
    model: str
    state: BatchState
    entries: Sequence[Entry]
    done: int
    submitted_at: datetime
    wait_until: datetime
    reservation: str | None
    provider_id: str | None = None
    files: Sequence[str] = ()


class ProviderAway(Exception):
    """The provider does not answer at the moment: to be tried again."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class ProviderRefuses(Exception):
    """The provider does not do what it was asked for, and will not."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault
