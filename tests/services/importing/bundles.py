"""Small bundles, written as files, and what a database holds."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from cs_ml.domain.actor import Actor
from cs_ml.services.importing import ImportReport, ImportService
from cs_ml.store.database import Database
from cs_ml.store.tables import Base
from tests.support.factories import NOW

Bundle = Mapping[str, str]
Dump = dict[str, list[tuple[Any, ...]]]

SMALL: Bundle = {
    "accounts.csv": (
        "account_ref,name,segment,industry,arr,currency,plan,start_date,renewal_date,lifecycle_stage,owner_email\n"
        "A-1,Acme,smb,Retail,1200.505,EUR,pro,2024-01-15,2026-12-31,adoption,jo@example.com\n"
        "A-2,Borealis,,,,,,,,,\n"
    ),
    "account_changes.csv": "account_ref,as_of,arr,plan,seats\nA-1,2025-01-01,1000,basic,5\nA-1,2025-06-01,1100,pro,7\n",
    "custom_fields.csv": (
        "account_ref,as_of,nps,zip,code\nA-1,2026-01-01,42,00123,1e5\nA-1,2026-02-01,-7.5,04109,NA\nA-2,,9,null,\n"
    ),
    "contacts.csv": "account_ref,contact_ref,first_name,email,role\nA-1,1,Ada,ada@acme.example,Champion\nA-2,1,Bo,,\n",
    "health_history.csv": (
        "account_ref,date,overall_score,usage_score,engagement_score\n"
        "A-1,2026-03-01,70.5,80,61\nA-1,2026-03-31,30.4,,12\nA-1,2026-03-08,31,5,6\n"
    ),
    "activities.csv": (
        "account_ref,date,type,direction,sentiment,subject,quantity,amount,activity_ref\n"
        "A-1,2026-03-30T14:00:00+02:00,email,Outbound,positive,Hello,,,T-1\n"
        "A-2,2026-03-29,order,inbound,,NA,3,99.90,\n"
        "A-2,2026-03-29,order,inbound,,NA,3,99.90,\n"
        "A-1,2026-03-28,OTHER,,,,,,\n"
    ),
    "ctas.csv": (
        "account_ref,created,due,closed,type,priority,status,title,owner_email\n"
        "A-1,2026-03-01,2026-04-01,,risk,high,,Call them,sam@example.com\n"
        "A-1,2026-02-01,,2026-02-10,lifecycle,,,Kick-off,\n"
        "A-2,2026-02-01,,2026-02-20,risk,,cancelled,Not needed,\n"
    ),
    "opportunities.csv": (
        "account_ref,created,close_date,stage,amount,probability,currency,name\n"
        "A-1,2026-01-01,2026-02-01,Closed Won,500,1,,Seats\n"
        "A-1,2026-01-01,2026-06-01,Proposal,700,0.285,USD,\n"
        "A-2,2026-01-05,2026-01-20,closed_lost,,0,,\n"
    ),
    "churn.csv": "account_ref,churned_on,reason\nA-2,2026-03-30,Price\n",
    "outcomes.csv": "account_ref,as_of,window_days,churned\nA-1,2025-12-31,90,0\nA-2,2025-12-31,90,1\n",
}


def write(folder: Path, bundle: Mapping[str, str | bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in bundle.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
    return folder


def pack(path: Path, bundle: Mapping[str, str | bytes], folder: str = "") -> Path:
    """A zip with the files at its root or in `folder`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in bundle.items():
            archive.writestr(folder + name, content)
    return path


def service(database: Database) -> ImportService:
    return ImportService(database, lambda: NOW)


def load(database: Database, actor: Actor, folder: Path, bundle: Bundle, **options: Any) -> ImportReport:
    """Writes `bundle` into `folder` and imports it."""
    return service(database).import_bundle(actor, write(folder, bundle), **options)


def counts(report: ImportReport) -> dict[str, tuple[int, int, int]]:
    """(new, changed, unchanged) by file."""
    return {file.name: (file.new, file.changed, file.unchanged) for file in report.files}


def dump(database: Database) -> Dump:
    """Every row of every table."""
    with database.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in Base.metadata.sorted_tables
        }


def but_noted(before: Dump, after: Dump) -> Dump:
    """`after` without the one note that an import was done, by which it may exceed `before`."""
    old, new = before["AuditEvent"], after["AuditEvent"]
    action = list(Base.metadata.tables["AuditEvent"].columns.keys()).index("action")
    assert (new[:-1], new[-1][action]) == (old, "import.done")
    return {**after, "AuditEvent": old}


def rows(database: Database, entity: Any, *names: str) -> Sequence[tuple[Any, ...]]:
    """The columns `names` of a table, in order of its key."""
    table = entity.__table__
    with database.engine.connect() as connection:
        columns = [table.c[name] for name in names]
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*table.primary_key))]
