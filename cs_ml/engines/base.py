"""What an engine is."""

from typing import Protocol

from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.predictions import Assessment, EngineName


class Engine(Protocol):
    """Pure: the same context and reference give the same assessment. `version` changes when its answers may."""

    name: EngineName
    version: str

    def assess(self, context: AccountContext, reference: TenantReference, window_days: int) -> Assessment:
        """Raises EngineUnavailable where it cannot answer."""
        ...
