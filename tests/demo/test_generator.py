"""The generated bundles obey the import's rules and keep to time."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from benchmarks.engines.demo_process import churn_days
from cs_ml.demo.bundle import COLUMNS, Bundle, row, write
from cs_ml.demo.generator import BLUEPEAK, DEFAULT_SEED, MEMBER_LEAST, NORTHWIND, TENANTS, DemoTenant, generate
from tests.demo.cells import OWNERS, TODAY, day, text

REQUIRED = {
    "accounts.csv": ("account_ref", "name"),
    "account_changes.csv": ("account_ref", "as_of"),
    "custom_fields.csv": ("account_ref",),
    "contacts.csv": ("account_ref", "contact_ref"),
    "health_history.csv": ("account_ref", "date", "overall_score"),
    "activities.csv": ("account_ref", "date", "type"),
    "ctas.csv": ("account_ref", "created", "type", "title"),
    "opportunities.csv": ("account_ref", "created"),
    "churn.csv": ("account_ref", "churned_on"),
}
KEYS = {
    "accounts.csv": ("account_ref",),
    "account_changes.csv": ("account_ref", "as_of"),
    "custom_fields.csv": ("account_ref", "as_of"),
    "contacts.csv": ("account_ref", "contact_ref"),
    "health_history.csv": ("account_ref", "date"),
    "ctas.csv": ("account_ref", "created", "title"),
    "opportunities.csv": ("account_ref", "created", "name"),
    "churn.csv": ("account_ref", "churned_on"),
}
# The day on which each row became a fact; due, renewal and expected close dates may lie ahead.
FACTS = {
    "account_changes.csv": ("as_of",),
    "custom_fields.csv": ("as_of",),
    "health_history.csv": ("date",),
    "activities.csv": ("date",),
    "ctas.csv": ("created", "closed"),
    "opportunities.csv": ("created",),
    "churn.csv": ("churned_on",),
}
DATES = {
    *(column for columns in FACTS.values() for column in columns),
    "start_date",
    "renewal_date",
    "due",
    "close_date",
}


@pytest.fixture(scope="module", params=TENANTS, ids=lambda tenant: tenant.slug)
def bundle(request: pytest.FixtureRequest, bundles: dict[str, Bundle]) -> Bundle:
    tenant: DemoTenant = request.param
    return bundles[tenant.slug]


def digest(bundle: Bundle) -> str:
    return hashlib.sha256(json.dumps(bundle).encode()).hexdigest()


def test_same_arguments_give_the_same_rows_in_any_process(bundles: dict[str, Bundle]) -> None:
    script = (
        "import hashlib, json\nfrom datetime import date\nfrom cs_ml.demo.generator import *\n"
        f"bundle = generate({DEFAULT_SEED}, date.fromisoformat('{TODAY}'), BLUEPEAK, {OWNERS})\n"
        "print(hashlib.sha256(json.dumps(bundle).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest(bundles[BLUEPEAK.slug])


def test_another_seed_gives_other_rows(bundles: dict[str, Bundle]) -> None:
    assert digest(generate(DEFAULT_SEED + 1, TODAY, BLUEPEAK, OWNERS)) != digest(bundles[BLUEPEAK.slug])


def test_files_have_their_columns_and_required_cells(bundle: Bundle) -> None:
    assert bundle.keys() == COLUMNS.keys()
    for file, rows in bundle.items():
        assert rows, file
        assert {tuple(entry) for entry in rows} == {COLUMNS[file]}
        assert all(entry[column] for entry in rows for column in REQUIRED[file])
        assert not any(value == "" for entry in rows for value in entry.values())


def test_keys_are_unique(many: list[Bundle]) -> None:
    for bundle in many:
        for file, key in KEYS.items():
            counts = Counter(tuple(entry[column] for column in key) for entry in bundle[file])
            assert [keys for keys, count in counts.items() if count > 1] == [], file
        refs = [entry["activity_ref"] for entry in bundle["activities.csv"] if entry["activity_ref"]]
        assert len(refs) == len(set(refs))


def test_every_row_belongs_to_an_account(bundle: Bundle) -> None:
    refs = {entry["account_ref"] for entry in bundle["accounts.csv"]}
    assert {entry["account_ref"] for rows in bundle.values() for entry in rows} == refs


def test_dates_are_iso(bundle: Bundle) -> None:
    for rows in bundle.values():
        for entry in rows:
            for column in DATES & entry.keys():
                if entry[column] is not None:
                    datetime.fromisoformat(text(entry, column))


def test_values_are_in_range(bundle: Bundle) -> None:
    for entry in bundle["health_history.csv"]:
        assert all(0 <= int(value) <= 100 for column, value in entry.items() if column.endswith("_score") and value)
    assert all(0 <= float(text(entry, "probability")) <= 1 for entry in bundle["opportunities.csv"])
    assert all(float(text(entry, "amount")) > 0 for entry in bundle["opportunities.csv"])
    assert all(float(text(entry, "arr")) >= 0 for entry in bundle["account_changes.csv"])
    words = {
        "direction": {"inbound", "outbound", None},
        "sentiment": {"positive", "neutral", "negative", None},
    }
    for column, allowed in words.items():
        assert {entry[column] for entry in bundle["activities.csv"]} == allowed
    assert {entry["role"] for entry in bundle["contacts.csv"]} == {"champion", "decision_maker", "user"}


def test_overall_score_is_about_the_weighted_sum(bundle: Bundle) -> None:
    weights = {"usage_score": 0.40, "support_score": 0.25, "engagement_score": 0.20, "sentiment_score": 0.15}
    gaps = [
        abs(
            int(text(entry, "overall_score")) - sum(weight * int(text(entry, name)) for name, weight in weights.items())
        )
        for entry in bundle["health_history.csv"]
        if entry["sentiment_score"] is not None
    ]
    assert 0.5 < sum(gaps) / len(gaps) < 3


def test_nothing_is_known_after_today_or_the_churn(many: list[Bundle]) -> None:
    for bundle in many:
        ends = churn_days(bundle)
        for file, columns in FACTS.items():
            for entry in bundle[file]:
                last = ends.get(entry["account_ref"], TODAY)
                assert all(day(entry, column) <= last for column in columns if entry[column]), (file, entry)
        assert all(day(entry, "start_date") <= TODAY for entry in bundle["accounts.csv"])


def test_nothing_precedes_the_start_of_the_account(many: list[Bundle]) -> None:
    for bundle in many:
        starts = {entry["account_ref"]: day(entry, "start_date") for entry in bundle["accounts.csv"]}
        for file, columns in FACTS.items():
            assert all(day(entry, columns[0]) >= starts[entry["account_ref"]] for entry in bundle[file]), file


def test_deals_that_are_over_closed_by_today_and_open_ones_lie_ahead(many: list[Bundle]) -> None:
    for bundle in many:
        for entry in bundle["opportunities.csv"]:
            over = text(entry, "stage").startswith("Closed")
            assert (day(entry, "close_date") <= TODAY) if over else (day(entry, "close_date") > TODAY), entry


def test_churned_accounts_leave_nothing_open(bundle: Bundle) -> None:
    gone = churn_days(bundle).keys()
    assert all(entry["closed"] for entry in bundle["ctas.csv"] if entry["account_ref"] in gone)
    assert all(
        text(entry, "stage").startswith("Closed")
        for entry in bundle["opportunities.csv"]
        if entry["account_ref"] in gone
    )
    stages = {entry["account_ref"]: entry["lifecycle_stage"] for entry in bundle["accounts.csv"]}
    assert {ref for ref, stage in stages.items() if stage == "Churned"} == gone


def test_accounts_agree_with_their_last_change(bundle: Bundle) -> None:
    last = {entry["account_ref"]: entry for entry in bundle["account_changes.csv"]}
    for account in bundle["accounts.csv"]:
        change = last[account["account_ref"]]
        for column in ("arr", "plan", "renewal_date", "owner_email", "lifecycle_stage"):
            assert account[column] == change[column]


def test_there_are_enough_accounts_of_every_kind(bundles: dict[str, Bundle]) -> None:
    for tenant in TENANTS:
        assert len(bundles[tenant.slug]["accounts.csv"]) == tenant.accounts
    northwind = bundles[NORTHWIND.slug]
    scored = Counter(entry["account_ref"] for entry in northwind["health_history.csv"])
    live = {entry["account_ref"] for entry in northwind["accounts.csv"]} - churn_days(northwind).keys()
    assert 1 <= len(live - scored.keys()) <= 3
    assert sum(scored[ref] < 20 for ref in live) >= 3
    types = {entry["type"] for entry in northwind["activities.csv"]}
    assert {"CALL", "EMAIL", "MEETING", "support_ticket", "usage_active_users", "usage_workflow_runs"} <= types
    unfinished = [entry for entry in northwind["ctas.csv"] if entry["closed"] is None]
    assert sum(day(entry, "due") < TODAY for entry in unfinished) >= 5
    assert sum(day(entry, "due") >= TODAY for entry in unfinished) >= 5


def test_bands_of_today_show_healthy_and_troubled_accounts(bundles: dict[str, Bundle]) -> None:
    overall: dict[str | None, int] = {}
    for bundle in bundles.values():
        for entry in bundle["health_history.csv"]:
            if entry["account_ref"] not in churn_days(bundle):
                overall[entry["account_ref"]] = int(text(entry, "overall_score"))
    assert sum(score < 60 for score in overall.values()) >= 8
    assert sum(score >= 60 for score in overall.values()) >= 80


def test_member_owns_most_of_the_least_healthy_accounts(bundle: Bundle) -> None:
    owners = {entry["account_ref"]: entry["owner_email"] for entry in bundle["accounts.csv"]}
    counts = Counter(owners.values())
    assert counts[OWNERS[1]] >= MEMBER_LEAST
    assert counts[OWNERS[0]] > 0
    assert counts.keys() == {OWNERS[0], OWNERS[1], OWNERS[3]}
    health: dict[str | None, int] = {}
    for entry in bundle["health_history.csv"]:
        if entry["account_ref"] not in churn_days(bundle):
            health[entry["account_ref"]] = int(text(entry, "overall_score"))
    lowest = sorted(health, key=lambda ref: health[ref])[:10]
    assert sum(owners[ref] == OWNERS[1] for ref in lowest) >= 6


def test_two_owners_are_needed() -> None:
    with pytest.raises(ValueError, match="owners"):
        generate(DEFAULT_SEED, TODAY, BLUEPEAK, OWNERS[:1])


def test_written_files_read_back_the_same(bundle: Bundle, tmp_path: Path) -> None:
    write(bundle, tmp_path / "new")
    for file, rows in bundle.items():
        with (tmp_path / "new" / file).open(encoding="utf-8", newline="") as stream:
            read = [{column: value or None for column, value in entry.items()} for entry in csv.DictReader(stream)]
        assert read == rows


def test_names_are_distinct_and_some_are_hard(bundles: dict[str, Bundle]) -> None:
    names = [text(entry, "name") for entry in bundles[NORTHWIND.slug]["accounts.csv"]]
    assert len(set(names)) == len(names)
    assert any("," in name or '"' in name for name in names)
    assert any(not name.isascii() for name in names)
    people = {text(entry, "last_name") for entry in bundles[NORTHWIND.slug]["contacts.csv"]}
    assert {"Müller", "O'Brien", "佐藤"} <= people
    addresses = [text(entry, "email") for entry in bundles[NORTHWIND.slug]["contacts.csv"]]
    assert all(address.isascii() and address.endswith(".example") and " " not in address for address in addresses)


def test_a_column_the_file_does_not_have_is_refused() -> None:
    with pytest.raises(KeyError, match="churn"):
        row("churn.csv", account_ref="NW-0001", date=TODAY)
