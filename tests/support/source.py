"""Our own source, parsed: modules, the dotted names they use, and what they import."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("cs_ml", "pages", "app.py")
CODE = (*PRODUCT, "tests", "benchmarks")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Module:
    """One Python file. `path` is relative to the repository, with forward slashes."""

    path: str
    text: str
    tree: ast.Module
    aliases: dict[str, str]  # local name -> the dotted name that an import gave it

    @property
    def name(self) -> str:
        """The dotted name, e.g. `cs_ml.store.scope`; a package's own file has the package's name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def package(self) -> str:
        """What a relative import starts from."""
        return self.name if self.path.endswith("/__init__.py") else self.name.rpartition(".")[0]

    def within(self, *places: str) -> bool:
        """Whether this file is one of `places`: files, or folders written with a slash at the end."""
        return any(self.path == place or (place.endswith("/") and self.path.startswith(place)) for place in places)

    def dotted(self, node: ast.AST) -> str:
        """The full dotted name of a name or attribute, import aliases resolved; empty for anything else."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            before = self.dotted(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""


def parse(path: str, text: str) -> Module:
    """A module from its text; `path` decides where it would stand."""
    bare = Module(path=path, text=text, tree=ast.parse(text), aliases={})
    aliases = {local: meaning for _, _, local, meaning in _bindings(bare)}
    return Module(path=path, text=text, tree=bare.tree, aliases=aliases)


def modules(*places: str) -> list[Module]:
    """Every Python file below `places` (files or folders of the repository); places that do not exist are skipped."""
    return [_module(file) for place in places for file in sorted(_files(ROOT / place))]


@cache
def _module(file: Path) -> Module:
    return parse(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8"))


def _files(place: Path) -> Iterator[Path]:
    return place.rglob("*.py") if place.is_dir() else iter([place] if place.exists() else [])


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import; `from a import b` gives `a.b`, relative ones are made absolute."""
    for line, dotted, _, _ in _bindings(module):
        yield line, dotted


def functions(module: Module) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            yield node


def runs_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Everything that is evaluated when the module is imported: not function bodies, but defaults and decorators."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            evaluated: list[ast.AST] = [*child.decorator_list, child.args]
        elif isinstance(child, ast.Lambda):
            evaluated = [child.args]
        else:
            evaluated = [child]
        for part in evaluated:
            yield part
            yield from runs_at_import(part)


def _bindings(module: Module) -> Iterator[tuple[int, str, str, str]]:
    """Of each import: line, dotted name, the local name that it binds, and what that local name means."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                first = name.name.partition(".")[0]
                yield node.lineno, name.name, name.asname or first, name.name if name.asname else first
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            for name in node.names:
                yield node.lineno, f"{base}.{name.name}", name.asname or name.name, f"{base}.{name.name}"


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parents = module.package.split(".")
    kept = parents[: len(parents) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])
