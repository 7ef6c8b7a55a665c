"""Which package may import which: `pages, api, cli -> ui -> services -> {engines, store, llm} -> domain`."""

import sys
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from tests.support.source import Module, imports

# Package -> what it may import beside itself. `settings` and `logs` are the composition root's alone.
TABLE: dict[str, frozenset[str]] = {
    "cs_ml": frozenset(),
    "domain": frozenset(),
    "settings": frozenset({"domain"}),
    "logs": frozenset(),
    "llm": frozenset({"domain"}),
    "store": frozenset({"domain"}),
    "evaluation": frozenset({"domain"}),
    "engines": frozenset({"domain", "llm"}),
    "services": frozenset({"domain", "engines", "evaluation", "store", "llm"}),
    "jobs": frozenset({"domain", "services"}),
    "demo": frozenset({"domain", "services"}),
    "bootstrap": frozenset(
        {"domain", "settings", "logs", "llm", "store", "evaluation", "engines", "services", "jobs", "demo"}
    ),
    "ui.charts": frozenset({"domain", "evaluation.report"}),
    "ui": frozenset({"domain", "services", "ui.charts", "ui.runtime"}),
    "ui.runtime": frozenset({"domain", "services", "ui", "bootstrap"}),
    "pages": frozenset({"ui", "ui.charts", "ui.runtime", "domain"}),
    "app": frozenset({"ui", "ui.charts", "ui.runtime", "domain"}),
    "api": frozenset({"bootstrap", "services", "jobs", "demo", "domain"}),
    "cli": frozenset({"bootstrap", "services", "jobs", "demo", "domain"}),
}
# Parts of a package that have a row of their own.
_PARTS = ("ui.charts", "ui.runtime", "evaluation.report")
# Libraries with one home: top-level name -> the places that may import it.
HOMES = {
    "sqlalchemy": ("cs_ml/store/",),
    "alembic": ("cs_ml/store/",),
    "streamlit": ("cs_ml/ui/", "pages/", "app.py"),
}
_TOPS = ("pages", "app", "tests", "benchmarks")


def layer(dotted: str) -> str | None:
    """The row of the table for a dotted name: `cs_ml.store.scope` is `store`; None for what is not ours."""
    top, _, rest = dotted.partition(".")
    if top in _TOPS:
        return top
    if top != "cs_ml":
        return None
    for part in _PARTS:
        if rest == part or rest.startswith(part + "."):
            return part
    return rest.partition(".")[0] or "cs_ml"


def import_faults(module: Module) -> Iterator[str]:
    """Every import of `module` that the table forbids."""
    place = layer(module.name) or module.path
    here = "evaluation" if place == "evaluation.report" else place
    if here not in TABLE:
        yield f"{module.path}: `{here}` has no row in the import table"
        return
    for line, dotted in imports(module):
        where = f"{module.path}:{line}"
        target = layer(dotted)
        top = dotted.partition(".")[0]
        if target is not None and not _allowed(here, target):
            yield f"{where}: {here} may not import {dotted}"
        if here == "domain" and target is None and top != "pydantic" and top not in sys.stdlib_module_names:
            yield f"{where}: domain may not import {dotted}"
        if top in HOMES and not module.within(*HOMES[top]):
            yield f"{where}: {top} has its home in {', '.join(HOMES[top])}"
        if top == "streamlit" and here == "ui.charts":
            yield f"{where}: charts make figures from values, without streamlit"


def _allowed(here: str, target: str) -> bool:
    granted = TABLE[here] | {here}
    return target in granted or (target == "evaluation.report" and "evaluation" in granted)


def cycle(modules: Sequence[Module]) -> list[str] | None:
    """The modules of one import cycle, or None. An import of a name counts for the module that defines it."""
    names = {module.name for module in modules}
    graph = {
        module.name: {
            home for _, dotted in imports(module) if (home := _home(dotted, names)) not in (None, module.name)
        }
        for module in modules
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return None


def _home(dotted: str, names: set[str]) -> str | None:
    return dotted if dotted in names else (parent if (parent := dotted.rpartition(".")[0]) in names else None)
