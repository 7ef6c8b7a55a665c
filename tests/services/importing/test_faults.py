"""Every fault of a bundle is named by file, physical line and column, all of them at once, and nothing is written."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from cs_ml.domain.bundle import MAX_FAULTS_SHOWN
from cs_ml.services.importing import Fault, InvalidBundle
from cs_ml.store.database import Database
from tests.services.importing.bundles import SMALL, dump, load, service, write
from tests.support.factories import add_tenant

ACCOUNTS = "account_ref,name\nA-1,Acme\nA-2,Borealis\n"
HEALTH = "account_ref,date,overall_score\n"
ACTIVITIES = "account_ref,date,type,subject,quantity\n"
TWO_LINES = 'A-1,2026-01-01,NOTE,"first\r\nsecond\nthird",\n'

# File, its content, and the faults: (line, column, part of what was expected, value).
Expected = list[tuple[int, str | None, str, str | None]]
CASES: Mapping[str, tuple[str, str | bytes, Expected]] = {
    "a bad date": ("health_history.csv", HEALTH + "A-1,31.03.2026,70\n", [(2, "date", "2026-03-31", "31.03.2026")]),
    "a day that does not exist": (
        "health_history.csv",
        HEALTH + "A-1,2026-02-30,70\n",
        [(2, "date", "a date", "2026-02-30")],
    ),
    "a score of 140": (
        "health_history.csv",
        HEALTH + "A-1,2026-01-01,140\n",
        [(2, "overall_score", "0 to 100", "140")],
    ),
    "a score that is no number": (
        "health_history.csv",
        HEALTH + "A-1,2026-01-01,NaN\nA-1,2026-01-02,inf\nA-1,2026-01-03,1_0\n",
        [(2, "overall_score", "0 to 100", "NaN"), (3, "overall_score", "", "inf"), (4, "overall_score", "", "1_0")],
    ),
    "a quantity that is no number": (
        "activities.csv",
        ACTIVITIES + "A-1,2026-01-01,CALL,x,nan\nA-1,2026-01-01,CALL,x,1e999\n",
        [(2, "quantity", "a number", "nan"), (3, "quantity", "a number", "1e999")],
    ),
    "an unknown account": (
        "health_history.csv",
        HEALTH + "A-1,2026-01-01,1\nA-9,2026-01-01,1\n",
        [(3, "account_ref", "accounts.csv", "A-9")],
    ),
    "a duplicate key": (
        "health_history.csv",
        HEALTH + "A-1,2026-01-01,1\nA-2,2026-01-01,1\nA-1,2026-01-01T00:00:00Z,2\n",
        [(4, "date", "no earlier row with the same account_ref and date", "2026-01-01")],
    ),
    "a duplicate account": (
        "accounts.csv",
        ACCOUNTS + "A-1,Other\n",
        [(4, "account_ref", "no earlier row with the same account_ref", "A-1")],
    ),
    "a duplicate reference": (
        "activities.csv",
        "account_ref,date,type,activity_ref\nA-1,2026-01-01,CALL,T\nA-1,2026-01-02,CALL,\nA-2,2026-01-01,CALL,T\n",
        [(4, "activity_ref", "no earlier row", "T")],
    ),
    "two deals without a name": (
        "opportunities.csv",
        "account_ref,created,stage,amount,name\nA-1,2026-01-01,a,5,\nA-1,2026-01-01,a,5.00,\nA-1,2026-01-01,a,5,x\n",
        [(3, "amount", "account_ref and created and stage and amount", "2026-01-01, a, 5.00")],
    ),
    "a NUL": ("activities.csv", ACTIVITIES + "A-1,2026-01-01,CALL,a\0b,\n", [(2, "subject", "NUL", "a\\x00b")]),
    "Latin-1": (
        "activities.csv",
        ACTIVITIES.encode() + b"A-1,2026-01-01,CALL,ok,\nA-1,2026-01-01,CALL,caf\xe9,\n",
        [(3, "subject", "UTF-8", "caf\\xe9")],
    ),
    "UTF-16": ("activities.csv", ACTIVITIES.encode("utf-16"), [(1, None, "UTF-8", None)]),
    "a missing column": ("health_history.csv", "account_ref,date\nA-1,x\n", [(1, "overall_score", "required", None)]),
    "semicolons": (
        "health_history.csv",
        "account_ref;date;overall_score\n",
        [(1, "account_ref", "", None), (1, "date", "", None), (1, "overall_score", "", None)],
    ),
    "a column twice": (
        "health_history.csv",
        "account_ref,date,overall_score,date\nA-1,x,y,z\n",
        [(1, "date", "each column once", "2 times")],
    ),
    "no header": ("health_history.csv", "", [(1, None, "a header row", None)]),
    "a missing value": (
        "health_history.csv",
        HEALTH + "A-1,2026-01-01,\nA-1,,5\n",
        [(2, "overall_score", "required", None), (3, "date", "required", None)],
    ),
    "a text too long": (
        "accounts.csv",
        f"account_ref,name\nA-1,{'x' * 501}\nA-2,y\n",
        [(2, "name", "at most 500 characters", "x" * 40 + "…")],
    ),
    "a field too long": (
        "activities.csv",
        ACTIVITIES + f"A-1,2026-01-01,CALL,{'x' * 200_000},\nA-1,2026-01-01,CALL,ok,many\n",
        [(2, None, "at most 131,072 characters", None), (3, "quantity", "a number", "many")],
    ),
    "an open quote": (
        "activities.csv",
        ACTIVITIES + 'A-1,2026-01-01,CALL,ok,\nA-1,2026-01-01,CALL,"open,\nA-1,2026-01-01,CALL,swallowed,\n',
        [(3, None, "a closing quote", None)],
    ),
    "text after a quote": (
        "activities.csv",
        ACTIVITIES + 'A-1,2026-01-01,CALL,"a"b,\nA-1,x,CALL,ok,\n',
        [(2, None, "after a closing quote", None), (3, "date", "a date", "x")],
    ),
    "short and long rows": (
        "health_history.csv",
        HEALTH + "A-1,2026-01-01\nA-1,2026-01-01,5,6\n",
        [(2, None, "3 values", "2 values"), (3, None, "3 values", "4 values")],
    ),
    "after a field of several lines": (
        "activities.csv",
        ACTIVITIES + TWO_LINES + TWO_LINES + "A-1,bad,NOTE,x,\n\n" + TWO_LINES + "A-1,worse,NOTE,x,\n",
        [(8, "date", "a date", "bad"), (13, "date", "a date", "worse")],
    ),
    "a line without end": ("activities.csv", ACTIVITIES + "x" * 2_000_000, [(2, None, "lines of at most", None)]),
    "a choice": (
        "contacts.csv",
        "account_ref,contact_ref,role\nA-1,1,boss\n",
        [(2, "role", "one of champion, decision_maker, user", "boss")],
    ),
    "a flag": (
        "outcomes.csv",
        "account_ref,as_of,window_days,churned\nA-1,2026-01-01,90,yes\nA-1,2026-01-01,0,1\nA-1,2026-01-01,1.5,1\n",
        [(2, "churned", "0 or 1", "yes"), (3, "window_days", "1 to 3,650", "0"), (4, "window_days", "", "1.5")],
    ),
    "two undated rows at the data date": (
        "custom_fields.csv",
        "account_ref,as_of,nps\nA-1,2026-03-31,1\nA-1,,2\n",
        [(3, "as_of", "no second row for the data date", "2026-03-31")],
    ),
    "an address": (
        "accounts.csv",
        "account_ref,name,owner_email\nA-1,x,jo at example\nA-2,y,\n",
        [(2, "owner_email", "an e-mail address", "jo at example")],
    ),
    "too much money": (
        "account_changes.csv",
        "account_ref,as_of,arr\nA-1,2026-01-01,10000000000000\n",
        [(2, "arr", "below 10,000,000,000,000", "10000000000000")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_named_and_nothing_is_written(database: Database, tmp_path: Path, name: str) -> None:
    file, content, expected = CASES[name]
    actor = add_tenant(database, "acme")
    before = dump(database)
    folder = write(tmp_path / "bundle", {"accounts.csv": ACCOUNTS, file: content})
    with pytest.raises(InvalidBundle) as caught:
        service(database).import_bundle(actor, folder)
    found = caught.value.faults
    assert [(fault.file, fault.line, fault.column, fault.value) for fault in found] == [
        (file, line, column, value) for line, column, _, value in expected
    ]
    for fault, (_, _, part, _) in zip(found, expected, strict=True):
        assert part in fault.expected
    assert caught.value.total == len(expected)
    assert dump(database) == before


def faults_of(folder: Path, database: Database) -> InvalidBundle:
    with pytest.raises(InvalidBundle) as caught:
        service(database).import_new_tenant("acme", "Acme", folder)
    return caught.value


def test_all_faults_of_all_files_are_collected(database: Database, tmp_path: Path) -> None:
    bad = "A-1,x,140\n" * 700
    found = faults_of(
        write(tmp_path / "bundle", {**SMALL, "health_history.csv": HEALTH + bad, "churn.csv": "x\n"}), database
    )
    assert found.total == 1_402
    assert len(found.faults) == MAX_FAULTS_SHOWN
    assert found.faults[-1].line == 501
    assert "1,402 errors (the first 1,000 are shown)" in found.message
    assert found.fields["health_history.csv, line 2, date"].startswith("expected a date")


def test_a_fault_of_an_account_is_no_fault_of_its_rows(database: Database, tmp_path: Path) -> None:
    accounts = "account_ref,name,arr\nA-1,Acme,many\nA-2,B,\n"
    found = faults_of(write(tmp_path / "bundle", {**SMALL, "accounts.csv": accounts}), database)
    assert [(fault.file, fault.column) for fault in found.faults] == [("accounts.csv", "arr")]


def test_a_fault_in_the_last_of_many_rows(database: Database, tmp_path: Path) -> None:
    good = "".join(f"A-1,{2000 + n // 336}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02},{n % 101}\n" for n in range(9_000))
    folder = write(
        tmp_path / "bundle", {"accounts.csv": ACCOUNTS, "health_history.csv": HEALTH + good + "A-1,2026-05-05,-1"}
    )
    assert faults_of(folder, database).faults == (
        Fault(
            file="health_history.csv", line=9_002, column="overall_score", value="-1", expected="a number from 0 to 100"
        ),
    )


def test_a_sentence_names_the_place() -> None:
    fault = Fault(file="churn.csv", line=3, column="churned_on", value="x", expected="a date")
    assert str(fault) == "churn.csv, line 3, churned_on: expected a date, found `x`"


def test_unknown_columns_and_files_are_warned_of(database: Database, tmp_path: Path) -> None:
    accounts = "account_ref,name,colour\nA-1,Acme,red\nA-2,B,\n"
    actor = add_tenant(database, "acme")
    report = load(database, actor, tmp_path / "bundle", {**SMALL, "accounts.csv": accounts, "notes.txt": "x"})
    assert report.warnings == (
        "notes.txt is no file of a bundle and was ignored.",
        "accounts.csv: the column `colour` is not known and was ignored.",
    )


def test_a_byte_order_mark_and_blank_lines_are_no_fault(database: Database, tmp_path: Path) -> None:
    actor = add_tenant(database, "acme")
    report = load(
        database, actor, tmp_path / "bundle", {"accounts.csv": "\ufeff" + ACCOUNTS.replace("\n", "\r\n") + "\r\n\r\n"}
    )
    assert report.files[0].rows == 2
