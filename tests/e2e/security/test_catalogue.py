"""The list behind `make security` is whole and names tests that exist; its verdicts can be other than pass."""

import ast
import re

import pytest

from tests.e2e.security.reporting import Requirement, Result, line, read_catalogue, verdict
from tests.support.source import ROOT

NUMBERS = [*(f"R{number:02}" for number in range(1, 49)), *(f"F{number:02}" for number in range(1, 37))]


def test_every_requirement_and_every_failure_is_listed_once_in_order() -> None:
    assert [each.number for each in read_catalogue()] == NUMBERS


@pytest.mark.parametrize("requirement", read_catalogue(), ids=lambda each: each.number)
def test_each_names_tests_that_exist_or_says_what_is_open(requirement: Requirement) -> None:
    assert requirement.tests or requirement.open
    for test in requirement.tests:
        file, name = re.fullmatch(r"(tests/[\w/]+\.py)::(test_\w+)(?:\[.+\])?", test, re.DOTALL).groups()  # type: ignore[union-attr]
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


def test_a_verdict_follows_the_tests() -> None:
    one = Requirement(number="R00", title="nothing", tests=("t.py::test_a", "t.py::test_b"), open=None)
    both = set(one.tests)
    assert line(one, Result(passed=both, cases=7)) == "R00 nothing: pass (7 cases)"
    assert verdict(one, Result(passed=both, cases=7, figures=["0 of 9"])) == ("pass", "0 of 9")
    assert verdict(one, Result(passed={"t.py::test_a"}, cases=1)) == ("OPEN", "did not run: t.py::test_b")
    assert verdict(one, Result(passed=both, failed=["t.py::test_b[x]"])) == ("FAIL", "t.py::test_b[x]")
    assert verdict(one, Result(skipped=["no browser"]))[1].startswith("no browser; did not run")
    left = Requirement(number="R00", title="nothing", tests=(), open="not built")
    assert verdict(left, Result()) == ("OPEN", "not built")
    assert list(one.proven_by("t.py::test_a[sqlite]")) == ["t.py::test_a"]
    assert list(one.proven_by("t.py::test_ab")) == []
