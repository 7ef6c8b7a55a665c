"""The dated files: health, activities, changes and custom fields, churn and judged outcomes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from cs_ml.domain.bundle import ACTIVITIES, CHANGES, CHURN, CUSTOM, FILES, HEALTH, OUTCOMES
from cs_ml.services.importing import activities
from cs_ml.services.importing.accounts import AccountKeys
from cs_ml.services.importing.bundle import CheckedBundle, Progress
from cs_ml.services.importing.facts import LISTED, FactWriter
from cs_ml.services.importing.tables import Run, TableWriter, Target
from cs_ml.store.bulk.stored_text import json_text
from cs_ml.store.tables import (
    AccountFact,
    AccountHealthScoreHistory,
    ChurnEvent,
    CRMActivity,
    JudgedOutcome,
)

SOURCE = "bundle"
_HEALTHY, _AT_RISK = 71, 31  # as the CRM writes the category
_CATEGORIES = tuple(
    "HEALTHY" if score >= _HEALTHY else "AT_RISK" if score >= _AT_RISK else "CRITICAL" for score in range(101)
)
_SCORES = {
    "overall_score": "overallScore",
    "usage_score": "usageScore",
    "support_score": "supportScore",
    "engagement_score": "engagementScore",
    "sentiment_score": "sentimentScore",
    "financial_score": "financialScore",
}

_HEALTH = Target(
    entity=AccountHealthScoreHistory,
    key=("accountId", "calculatedAt"),
    values=tuple(_SCORES.values()),
    derived=("category",),
    date="calculatedAt",
)
_ACTIVITIES = Target(
    entity=CRMActivity,
    key=("externalId",),
    values=("accountId", "completedAt", "type", "subject", "metadata"),
    derived=("createdAt", "updatedAt"),
    where={"externalSource": SOURCE},
    date="completedAt",
)
_CHANGED = {**LISTED, "seats": "seats"}
_CHANGES = Target(
    entity=AccountFact,
    key=("accountId", "validFrom"),
    values=tuple(_CHANGED.values()),
    where={"kind": "changed"},
    date="validFrom",
)
_CUSTOM = Target(
    entity=AccountFact,
    key=("accountId", "validFrom"),
    values=("customFields",),
    where={"kind": "custom"},
    date="validFrom",
)
_CHURN = Target(
    entity=ChurnEvent,
    key=("accountId", "churnedAt"),
    values=("reason", "approximate"),
    date="churnedAt",
)
_OUTCOMES = Target(
    entity=JudgedOutcome,
    key=("accountId", "asOf", "windowDays"),
    values=("churned",),
    date="asOf",
)


class EventWriter:
    """Writes the dated files of a bundle, one block after the other."""

    def __init__(self, run: Run, bundle: CheckedBundle, keys: AccountKeys, progress: Progress) -> None:
        self._run, self._bundle, self._keys, self._progress = run, bundle, keys, progress

    def write(self) -> None:
        writers = {
            CHANGES: self._changes,
            CUSTOM: self._custom,
            HEALTH: self._health,
            ACTIVITIES: self._activities,
            CHURN: self._churn,
            OUTCOMES: self._outcomes,
        }
        for name, write in writers.items():
            if name in self._bundle.rows:
                write()

    def _blocks(self, name: str) -> Iterator[dict[str, list[Any]]]:
        """Columns by name; `accountId` holds ids."""
        names = [column.name for column in FILES[name].columns]
        done = 0
        for columns in self._bundle.spool.blocks(name):
            block = dict(zip(names, columns, strict=False))
            block["accountId"] = self._ids(block["account_ref"])
            yield block
            done += len(block["accountId"])
            self._progress(f"writing {name}", done)

    def _ids(self, positions: Sequence[int]) -> list[int]:
        return list(map(self._keys.ids.__getitem__, positions))

    def _writer(self, name: str, target: Target) -> TableWriter:
        return TableWriter(self._run, target, self._run.tally(name))

    def _changes(self) -> None:
        writer = self._writer(CHANGES, _CHANGES)
        for block in self._blocks(CHANGES):
            values = {stored: block[given] for given, stored in _CHANGED.items()}
            columns = {"accountId": block["accountId"], "validFrom": block["as_of"], **values}
            writer.write(columns, {"kind": "changed", "createdAt": self._run.now})

    def _health(self) -> None:
        writer = self._writer(HEALTH, _HEALTH)
        for block in self._blocks(HEALTH):
            scores = {stored: block[given] for given, stored in _SCORES.items()}
            columns = {
                "accountId": block["accountId"],
                "calculatedAt": block["date"],
                "createdAt": block["date"],
                "category": list(map(_CATEGORIES.__getitem__, block["overall_score"])),
                **scores,
            }
            writer.write(columns, {})

    def _activities(self) -> None:
        writer = self._writer(ACTIVITIES, _ACTIVITIES)
        done = 0
        for block in self._bundle.spool.blocks(ACTIVITIES):
            columns = dict(zip(activities.NAMES, block, strict=True))
            owners = list(map(self._keys.owners.__getitem__, columns["accountId"]))
            columns |= {"accountId": self._ids(columns["accountId"]), "ownerId": owners, "createdById": owners}
            columns |= {"createdAt": columns["completedAt"], "updatedAt": columns["completedAt"]}
            writer.write(columns, {"status": "COMPLETED", "externalSource": SOURCE})
            done += len(owners)
            self._progress(f"writing {ACTIVITIES}", done)

    def _churn(self) -> None:
        writer = self._writer(CHURN, _CHURN)
        for block in self._blocks(CHURN):
            columns = {
                "accountId": block["accountId"],
                "churnedAt": block["churned_on"],
                "reason": block["reason"],
                "approximate": [False] * len(block["reason"]),
            }
            writer.write(columns, {"createdAt": self._run.now})

    def _outcomes(self) -> None:
        writer = self._writer(OUTCOMES, _OUTCOMES)
        for block in self._blocks(OUTCOMES):
            columns = {
                "accountId": block["accountId"],
                "asOf": block["as_of"],
                "windowDays": block["window_days"],
                "churned": block["churned"],
            }
            writer.write(columns, {"createdAt": self._run.now})

    def _custom(self) -> None:
        """Rows with a date hold from then on, those without from the data date."""
        run, tally = self._run, self._run.tally(CUSTOM)
        undated = FactWriter(run, "custom", run.data_date, ("customFields",))
        writer = self._writer(CUSTOM, _CUSTOM)
        for block in self._custom_blocks():
            rows = list(zip(block["accountId"], block["as_of"], block["customFields"], strict=True))
            for account_id, date, fields in rows:
                if date is None:
                    outcome = undated.take(account_id, (fields,), since=run.data_date)
                    tally.new += outcome == "new"
                    tally.changed += outcome == "changed"
                    tally.unchanged += outcome is None
            dated = [row for row in rows if row[1]]
            columns = dict(zip(("accountId", "validFrom", "customFields"), zip(*dated, strict=True), strict=False))
            if columns:
                writer.write(columns, {"kind": "custom", "createdAt": run.now})
        undated.flush()

    def _custom_blocks(self) -> Iterator[dict[str, Any]]:
        fixed = len(FILES[CUSTOM].columns)
        fields = self._bundle.custom_fields
        blocks = zip(self._blocks(CUSTOM), self._bundle.spool.blocks(CUSTOM), strict=True)
        for block, columns in blocks:
            rows = zip(*columns[fixed:], strict=True) if fields else repeat((), len(block["account_ref"]))
            yield {**block, "customFields": [_custom_text(fields, row) for row in rows]}


def _custom_text(fields: Mapping[str, bool], row: Sequence[str | None]) -> str:
    """The JSON object of one row: known values only, numbers where the whole column is of numbers."""
    return json_text(
        {
            name: json.loads(value) + 0 if is_number else value  # no sign before nothing
            for (name, is_number), value in zip(fields.items(), row, strict=True)
            if value is not None
        }
    )
