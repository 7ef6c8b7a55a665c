"""Bytes that nobody meant: an import of them ends in a sentence or in a whole import, never in between."""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.bundle import FILES
from cs_ml.services.importing import ImportReport, InvalidBundle
from cs_ml.store.database import Database
from cs_ml.store.tables import CRMActivity
from tests.services.importing.bundles import SMALL, but_noted, dump, rows, service, write
from tests.support.databases import sqlite_url
from tests.support.factories import add_tenant

_TEXTS = (
    *("\0", '"', ",", "\n", "\r", "\r\n", "\ufeff", "'", ";", "\t", "NaN", "1e999", "\ud800", "\u2028", "9" * 40),
    *("\U0001f600", "=1+1", "NULL", "-", "2026-02-30"),
)
NASTY = (b"\xff", b"\xc3", *(text.encode("utf-8", "surrogatepass") for text in _TEXTS))
_slow = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@st.composite
def mangled(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` after one to five cuts, insertions or replacements."""
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.sampled_from((0, 0, 0, 1, 2, 30)))
        data = data[:start] + draw(st.one_of(st.sampled_from(NASTY), st.binary(max_size=4))) + data[end:]
    return data


@st.composite
def mangled_bundles(draw: st.DrawFn) -> dict[str, bytes]:
    bundle = {name: content.encode() for name, content in SMALL.items()}
    for name in draw(st.lists(st.sampled_from(sorted(bundle)), min_size=1, max_size=2, unique=True)):
        bundle[name] = draw(mangled(bundle[name]))
    return bundle


@contextmanager
def fresh(template: Path) -> Iterator[tuple[Path, Database]]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(sqlite_url(Path(shutil.copyfile(template, folder / "test.db"))))
        yield folder, database
        database.close()


def check(source: Path, database: Database) -> None:
    """All or nothing, and a second time nothing at all."""
    actor = add_tenant(database, "acme")
    before = dump(database)
    outcome = attempt(database, actor, source)
    if isinstance(outcome, InvalidBundle):
        assert dump(database) == before
        assert outcome.total >= len(outcome.faults) > 0
        assert all(fault.expected and str(fault).isprintable() for fault in outcome.faults)
        return
    stored = {name: len(found) for name, found in dump(database).items()}
    counted = {file.name: file.rows for file in outcome.files}
    assert stored["Account"] == counted["accounts.csv"]
    for name, table in (("activities.csv", "CRMActivity"), ("health_history.csv", "AccountHealthScoreHistory"),
                        ("ctas.csv", "CTA"), ("contacts.csv", "CRMContact"), ("opportunities.csv", "Opportunity"),
                        ("churn.csv", "ChurnEvent"), ("outcomes.csv", "JudgedOutcome")):  # fmt: skip
        assert stored[table] == counted.get(name, 0), name
    after = dump(database)
    service(database).import_bundle(actor, source)
    assert but_noted(after, dump(database)) == after


def attempt(database: Database, actor: Actor, source: Path) -> ImportReport | InvalidBundle:
    try:
        return service(database).import_bundle(actor, source)
    except InvalidBundle as error:
        return error


@_slow
@given(bundle=mangled_bundles())
def test_mangled_files(migrated_sqlite: Path, bundle: dict[str, bytes]) -> None:
    with fresh(migrated_sqlite) as (folder, database):
        check(write(folder / "bundle", bundle), database)


@_slow
@given(data=st.data())
def test_a_mangled_zip(migrated_sqlite: Path, data: st.DataObject) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in SMALL.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    with fresh(migrated_sqlite) as (folder, database):
        source = folder / "bundle.zip"
        source.write_bytes(data.draw(mangled(packed.getvalue())))
        check(source, database)


@_slow
@given(noise=st.dictionaries(st.sampled_from(sorted(FILES)), st.binary(max_size=200), min_size=1))
def test_noise(migrated_sqlite: Path, noise: dict[str, bytes]) -> None:
    with fresh(migrated_sqlite) as (folder, database):
        check(write(folder / "bundle", noise), database)


# What a text may hold: everything but NUL, which is refused, and half a surrogate pair, which is no UTF-8.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
KEPT = (
    *("NA", "null", "None", "00123", "1e5", "9007199254740993", " x ", "=1+1"),
    *("'", '"', "\r", "\n", "\u2028", "\ufeff"),
)


@_slow
@given(texts=st.lists(st.one_of(TEXTS, st.sampled_from(KEPT)), min_size=1, max_size=8))
def test_text_comes_back_as_it_was(migrated_sqlite: Path, texts: list[str]) -> None:
    lines = [f"A-1,2026-01-01,{_quoted(text)},{_quoted(text)}" for text in texts]
    content = "account_ref,date,type,subject\n" + "\n".join(lines)
    with fresh(migrated_sqlite) as (folder, database):
        actor = add_tenant(database, "acme")
        source = write(folder / "bundle", {"accounts.csv": "account_ref,name\nA-1,x\n", "activities.csv": content})
        service(database).import_bundle(actor, source)
        found = rows(database, CRMActivity, "type", "subject", "metadata")
    assert [subject for _, subject, _ in found] == texts
    assert [details["sourceType"] for kind, _, details in found if kind == "OTHER" and details] == [
        text for text, (kind, _, details) in zip(texts, found, strict=True) if kind == "OTHER" and details
    ]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
