"""What the first start prepares, with the commands that it calls replaced by ones that note it."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.source import ROOT

RECORDING = '#!/usr/bin/env bash\necho "$(basename "$0") $*" >>calls\n'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with tools/run.sh and commands that only note that they were called."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "run.sh", tmp_path / "tools" / "run.sh")
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("cs-ml", "streamlit"):
        command(binaries / name, RECORDING)
    (binaries / "python").symlink_to(sys.executable)
    return tmp_path


def command(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


def run(place: Path, **settings: str) -> str:
    environment = {"PATH": os.environ["PATH"], **settings}
    script = ["bash", str(place / "tools" / "run.sh")]
    return subprocess.run(script, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_first_start_makes_a_key_that_later_ones_keep(place: Path) -> None:
    run(place)
    written = (place / ".env").read_text()
    name, _, key = written.strip().partition("=")
    assert name == "CS_ML_SESSION_KEY"
    assert len(key) == 43
    assert stat.S_IMODE((place / ".env").stat().st_mode) == 0o600
    run(place)
    assert (place / ".env").read_text() == written


def test_what_stands_in_the_file_stays(place: Path) -> None:
    (place / ".env").write_text("CS_ML_LOG_LEVEL=DEBUG")
    run(place)
    first, second = (place / ".env").read_text().splitlines()
    assert first == "CS_ML_LOG_LEVEL=DEBUG"
    assert second.startswith("CS_ML_SESSION_KEY=")


def test_a_key_of_the_environment_is_used(place: Path) -> None:
    run(place, CS_ML_SESSION_KEY="k" * 32)
    assert not (place / ".env").exists()


@pytest.mark.parametrize(("settings", "port"), [({}, "8501"), ({"PORT": "9000"}, "9000")])
def test_it_upgrades_seeds_and_serves(place: Path, settings: dict[str, str], port: str) -> None:
    assert f"http://localhost:{port}" in run(place, **settings)
    assert (place / "calls").read_text().splitlines() == [
        "cs-ml db upgrade",
        "cs-ml demo seed --if-empty",
        f"streamlit run app.py --server.port {port}",
    ]
