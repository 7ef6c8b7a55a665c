"""Counters and times of this process, and the tenants' key figures, on a port of their own for Prometheus."""

from collections.abc import Callable, Iterable, Sequence
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer

from cs_ml.domain.errors import Invalid
from cs_ml.domain.llm.usage import KeyFigures
from cs_ml.domain.llm.watching import Kind

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

# Seconds: a page run, a job and a call of a model last from milliseconds to minutes.
_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)

Figures = Callable[[], Sequence[tuple[str, KeyFigures]]]  # by tenant's id, few of them


class Meters:
    def __init__(self, host: str, port: int) -> None:
        """`port`: 0 for any that is free."""
        from prometheus_client import CollectorRegistry, Histogram, ProcessCollector

        self._address = host, port
        self._registry = CollectorRegistry()
        self._serving: tuple[WSGIServer, Thread] | None = None
        ProcessCollector(registry=self._registry)
        self._seconds = Histogram(
            "cs_ml_seconds",
            "How long requests, page runs, jobs and calls of a model take; the count tells how many there were.",
            ("kind", "name", "outcome"),
            registry=self._registry,
            buckets=_BUCKETS,
        )

    def note(self, kind: Kind, name: str, outcome: str, seconds: float) -> None:
        self._seconds.labels(kind, name, outcome).observe(seconds)

    def serve(self, figures: Figures) -> int:
        """The port. Raises Invalid where it is taken."""
        from prometheus_client import start_http_server

        host, port = self._address
        self._registry.register(_Collector(figures))
        try:
            self._serving = start_http_server(port, host, self._registry)
        except OSError as error:
            expected = "a free port of this machine; each process needs its own"
            raise Invalid(
                f"CS_ML_METRICS_PORT must be {expected} ({error.strerror}).", fields={"metrics_port": expected}
            ) from None
        return self._serving[0].server_port

    def close(self) -> None:
        if self._serving is not None:
            server, thread = self._serving
            server.shutdown()
            server.server_close()
            thread.join()


class _Collector:
    """Read at each scrape."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def describe(self) -> Sequence["GaugeMetricFamily"]:
        """Nothing yet: registering must not read the database."""
        return ()

    def collect(self) -> Iterable["GaugeMetricFamily"]:
        from prometheus_client.core import GaugeMetricFamily

        shares = GaugeMetricFamily(
            "cs_ml_30d",
            "Of the last 30 days: a share's part and what it is part of (calls of a model that answered, predictions"
            " that fell back, judged predictions that were right, CTAs from predictions that are done).",
            labels=("tenant", "figure", "number"),
        )
        latency = GaugeMetricFamily(
            "cs_ml_30d_llm_seconds",
            "How long the model took to answer in the last 30 days, at most, in this share of the calls.",
            labels=("tenant", "quantile"),
        )
        for tenant_id, found in self._figures():
            for name, part, of in _shares(found):
                shares.add_metric((tenant_id, name, "part"), part)
                shares.add_metric((tenant_id, name, "all"), of)
            for quantile, milliseconds in (("0.5", found.usual_ms), ("0.95", found.slow_ms)):
                if milliseconds is not None:
                    latency.add_metric((tenant_id, quantile), milliseconds / 1000)
        return (shares, latency)


def _shares(found: KeyFigures) -> Iterable[tuple[str, int, int]]:
    yield "llm_success", found.calls.part, found.calls.n
    yield "fallback", sum(found.fallbacks.values()), found.predictions
    yield "accuracy", found.accurate.part, found.accurate.n
    yield "cta_completion", found.completed.part, found.completed.n
