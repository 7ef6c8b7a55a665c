"""What nobody uses: public functions and classes that are named nowhere but where they are defined."""

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.support.source import ROOT, Module

# A decorator that hands the function to a framework is a use of it: `@app.command()`, `@router.get("/x")`.
_REGISTERING = {
    "command", "callback", "get", "post", "put", "patch", "delete", "middleware", "exception_handler",
    "task", "periodic", "listens_for", "register",
}  # fmt: skip
_CALLED_BY_ALEMBIC = "cs_ml/store/migrations/"


def unused(defining: Sequence[Module], using: Sequence[Module], entry_points: frozenset[str]) -> list[str]:
    """`path: name` of each public top-level function or class of `defining` that no module of `using` names.

    A name inside its own definition does not count. `entry_points` are names that the packaging calls.
    """
    everywhere: Counter[str] = Counter()
    for module in using:
        everywhere.update(_names(module.tree))
    return [
        f"{module.path}: {node.name}"
        for module in defining
        if not module.within(_CALLED_BY_ALEMBIC)
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not _registered(node)
        and node.name not in entry_points
        and everywhere[node.name] <= Counter(_names(node))[node.name]
    ]


def entry_points() -> frozenset[str]:
    """Function names that pyproject.toml names as commands."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    return frozenset(target.rpartition(":")[2] for target in scripts.values())


def _names(tree: ast.AST) -> Iterator[str]:
    """Names that are read. An import alone, a re-export in `__all__` or a docstring is no use."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.name


def _registered(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(called, ast.Attribute) and called.attr in _REGISTERING:
            return True
    return False
