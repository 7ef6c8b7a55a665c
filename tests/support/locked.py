"""Whether requirements.lock is what pyproject.toml asks for, told without the network from what is installed."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.source import ROOT


def locked_requirements(text: str) -> dict[str, Requirement]:
    """Package name -> its line of a lock file (`name==version ; marker`), hashes left out."""
    lines = re.findall(r"^([A-Za-z0-9].*?)\s*\\?$", text, flags=re.MULTILINE)
    return {canonicalize_name(found.name): found for found in map(Requirement, lines)}


def wanted_requirements() -> list[Requirement]:
    """What pyproject.toml asks for, for the product and for development."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Requirement(line) for line in (*project["project"]["dependencies"], *project["dependency-groups"]["dev"])]


def lock_faults(wanted: list[Requirement], lock: Mapping[str, Requirement]) -> Iterator[str]:
    """Packages that the lock misses, holds in a version that is not wanted, or holds though nobody wants them."""
    needed: set[tuple[str, str]] = set()
    queue = list(wanted)
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        version = str(lock[name].specifier).removeprefix("==") if name in lock else None
        if version is None:
            yield f"{name} is not locked"
        elif not requirement.specifier.contains(version, prereleases=True):
            yield f"{name} {version} is locked, {requirement} is wanted"
        for extra in {"", *requirement.extras}:
            if (name, extra) not in needed:
                needed.add((name, extra))
                queue.extend(_requirements_of(name, extra))
    names = {name for name, _ in needed}
    for locked, requirement in lock.items():
        if locked not in names and (requirement.marker is None or requirement.marker.evaluate()):
            yield f"{locked} is locked, and nothing wants it"


def _requirements_of(name: str, extra: str) -> Iterator[Requirement]:
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return
    for requirement in map(Requirement, lines):
        if requirement.marker is None:
            if not extra:
                yield requirement
        elif requirement.marker.evaluate({"extra": extra}):
            requirement.marker = None
            yield requirement
