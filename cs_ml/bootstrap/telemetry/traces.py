"""Spans to an OpenTelemetry collector over HTTP, sent in the background."""

from collections.abc import Iterator
from contextlib import contextmanager

from cs_ml.domain.llm.watching import Kind, Seen

_PATIENCE_MS = 3_000  # for what is left at the end; a collector that is away holds up nobody


class Traces:
    def __init__(self, endpoint: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        # Not from the environment or the machine: nothing goes out that is not written here.
        self._provider = TracerProvider(resource=Resource({"service.name": "cs-ml"}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("cs_ml")

    @contextmanager
    def span(self, kind: Kind, name: str, tenant_id: str, seen: Seen) -> Iterator[None]:
        """Of what is watched within it, the parent. Messages of exceptions stay here."""
        from opentelemetry.trace import Status, StatusCode

        attributes = {"cs_ml.kind": kind, "cs_ml.name": name, "cs_ml.tenant": tenant_id}
        with self._tracer.start_as_current_span(
            f"{kind} {name}", attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            finally:
                span.set_attribute("cs_ml.outcome", seen.outcome)
                span.set_status(Status(StatusCode.OK if seen.outcome == "ok" else StatusCode.ERROR))

    def close(self) -> None:
        self._provider.force_flush(_PATIENCE_MS)
        self._provider.shutdown()
