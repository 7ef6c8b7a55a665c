"""`pytest --security`: runs what catalogue.toml names and answers one line for each requirement and each failure."""

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CATALOGUE = Path(__file__).parent / "catalogue.toml"


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """`tests` are node ids, with or without the part in brackets. `open`: why it is not, or not wholly, proven."""

    number: str
    title: str
    tests: tuple[str, ...]
    open: str | None

    def proven_by(self, node: str) -> Iterator[str]:
        """Those of `tests` that a node is a case of."""
        return (test for test in self.tests if node == test or node.startswith(f"{test}["))


@dataclass(kw_only=True)
class Result:
    """What came of one requirement's tests."""

    passed: set[str] = field(default_factory=set)
    cases: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)


def read_catalogue() -> list[Requirement]:
    found = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return [
        Requirement(number=number, title=row["title"], tests=tuple(row.get("tests", ())), open=row.get("open"))
        for number, row in found.items()
    ]


class Reporter:
    """The plugin of the run; under xdist the workers select and the controller counts."""

    def __init__(self, catalogue: Sequence[Requirement]) -> None:
        self._catalogue = catalogue
        self._results: dict[str, Result] = defaultdict(Result)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        named = [item for item in items if any(any(each.proven_by(item.nodeid)) for each in self._catalogue)]
        config.hook.pytest_deselected(items=[item for item in items if item not in named])
        items[:] = named

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for requirement in self._catalogue:
            for test in requirement.proven_by(report.nodeid):
                self._count(self._results[requirement.number], test, report)

    def _count(self, result: Result, test: str, report: pytest.TestReport) -> None:
        if report.failed:
            result.failed.append(report.nodeid)
        elif report.skipped:
            result.skipped.append(str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else report.nodeid)
        elif report.when == "call":
            result.passed.add(test)
            result.cases += 1
            figures = [str(value) for name, value in report.user_properties if name == "figure"]
            result.figures += [each for each in figures if each not in result.figures]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("security")
        for requirement in self._catalogue:
            terminalreporter.write_line(line(requirement, self._results[requirement.number]))
        counts = {word: self._lines().count(word) for word in ("pass", "FAIL", "OPEN")}
        terminalreporter.write_line(f"{counts['pass']} pass, {counts['FAIL']} fail, {counts['OPEN']} open")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput") and set(self._lines()) != {"pass"}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _lines(self) -> list[str]:
        return [verdict(each, self._results[each.number])[0] for each in self._catalogue]


def verdict(requirement: Requirement, result: Result) -> tuple[str, str]:
    """pass, FAIL or OPEN, and what to say about it."""
    if result.failed:
        return "FAIL", ", ".join(result.failed)
    if unrun := [test for test in requirement.tests if test not in result.passed]:
        return "OPEN", "; ".join([*dict.fromkeys(result.skipped), *(f"did not run: {test}" for test in unrun)])
    if requirement.open:
        return "OPEN", requirement.open
    return "pass", "; ".join(result.figures) or f"{result.cases} {'case' if result.cases == 1 else 'cases'}"


def line(requirement: Requirement, result: Result) -> str:
    word, more = verdict(requirement, result)
    return f"{requirement.number} {requirement.title}: {word} ({more})"
