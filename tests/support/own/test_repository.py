"""What is checked in: a lock that fits, and no word about the machine that it was written on."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

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


# Known holes below these (CVE-2026-33682, CVE-2026-48818; PyJWT comes with streamlit-authenticator).
FLOORS = {"streamlit": "1.54", "starlette": "1.1", "pyjwt": "2.15"}


def unwanted(lock: dict[str, Requirement]) -> list[str]:
    """Locked versions below a floor, and packages that call themselves models of spaCy and are not spaCy's."""
    versions = {name: Version(str(found.specifier).removeprefix("==")) for name, found in lock.items()}
    return [
        *(f"{name} is below {floor}" for name, floor in FLOORS.items() if versions[name] < Version(floor)),
        *(f"{name} is nobody's" for name, version in versions.items() if version == Version("999.9.9")),
        *(f"{name} is no model of spaCy's" for name in versions if re.fullmatch(r"[a-z]{2}-core-.+", name)),
    ]


def test_every_dependency_is_hashed_and_above_its_floor() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    lock = locked_requirements(text)
    assert unwanted(lock) == []
    hashed = re.findall(r"^[A-Za-z0-9].*?(?:\\\n +--hash=sha256:[0-9a-f]{64} ?)+", text, re.MULTILINE)
    assert len(hashed) == len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE))


def test_a_package_below_its_floor_is_found() -> None:
    text = "streamlit==1.53.1\nstarlette==1.1\npyjwt==2.15.1\nde-core-news-md==999.9.9\n"
    assert unwanted(locked_requirements(text)) == [
        "streamlit is below 1.54",
        "de-core-news-md is nobody's",
        "de-core-news-md is no model of spaCy's",
    ]


def test_the_bill_of_materials_lists_every_locked_package(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    subprocess.run([sys.executable, ROOT / "tools" / "sbom.py", file], check=True)
    components = json.loads(file.read_text(encoding="utf-8"))["components"]
    lock = locked_requirements((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert {component["name"] for component in components} == set(lock)
    assert all(component["hashes"] for component in components)
