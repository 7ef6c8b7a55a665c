"""The house rules, enforced on the source itself; each rule is also shown to be able to fail."""

from collections.abc import Iterable

import pytest

from tests.support import bans
from tests.support.layers import cycle, import_faults
from tests.support.source import CODE, PRODUCT, ROOT, Module, modules, parse
from tests.support.unused import entry_points, unused

# Exceptions only ever shrink: one that is no longer needed fails too. Write the fault as the test prints it.
ALLOWED_LENGTHS: frozenset[str] = frozenset()
ALLOWED_UNUSED: frozenset[str] = frozenset()

MOST_ENTRIES = 15


def listed(faults: Iterable[str]) -> str:
    return "\n".join(sorted(faults))


def from_snippet(text: str, path: str = "cs_ml/services/example.py") -> Module:
    return parse(path, text)


def test_imports_follow_the_table() -> None:
    assert listed(fault for module in modules(*PRODUCT) for fault in import_faults(module)) == ""


def test_there_is_no_import_cycle() -> None:
    assert cycle(modules("cs_ml")) is None


@pytest.mark.parametrize("ban", bans.BANS, ids=lambda ban: ban.__name__)
def test_nothing_banned(ban: bans.Ban) -> None:
    assert listed(fault for module in modules(*PRODUCT) for fault in ban(module)) == ""


def test_sizes() -> None:
    found = {fault for module in modules(*CODE) for fault in bans.too_long(module)}
    assert listed(found ^ ALLOWED_LENGTHS) == ""


def test_folders_show_few_entries() -> None:
    folders = [
        ROOT,
        *(folder for folder in ROOT.rglob("*") if folder.is_dir() and shown(folder.relative_to(ROOT).parts)),
    ]
    counts = {folder: sum(shown((entry.name,)) for entry in folder.iterdir()) for folder in folders}
    assert listed(f"{folder}: {count}" for folder, count in counts.items() if count > MOST_ENTRIES) == ""


def shown(parts: Iterable[str]) -> bool:
    """Whether a listing shows this path: nothing hidden and nothing that tools leave behind."""
    return not any(part.startswith(".") or part == "__pycache__" or part.endswith(".egg-info") for part in parts)


@pytest.mark.skipif(
    not (ROOT / "app.py").exists(), reason="without app.py the upper layers, which use the lower, are missing"
)
def test_nothing_is_unused() -> None:
    found = set(unused(modules("cs_ml"), modules(*PRODUCT, "benchmarks"), entry_points()))
    assert listed(found ^ ALLOWED_UNUSED) == ""


IMPORT_FAULTS = [
    ("cs_ml/domain/example.py", "from cs_ml.store.scope import Scope"),
    ("cs_ml/domain/example.py", "import pandas"),
    ("cs_ml/store/example.py", "from ..engines import rules"),
    ("cs_ml/engines/example.py", "import cs_ml.services.predicting.predictions"),
    ("cs_ml/services/example.py", "from cs_ml import bootstrap"),
    ("cs_ml/services/example.py", "def f():\n    from sqlalchemy import select"),
    ("cs_ml/services/example.py", "import streamlit as st"),
    ("cs_ml/ui/charts/risk.py", "import streamlit"),
    ("cs_ml/ui/charts/risk.py", "from cs_ml.evaluation.metrics import brier"),
    ("cs_ml/ui/state.py", "from cs_ml.bootstrap import build"),
    ("cs_ml/bootstrap/wiring.py", "from cs_ml.ui import frame"),
    ("pages/account.py", "from cs_ml.services.predicting.predictions import predict"),
    ("app.py", "import pages.account"),
    ("cs_ml/api/example.py", "from cs_ml.store.scope import Scope"),
    ("cs_ml/somewhere/example.py", ""),
]
IMPORTS_ALLOWED = [
    ("cs_ml/domain/example.py", "import dataclasses\nimport pydantic\nfrom cs_ml.domain.actor import Actor"),
    ("cs_ml/store/example.py", "import sqlalchemy.orm\nfrom cs_ml.domain import actor"),
    ("cs_ml/services/example.py", "from cs_ml.evaluation import report\nimport numpy"),
    ("cs_ml/evaluation/report.py", "from cs_ml.evaluation.metrics import brier"),
    ("cs_ml/ui/runtime.py", "from cs_ml.bootstrap import build\nfrom cs_ml.ui import state"),
    ("cs_ml/ui/charts/risk.py", "from cs_ml.evaluation.report import Report"),
    ("pages/account.py", "import streamlit\nfrom cs_ml.ui.charts.risk import risk_figure"),
    ("cs_ml/cli/__init__.py", "from cs_ml.cli.main import main\nfrom cs_ml.bootstrap import build"),
]


@pytest.mark.parametrize(("path", "text"), IMPORT_FAULTS)
def test_an_import_against_the_table_is_found(path: str, text: str) -> None:
    assert len(list(import_faults(from_snippet(text, path)))) == 1


@pytest.mark.parametrize(("path", "text"), IMPORTS_ALLOWED)
def test_an_import_of_the_table_is_allowed(path: str, text: str) -> None:
    assert list(import_faults(from_snippet(text, path))) == []


def test_a_cycle_is_found() -> None:
    ring = [
        parse("cs_ml/domain/a.py", "from cs_ml.domain.b import x"),
        parse("cs_ml/domain/b.py", "from cs_ml.domain import c"),
        parse("cs_ml/domain/c.py", "import cs_ml.domain.a"),
    ]
    assert set(cycle(ring) or []) == {"cs_ml.domain.a", "cs_ml.domain.b", "cs_ml.domain.c"}
    assert cycle(ring[:2]) is None


BANNED = [
    (bans.clock, "from datetime import datetime\nnow = datetime.now()"),
    (bans.clock, "import datetime as dt\ntoday = dt.date.today()"),
    (bans.clock, "from datetime import datetime\nf(default_factory=datetime.utcnow)"),
    (bans.clock, "import time\nt = time.time()"),
    (bans.clock, "from time import time\nt = time()"),
    (bans.clock, "import pandas as pd\nnow = pd.Timestamp.now()"),
    (bans.raw_sql, "def f(session): return session.execute(x)"),
    (bans.lasting_tenant, "q = \"SELECT set_config('app.current_tenant', :tenant, false)\""),
    (bans.lasting_tenant, "q = \"SET app.current_tenant = 'x'\""),
    (bans.lasting_tenant, "q = \"SET SESSION app.current_tenant = 'x'\""),
    (bans.raw_sql, "def f(self): return self._session.scalars(x)"),
    (bans.raw_sql, "def f(session): return session.get(Account, 1)"),
    (bans.raw_sql, "def f(connection): return connection.execute(x)"),
    (bans.raw_sql, "def f(e): return e.begin().exec_driver_sql(x)"),
    (bans.raw_sql, "from sqlalchemy import text\nx = text('SELECT 1')"),
    (bans.raw_sql, "import sqlalchemy as sa\nx = sa.text('SELECT 1')"),
    (bans.commit, "def f(session): session.commit()"),
    (bans.unsafe_html, "st.markdown(x, unsafe_allow_html=True)"),
    (bans.unsafe_html, "st.markdown(x, **{'unsafe_allow_html': True})"),
    (bans.broad_except, "try: f()\nexcept Exception: pass"),
    (bans.broad_except, "try: f()\nexcept (ValueError, BaseException): pass"),
    (bans.broad_except, "try: f()\nexcept: pass"),
    (bans.broad_except, "from contextlib import suppress\nwith suppress(Exception): f()"),
    (bans.module_state, "import sqlalchemy\nengine = sqlalchemy.create_engine(url)"),
    (bans.module_state, "from openai import OpenAI\ndef f(client=OpenAI()): pass"),
    (bans.module_state, "class A:\n    settings = Settings()"),
    (bans.module_state, "seen: dict[str, int] = {}"),
    (bans.module_state, "from collections import defaultdict\nseen = defaultdict(list)"),
    (bans.module_state, "def f():\n    global seen"),
    (bans.prints, "def f(): print(1)"),
]
FINE = [
    (bans.clock, "import time\nt = time.monotonic()", "cs_ml/llm/client.py"),
    (bans.clock, "from datetime import UTC, datetime\nnow = datetime.now(UTC)", "cs_ml/cli/main.py"),
    (bans.raw_sql, "def f(scope): return scope.execute(select(Account)).scalars()", "cs_ml/store/accounts.py"),
    (bans.raw_sql, "def f(self): return self._session.execute(x)", "cs_ml/store/scope.py"),
    (bans.raw_sql, "def f(st): return st.session_state.get('x')", "cs_ml/ui/state.py"),
    (bans.commit, "def f(session): session.commit()", "cs_ml/store/database.py"),
    (bans.broad_except, "try: f()\nexcept Exception: log()", "cs_ml/jobs/worker.py"),
    (bans.module_state, "WEIGHTS = {'health': 0.4}\ndef f(): return create_engine(url)", "cs_ml/store/x.py"),
    (bans.prints, "print(1)", "cs_ml/cli/main.py"),
]


@pytest.mark.parametrize(("ban", "text"), BANNED)
def test_a_ban_is_found(ban: bans.Ban, text: str) -> None:
    path = "cs_ml/store/accounts.py" if ban is bans.commit else "cs_ml/domain/example.py"
    assert len(list(ban(from_snippet(text, path)))) == 1


@pytest.mark.parametrize(("ban", "text", "path"), FINE)
def test_what_is_fine_is_not_found(ban: bans.Ban, text: str, path: str) -> None:
    assert list(ban(from_snippet(text, path))) == []


@pytest.mark.parametrize(
    ("path", "lines"), [("app.py", 60), ("pages/account.py", 120), ("cs_ml/domain/policy.py", 300)]
)
def test_a_long_file_is_found(path: str, lines: int) -> None:
    assert list(bans.too_long(from_snippet("x = 1\n" * lines, path))) == []
    assert len(list(bans.too_long(from_snippet("x = 1\n" * (lines + 1), path)))) == 1


def test_a_long_function_is_found() -> None:
    assert list(bans.too_long(from_snippet("def f():\n" + "    x = 1\n" * 59))) == []
    assert len(list(bans.too_long(from_snippet("def f():\n" + "    x = 1\n" * 60)))) == 1


def test_what_nobody_uses_is_found() -> None:
    module = from_snippet(
        "def used(): pass\n"
        "def alone(): return alone()\n"
        "class Named: pass\n"
        "class Unnamed: pass\n"
        "@app.command()\ndef verb(): pass\n"
        "def main(): pass\n"
        "def _private(): pass\n"
    )
    user = parse("cs_ml/services/user.py", "from cs_ml.services.example import Unnamed, used\nx: Named = used()")
    assert unused([module], [module, user], frozenset({"main"})) == [
        "cs_ml/services/example.py: alone",
        "cs_ml/services/example.py: Unnamed",
    ]
