"""How a process does, for Prometheus and for OpenTelemetry; each is off until a setting asks for it.

Labels and spans hold kinds, outcomes and ids, never a name or a text: what may stand in them is listed here and in
`figures`, and a test reads what goes out.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from cs_ml.bootstrap.telemetry.meters import Figures, Meters
from cs_ml.bootstrap.telemetry.traces import Traces
from cs_ml.domain.errors import CsMlError
from cs_ml.domain.llm.watching import Kind, Seen
from cs_ml.settings import Settings


class Telemetry:
    """Nothing is imported and nothing measured for what is off."""

    def __init__(self, settings: Settings) -> None:
        self._meters = (
            Meters(settings.metrics_host, settings.metrics_port) if settings.metrics_port is not None else None
        )
        self._traces = Traces(settings.traces_endpoint) if settings.traces_endpoint else None

    @contextmanager
    def watch(self, kind: Kind, name: str, tenant_id: str) -> Iterator[Seen]:
        """Times the block. Its outcome is what the block says, else that of the exception which ended it."""
        seen = Seen()
        if self._meters is None and self._traces is None:
            yield seen
            return
        started = perf_counter()
        with self._traces.span(kind, name, tenant_id, seen) if self._traces else _nothing():
            try:
                yield seen
            finally:
                seen.outcome = _outcome(seen, sys.exception())
                if self._meters is not None:
                    self._meters.note(kind, name, seen.outcome, perf_counter() - started)

    def serve(self, figures: Figures) -> int | None:
        """Answers scrapes from now on, with the tenants' key figures; the port, None where metrics are off."""
        return self._meters.serve(figures) if self._meters else None

    def close(self) -> None:
        """Sends what was not sent yet."""
        if self._meters:
            self._meters.close()
        if self._traces:
            self._traces.close()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _outcome(seen: Seen, error: BaseException | None) -> str:
    if seen.outcome != "ok" or not isinstance(error, Exception):
        return seen.outcome
    return "refused" if isinstance(error, CsMlError) else "failed"
