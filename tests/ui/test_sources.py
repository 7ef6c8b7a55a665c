"""What the code of the screens may not do: share answers between tenants, or put markup of others into a page."""

import ast
from collections.abc import Iterator

from tests.support.source import Module, modules, parse

CACHES = ("streamlit.cache_data", "streamlit.cache_resource")


def cache_faults(module: Module) -> Iterator[str]:
    """Streamlit's caches are shared by all users: only in ui/cache.py, the tenant first, nothing left out of the key,
    and an end to what is kept."""
    for function in ast.walk(module.tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for decorator in function.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if module.dotted(called) not in CACHES:
                continue
            names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
            options = {keyword.arg for keyword in decorator.keywords} if isinstance(decorator, ast.Call) else set()
            if not module.within("cs_ml/ui/cache.py"):
                yield f"{module.path}: {function.name} is cached outside of ui/cache.py"
            if not names or names[0] != "tenant_id" or any(name.startswith("_") for name in names):
                yield f"{module.path}: {function.name} has a key without the tenant, or leaves something out of it"
            if not {"ttl", "max_entries"} <= options:
                yield f"{module.path}: {function.name} is kept without an end"


def html_faults(module: Module) -> Iterator[str]:
    """HTML of constants only, in the one place that hands a session over."""
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in {"html", "iframe"}
            and not module.within("cs_ml/ui/entry/handover.py")
        ):
            yield f"{module.path}:{node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.ImportFrom | ast.Import) and "components.v1" in ast.unparse(node):
            yield f"{module.path}:{node.lineno}: {ast.unparse(node)}"


def test_no_cache_mixes_tenants() -> None:
    assert [fault for module in modules("cs_ml", "pages", "app.py") for fault in cache_faults(module)] == []


def test_no_markup_but_our_own() -> None:
    assert [fault for module in modules("cs_ml/ui", "pages", "app.py") for fault in html_faults(module)] == []


def test_what_is_forbidden_is_found() -> None:
    head = "import streamlit as st\n@st.cache_data(ttl=60, max_entries=9)\n"
    fine = parse("cs_ml/ui/cache.py", head + "def f(tenant_id): return 1")
    assert list(cache_faults(fine)) == []
    for path, body in (
        ("pages/x.py", "def f(tenant_id): return 1"),
        ("cs_ml/ui/cache.py", "def f(): return 1"),
        ("cs_ml/ui/cache.py", "def f(tenant_id, _actor): return 1"),
    ):
        assert len(list(cache_faults(parse(path, head + body)))) == 1
    assert (
        len(
            list(
                cache_faults(
                    parse("cs_ml/ui/cache.py", "import streamlit as st\n@st.cache_data\ndef f(tenant_id): pass")
                )
            )
        )
        == 1
    )
    assert len(list(html_faults(parse("pages/x.py", "import streamlit as st\nst.html(x)")))) == 1
