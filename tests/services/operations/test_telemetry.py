"""What goes out about the process: to a scrape over HTTP, and to a collector of spans over HTTP; nothing when off."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest
from pydantic import SecretStr

from cs_ml.bootstrap import Services, open_services, serve_metrics
from cs_ml.bootstrap.telemetry import figures as module
from cs_ml.bootstrap.telemetry.figures import TenantFigures
from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.domain.jobs import BatchRequest, Job
from cs_ml.settings import Settings
from tests.llm.server import error, running_server
from tests.services.llm.faulty import GOOD
from tests.support.factories import add_account, add_tenant
from tests.support.source import ROOT

SECRETS = ("Secret", "sk-", "example")


@contextmanager
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    """A collector's address, and the bodies that it got."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", got
        finally:
            server.shutdown()
            thread.join()


def settings(folder: Path, model_url: str, **more: Any) -> Settings:
    return Settings(
        database_url=f"sqlite:///{folder}/watched.db",
        openai_api_key=SecretStr("sk-secret-key"),
        openai_base_url=model_url,
        log_level="ERROR",
        **more,
    )


def worked(services: Services) -> Actor:
    """A batch of one account, done by the jobs of a worker."""
    actor = add_tenant(services.database, "acme", name="Secret Name")
    account = add_account(services.database, actor, name="Secret Customer")
    run = services.runs.start(actor, BatchRequest(refresh=True))
    for task, ids in (("spread", ()), ("predict", (account,))):
        services.tasks.run(Job(task=task, tenant_id=actor.tenant_id, subject=run.id, account_ids=ids))  # type: ignore[arg-type]
    return actor


def test_a_scrape_tells_jobs_calls_and_the_key_figures_and_no_names(tmp_path: Path) -> None:
    with running_server() as server:
        server.script(error(500), GOOD)
        with open_services(settings(tmp_path, server.url, metrics_port=0)) as services:
            tenant = worked(services).tenant_id
            port = serve_metrics(services)
            with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                text = answer.read().decode()
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    def count(kind: str, name: str, outcome: str) -> float:
        return float(told[f'cs_ml_seconds_count{{kind="{kind}",name="{name}",outcome="{outcome}"}}'])

    assert count("job", "spread", "ok") == count("job", "predict", "ok") == 1
    assert count("llm", "churn-prediction", "server_error") == count("llm", "churn-prediction", "ok") == 1
    for figure, part, of in (("llm_success", 1, 2), ("fallback", 0, 1), ("accuracy", 0, 0), ("cta_completion", 0, 0)):
        for number, value in (("part", part), ("all", of)):
            name = f'cs_ml_30d{{figure="{figure}",number="{number}",tenant="{tenant}"}}'
            assert float(told[name]) == value, name
    assert f'cs_ml_30d_llm_seconds{{quantile="0.95",tenant="{tenant}"}}' in told
    assert not any(secret in text for secret in SECRETS)


def test_spans_go_to_a_collector_a_call_within_its_job(tmp_path: Path) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    with running_server() as server, receiver() as (endpoint, got):
        server.script(error(401, "invalid_api_key"))
        with open_services(settings(tmp_path, server.url, traces_endpoint=endpoint)) as services:
            tenant = worked(services).tenant_id
    spans = {
        span.name: span
        for body in got
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    assert set(spans) == {"job spread", "job predict", "llm churn-prediction"}
    call, job = spans["llm churn-prediction"], spans["job predict"]
    attributes = {each.key: each.value.string_value for each in call.attributes}
    assert (call.parent_span_id, call.trace_id) == (job.span_id, job.trace_id)
    assert attributes == {
        "cs_ml.kind": "llm",
        "cs_ml.name": "churn-prediction",
        "cs_ml.tenant": tenant,
        "cs_ml.outcome": "key_refused",
    }
    assert call.status.code == call.status.STATUS_CODE_ERROR
    assert not call.events
    assert not any(secret.encode() in body for secret in SECRETS for body in got)


def test_labels_are_of_few_tenants_and_figures_are_read_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_TENANTS", 2)
    with open_services(Settings(database_url=f"sqlite:///{tmp_path}/many.db", openai_api_key=None)) as services:
        for name in ("a", "b", "c"):
            add_tenant(services.database, name)
        figures = TenantFigures(services.database, services.clock, services.access, services.monitoring)
        first = figures()
        assert [tenant for tenant, _ in first] == sorted(services.access.active_tenants())[:2]
        assert figures() is first


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with receiver() as (endpoint, _):
        port = int(endpoint.split(":")[2].partition("/")[0])
        url = f"sqlite:///{tmp_path}/port.db"
        taken = Settings(database_url=url, openai_api_key=None, metrics_port=port)
        with open_services(taken) as services, pytest.raises(Invalid, match="CS_ML_METRICS_PORT"):
            serve_metrics(services)


def test_nothing_is_loaded_or_served_when_off() -> None:
    code = (
        "import sys\nfrom cs_ml.bootstrap import open_scratch, serve_metrics\n"
        "with open_scratch() as services:\n"
        "    assert serve_metrics(services) is None\n"
        "    services.tasks.states()\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'prometheus_client', 'opentelemetry'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
