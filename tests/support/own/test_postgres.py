"""The tests' own PostgreSQL server: usable, and gone when its users are."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests.support.postgres import STATE, PostgresServer, PostgresUnavailableError, postgres_for_tests
from tests.support.postgres_keeper import Server, installations, make_work_folder
from tests.support.requirements import unavailable
from tests.support.source import ROOT

USE_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from tests.support.postgres import postgres_for_tests
with postgres_for_tests(Path(sys.argv[1])) as server:
    print(server.url, flush=True)
    time.sleep(60)
"""


def query(url: str, statement: str) -> object:
    """The first value of a statement's answer, None where it answers nothing."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        return result.scalar() if result.returns_rows else None


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    name = f"cs_ml_test_{uuid4().hex}"
    url = postgres_server.create_database(name)
    yield url
    postgres_server.drop_database(name)


def test_a_database_is_copied_from_a_template(postgres_server: PostgresServer, database: str) -> None:
    template = make_url(database).database
    query(database, "CREATE TABLE t AS SELECT 42 AS x")
    copy = f"{template}_copy"
    try:
        url = postgres_server.create_database(copy, template=template)
        assert query(url, "SELECT x FROM t") == 42
    finally:
        postgres_server.drop_database(copy)
    with pytest.raises(OperationalError, match="does not exist"):
        query(url, "SELECT 1")


def test_the_version_is_the_servers(postgres_server: PostgresServer, database: str) -> None:
    assert query(database, "SELECT current_setting('server_version_num')::int / 10000") == postgres_server.version


def test_the_server_goes_when_its_last_user_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    command = [sys.executable, "-c", USE_UNTIL_KILLED, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None
        url = user.stdout.readline().strip()
        if not url:
            unavailable("PostgreSQL is not available")
        with postgres_for_tests(tmp_path) as server:
            assert server.url == url
            user.send_signal(signal.SIGKILL)
            user.wait()
            time.sleep(0.3)
            assert query(url, "SELECT 1") == 1  # the other user still has it
    folder = Path(str(make_url(url).query["host"]))
    give_up = time.monotonic() + 10
    while folder.exists() and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not folder.exists()
    assert not (tmp_path / STATE).exists()


@pytest.mark.parametrize("programs", installations(), ids=str)
def test_every_installation_here_starts_and_stops(programs: Path) -> None:
    work = make_work_folder()
    server = Server(programs, work)
    url = server.start()
    assert query(url, "SELECT count(*) FROM pg_extension") == 1
    server.stop()
    assert not work.exists()


def test_a_given_url_is_used_and_must_be_reachable(
    database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", make_url(database).set(drivername="postgres").render_as_string(False))
    with postgres_for_tests(tmp_path) as server:
        assert server.url == database
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(PostgresUnavailableError, match="TEST_DATABASE_URL"), postgres_for_tests(tmp_path):
        pass


def test_what_is_missing_fails_in_ci_and_is_skipped_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such thing"):
        unavailable("no such thing")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no such thing"):
        unavailable("no such thing")
