"""A rerun of Portfolio and Account against a bare Streamlit page with the same tables and charts, in the same run.

`python -m benchmarks.page` prints text and JSON lines. Two real servers (`streamlit run`, our configuration): one with
the app over the demo's rows, one with a page that only draws the tables and charts of ours. A client on the websocket
asks both in turns to run again: time is from asking until the script has finished and all has come. No browser.

After each run Streamlit walks through all objects of the process, which is most of the time of a bare page. The app
takes what never changes out of that walk (`runtime.settle`). `--settled` lets the bare page do the same, to tell what
is left: our elements, our SQL, our words. Its goals are not judged by `make bench`.
"""

import argparse
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import streamlit as st
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from benchmarks.harness import Result, medians, show
from cs_ml.domain.actor import Actor
from cs_ml.domain.portfolio import PortfolioQuery
from cs_ml.ui import runtime
from tests.support.apps import SESSION_KEY, App, app_over
from tests.support.databases import build_schema, sqlite_url
from tests.support.source import ROOT

COMMAND = Path(sys.executable).with_name("cs-ml")
GOAL = 1.5
ROUNDS = 40
START_S = 60
START_PAGE = "portfolio"
DRAWN = ("dataframe", "plotly_chart")
BARE = """
import pickle
import streamlit as st

st.set_page_config(layout="wide")
with open({file!r}, "rb") as stream:
    for name, args, more in pickle.load(stream):
        getattr(st, name)(*args, **more)
"""

SETTLED = """
import gc
import sys

if not hasattr(sys, "settled"):
    sys.settled = True
    gc.collect()
    gc.freeze()
"""

Rerun = Callable[[], int]  # answers the bytes that came
Call = tuple[str, tuple[Any, ...], dict[str, Any]]


def run(bare_page: str = BARE) -> Iterator[Result]:
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        url = sqlite_url(folder / "bench.db")
        build_schema(url)
        environment = {**os.environ, "CS_ML_DATABASE_URL": url, "CS_ML_SESSION_KEY": SESSION_KEY}
        subprocess.run([COMMAND, "demo", "seed"], check=True, env=environment, stdout=subprocess.DEVNULL)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        app = stack.enter_context(app_over(url, patch))
        actor = _reader()
        app.sign_in(actor)
        server = stack.enter_context(_served(ROOT / "app.py", environment))
        first = runtime.services().portfolio.show(actor, PortfolioQuery(owner_id=actor.user_id)).rows[0]
        for page, query in (("portfolio", {}), ("account", {"account": str(first.account_id)})):
            calls = _drawn(app, page, query, patch)
            file = folder / f"{page}.pickle"
            file.write_bytes(pickle.dumps(calls))
            script = folder / f"{page}.py"
            script.write_text(bare_page.format(file=str(file)), encoding="utf-8")
            bare = stack.enter_context(_served(script, environment))
            with _client(server, page, query, app.token) as ours, _client(bare, "", {}, None) as floor:
                yield from _measured(f"{page}, {len(calls)} tables and charts", ours, floor)


def _measured(name: str, ours: Rerun, floor: Rerun) -> Iterator[Result]:
    seconds = medians(ours, floor, rounds=ROUNDS)
    sizes = [float(rerun()) for rerun in (ours, floor)]
    for kind, unit, (mine, least) in (
        ("time on the server", "ms", [value * 1000 for value in seconds]),
        ("bytes sent", "bytes", sizes),
    ):
        label = f"{kind} of a rerun of {name}"
        yield Result(name=label, ours=mine, floor=least, unit=unit, goal=GOAL, judged="ratio")


@contextmanager
def _client(server: str, page: str, query: dict[str, str], token: str | None) -> Iterator[Rerun]:
    """A browser's websocket, without the browser; the page has run once."""
    asked = BackMsg()
    asked.rerun_script.query_string = urlencode(query)
    asked.rerun_script.page_name = page if page != START_PAGE else ""
    with connect(
        f"ws://{server}/_stcore/stream",
        origin=Origin(f"http://{server}"),
        additional_headers={"Cookie": f"{runtime.PLAIN_COOKIE}={token}"} if token else {},
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
    ) as socket_:

        def rerun() -> int:
            socket_.send(asked.SerializeToString())
            received = 0
            while True:
                data = socket_.recv(timeout=START_S, decode=False)
                received += len(data)
                message = ForwardMsg.FromString(data)
                if message.WhichOneof("type") == "script_finished":
                    assert message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
                    return received

        rerun()
        yield rerun


def _reader() -> Actor:
    """Who owns most accounts of the demo's larger tenant."""
    services = runtime.services()
    tenant = services.access.tenant_by_slug("northwind")
    owners = services.portfolio.choices(Actor.system(tenant.id)).owners
    most = max(owners, key=lambda owner: owner.accounts)
    return services.access.actor_for(most.owner_id, tenant.id)


def _drawn(app: App, page: str, query: dict[str, str], patch: pytest.MonkeyPatch) -> Sequence[Call]:
    """The calls that draw tables and charts, as the page makes them."""
    calls: list[Call] = []
    test = app.open(page)
    test.query_params.update(query)
    with patch.context() as watched:
        for name in DRAWN:
            watched.setattr(st, name, _noting(calls, name, getattr(st, name)))
        test.run()
    assert not test.exception
    return calls


def _noting(calls: list[Call], name: str, draw: Any) -> Any:
    def note(*args: Any, **more: Any) -> Any:
        calls.append((name, args, more))
        return draw(*args, **more)

    return note


@contextmanager
def _served(script: Path, environment: dict[str, str]) -> Iterator[str]:
    """Host and port of a Streamlit server for this script, with the configuration of the product."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait(url: str) -> None:
    until = monotonic() + START_S
    while True:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - our own server
                return
        except OSError:
            if monotonic() > until:
                raise
            sleep(0.2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settled", action="store_true", help="the bare page lets the collector alone, too")
    for _ in show(run(BARE + SETTLED if parser.parse_args().settled else BARE)):
        pass
