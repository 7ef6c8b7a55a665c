"""What our code may not contain, one function per ban: a module goes in, sentences about its faults come out."""

import ast
import re
from collections.abc import Callable, Iterator

from tests.support.source import Module, functions, runs_at_import

Ban = Callable[[Module], Iterator[str]]

CLOCK_ALLOWED = ("cs_ml/cli/", "cs_ml/cli.py", "cs_ml/bootstrap/", "app.py", "cs_ml/ui/runtime.py")
RAW_SQL_ALLOWED = (
    "cs_ml/store/scope.py",
    "cs_ml/store/database.py",
    "cs_ml/store/identity/",
    "cs_ml/store/migrations/",
)
COMMIT_ALLOWED = ("cs_ml/services/", "cs_ml/store/database.py", "cs_ml/store/migrations/")
BROAD_EXCEPT_ALLOWED = ("cs_ml/ui/frame.py", "cs_ml/jobs/worker.py")  # the page banner and the worker loop
PRINT_ALLOWED = ("cs_ml/cli/", "cs_ml/cli.py")

_CLOCKS = {
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "pandas.Timestamp.now",
    "pandas.Timestamp.today",
    "pandas.Timestamp.utcnow",
}
_SESSIONS = ("session", "connection", "conn", "cursor")
_SESSION_READS = {"execute", "scalar", "scalars", "stream", "query", "get", "get_one"}
_STATEFUL = {
    "create_engine", "sessionmaker", "scoped_session", "Session", "OpenAI", "AsyncOpenAI", "Settings", "Database",
    "Client", "connect", "ThreadPoolExecutor", "ProcessPoolExecutor", "Thread",
}  # fmt: skip
_CONTAINERS = {"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict", "bytearray"}


def clock(module: Module) -> Iterator[str]:
    """Time is passed in; only entry points read the clock."""
    if module.within(*CLOCK_ALLOWED):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute) and module.dotted(node) in _CLOCKS:
            yield f"{module.path}:{node.lineno}: reads the clock ({module.dotted(node)})"


def raw_sql(module: Module) -> Iterator[str]:
    """Statements go through the tenant door, so a session is not asked directly and SQL is not written as text."""
    if module.within(*RAW_SQL_ALLOWED):
        return
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        dotted = module.dotted(node.func)
        if dotted.startswith("sqlalchemy.") and dotted.endswith(".text"):
            yield f"{module.path}:{node.lineno}: SQL as text"
        elif isinstance(node.func, ast.Attribute) and _bypasses(node.func):
            yield f"{module.path}:{node.lineno}: {ast.unparse(node.func)}() goes around the tenant door"


def lasting_tenant(module: Module) -> Iterator[str]:
    """The tenant of a connection is set for one transaction alone; whoever borrows it next must find none."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "app." in node.value:
            said = " ".join(node.value.lower().split())
            if ("set_config(" in said and not said.endswith(", true)")) or re.search(r"\bset (session )?app\.", said):
                yield f"{module.path}:{node.lineno}: sets the tenant beyond a transaction"


def _bypasses(called: ast.Attribute) -> bool:
    return called.attr == "exec_driver_sql" or (called.attr in _SESSION_READS and _is_session(called.value))


def _is_session(node: ast.AST) -> bool:
    """Whether a name says that it holds a session or a connection; `Session(engine)` too."""
    if isinstance(node, ast.Call):
        return _is_session(node.func)
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    bare = name.lower().strip("_")
    return bare in _SESSIONS or bare.endswith(tuple(f"_{word}" for word in _SESSIONS))


def commit(module: Module) -> Iterator[str]:
    """Services own transactions; repositories never commit."""
    if module.within(*COMMIT_ALLOWED):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            yield f"{module.path}:{node.lineno}: commits"


def unsafe_html(module: Module) -> Iterator[str]:
    """Text of customers and models is never put into a page as HTML."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.keyword) and node.arg == "unsafe_allow_html":
            yield f"{module.path}:{node.value.lineno}: unsafe_allow_html"
        elif isinstance(node, ast.Constant) and node.value == "unsafe_allow_html":
            yield f"{module.path}:{node.lineno}: unsafe_allow_html as text"


def broad_except(module: Module) -> Iterator[str]:
    """Everything is caught at two boundaries only."""
    if module.within(*BROAD_EXCEPT_ALLOWED):
        return
    for node in ast.walk(module.tree):
        caught: list[ast.expr | None] = []
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.ExceptHandler):
            caught = [*node.type.elts] if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and module.dotted(node.func) == "contextlib.suppress":
            caught = [*node.args]
        for kind in caught:
            if kind is None or module.dotted(kind) in {"Exception", "BaseException"}:
                yield f"{module.path}:{line}: catches everything"


def module_state(module: Module) -> Iterator[str]:
    """Nothing happens at import: no engine, client, settings, and no container that waits to be filled."""
    for node in runs_at_import(module.tree):
        if isinstance(node, ast.Call) and module.dotted(node.func).rpartition(".")[2] in _STATEFUL:
            yield f"{module.path}:{node.lineno}: {ast.unparse(node.func)}() at import"
    for statement in module.tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and _is_empty_container(module, statement.value):
            yield f"{module.path}:{statement.lineno}: mutable state of the module"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            yield f"{module.path}:{node.lineno}: global {', '.join(node.names)}"


def _is_empty_container(module: Module, value: ast.AST | None) -> bool:
    match value:
        case ast.List(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.Call(func=called):
            name = module.dotted(called).rpartition(".")[2]
            return name in _CONTAINERS and not (name in {"list", "dict", "set"} and value.args)
    return False


def prints(module: Module) -> Iterator[str]:
    """Only the command line prints; everything else logs or returns."""
    if module.within(*PRINT_ALLOWED):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and module.dotted(node.func) == "print":
            yield f"{module.path}:{node.lineno}: print()"


BANS: tuple[Ban, ...] = (clock, raw_sql, lasting_tenant, commit, unsafe_html, broad_except, module_state, prints)


def too_long(module: Module) -> Iterator[str]:
    """Files of at most 300 lines (pages 120, app.py 60), functions of at most 60."""
    limit = 60 if module.path == "app.py" else 120 if module.within("pages/") else 300
    if (lines := len(module.text.splitlines())) > limit:
        yield f"{module.path}: {lines} lines, at most {limit}"
    for function in functions(module):
        if (length := (function.end_lineno or function.lineno) - function.lineno + 1) > 60:
            yield f"{module.path}: {function.name} has {length} lines, at most 60"
