"""What an engine is."""

from dataclasses import dataclass
from typing import Protocol

from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.llm.usage import Attempt
from cs_ml.domain.predictions import Assessment, EngineName, Provenance


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An assessment and where it came from. `attempts`: the model calls made on the way, failed ones too."""

    assessment: Assessment
    provenance: Provenance
    attempts: tuple[Attempt, ...] = ()


def wants_signals(engine: "Engine") -> bool:
    """Whether it needs the long view of a context, which costs two statements more."""
    return engine.name == "learned"


class Engine(Protocol):
    """Without a model behind it pure: the same context and reference give the same answer. `version` changes when its
    answers may."""

    name: EngineName
    version: str

    def assess(self, context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
        """Raises EngineUnavailable where it cannot answer."""
        ...
