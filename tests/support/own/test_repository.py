"""What is checked in: a lock that fits, and no word about the machine that it was written on."""

import re
import subprocess

import pytest
from packaging.requirements import Requirement

from tests.support.locked import lock_faults, locked_requirements, wanted_requirements
from tests.support.source import ROOT

# Written so that no pattern matches its own line.
FOREIGN = {
    "a package index": r"py[p]i\.org|python[h]osted|npm[j]s\.(?:org|com)|yarn[p]kg\.com|deb\.[d]ebian\.org",
    "an index option": r"(?<!emit)-(?:extra-)?index[-_]ur[l]|--find-link[s]|trusted-hos[t]",
    "a path of one machine": r"(?<![\w.~-])/(?:(?:wor[k]|roo[t]|tm[p])(?![\w-])|(?:hom[e]|User[s]|op[t])/\w)",
}


def test_the_lock_is_up_to_date() -> None:
    lock = locked_requirements((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert sorted(lock_faults(wanted_requirements(), lock)) == []


def test_a_stale_lock_is_found() -> None:
    lock = locked_requirements("pytest==9.2.0 ; python_version > '3' \\\n    --hash=sha256:00\nsix==1.0\n")
    faults = list(lock_faults([Requirement("pytest>=99"), Requirement("ruff")], lock))
    assert "ruff is not locked" in faults
    assert "pytest 9.2.0 is locked, pytest>=99 is wanted" in faults
    assert "pluggy is not locked" in faults  # pytest wants it
    assert "six is locked, and nothing wants it" in faults


def test_tracked_files_name_no_index_and_no_machine() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listing.split("\0") if name]
    found = [
        f"{file.relative_to(ROOT)}:{number}: {what}"
        for file in files
        if file.is_file()
        for number, line in enumerate(file.read_bytes().decode("utf-8", "replace").splitlines(), start=1)
        for what in foreign(line)
    ]
    assert "\n".join(found) == ""


def foreign(line: str) -> list[str]:
    return [what for what, pattern in FOREIGN.items() if re.search(pattern, line)]


@pytest.mark.parametrize(
    "parts",
    [
        ("https://py", "pi.org/simple"),
        ("https://files.python", "hosted.org/x"),
        ("pip install --index-", "url x"),
        ("see /wo", "rk/main"),
        ("cd /ro", "ot"),
        ("'/tm", "p/x'"),
    ],
)
def test_a_foreign_word_is_found(parts: tuple[str, str]) -> None:
    assert len(foreign("".join(parts))) == 1


@pytest.mark.parametrize(
    "line", ["pages/home/x", "/homepage", "link to /home", "./tmp/x", "the /work-list route", "docs/opt/x"]
)
def test_other_words_are_no_fault(line: str) -> None:
    assert foreign(line) == []
