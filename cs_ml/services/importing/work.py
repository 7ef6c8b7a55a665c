"""The files whose rows an import knows by reference: contacts, CTAs and opportunities."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from cs_ml.domain.bundle import CONTACTS, CTAS, FILES, OPPORTUNITIES
from cs_ml.services.importing.accounts import AccountKeys
from cs_ml.services.importing.bundle import CheckedBundle, Progress
from cs_ml.services.importing.keys import digest_name
from cs_ml.services.importing.tables import Run, TableWriter, Target
from cs_ml.store.bulk.stored_text import json_text, text_instant
from cs_ml.store.tables import CTA, CRMContact, Opportunity

PIPELINE = "Imported"
_NO_STAGE = "Unknown"
_NO_CURRENCY = "USD"  # the CRM's own default
_WORD = re.compile(r"[a-z]+")
_UNKNOWN_ID = -1

_CONTACTS = Target(
    entity=CRMContact,
    key=(),
    values=("accountId", "firstName", "lastName", "email", "phone", "jobTitle", "customFields"),
    derived=("updatedAt",),
    reference="contact",
)
_CTAS = Target(
    entity=CTA,
    key=(),
    values=("accountId", "type", "priority", "status", "title", "ownerId", "createdAt", "dueDate", "completedAt"),
    derived=("updatedAt",),
    date="createdAt",
    reference="cta",
)
_OPPORTUNITIES = Target(
    entity=Opportunity,
    key=(),
    values=(
        "accountId",
        "name",
        "pipelineId",
        "stageId",
        "amount",
        "probability",
        "currency",
        "status",
        "expectedCloseDate",
        "actualCloseDate",
        "createdAt",
    ),
    derived=("updatedAt",),
    date="createdAt",
    reference="opportunity",
)


class WorkWriter:
    """`owners`: user id by e-mail address."""

    def __init__(
        self, run: Run, bundle: CheckedBundle, keys: AccountKeys, owners: Mapping[str, int], progress: Progress
    ) -> None:
        self._run, self._bundle, self._keys, self._owners = run, bundle, keys, owners
        self._progress = progress

    def write(self) -> None:
        writers = {CONTACTS: self._contacts, CTAS: self._ctas, OPPORTUNITIES: self._opportunities}
        for name, write in writers.items():
            if self._bundle.rows.get(name):
                write()

    def _blocks(self, name: str) -> Iterator[dict[str, list[Any]]]:
        """Columns by name; `accountId` and `accountOwner` hold ids, `account` the reference."""
        names = [column.name for column in FILES[name].columns]
        refs, done = self._bundle.accounts["account_ref"], 0
        for columns in self._bundle.spool.blocks(name):
            block = dict(zip(names, columns, strict=True))
            positions = block["account_ref"]
            block["account"] = [refs[position] for position in positions]
            block["accountId"] = [self._keys.ids[position] for position in positions]
            block["accountOwner"] = [self._keys.owners[position] for position in positions]
            yield block
            done += len(positions)
            self._progress(f"writing {name}", done)

    def _contacts(self) -> None:
        writer = TableWriter(self._run, _CONTACTS, self._run.tally(CONTACTS))
        now = self._run.now
        for block in self._blocks(CONTACTS):
            columns = {
                "ref": list(map(digest_name, block["account"], block["contact_ref"])),
                "accountId": block["accountId"],
                "firstName": [name or "" for name in block["first_name"]],
                "lastName": [name or "" for name in block["last_name"]],
                "email": block["email"],
                "phone": block["phone"],
                "jobTitle": block["job_title"],
                "customFields": [role and json_text({"role": role}) for role in block["role"]],
                "updatedAt": [now] * len(block["account"]),
            }
            writer.write(columns, {"lifecycle": "CUSTOMER", "createdAt": now})

    def _ctas(self) -> None:
        writer = TableWriter(self._run, _CTAS, self._run.tally(CTAS))
        for block in self._blocks(CTAS):
            ends = [_cta_end(*row) for row in zip(block["status"], block["created"], block["closed"], strict=True)]
            columns = {
                "ref": list(map(digest_name, block["account"], block["created"], block["title"])),
                "accountId": block["accountId"],
                "type": block["type"],
                "priority": [priority or "MEDIUM" for priority in block["priority"]],
                "status": [status for status, _, _ in ends],
                "title": block["title"],
                "ownerId": [
                    self._owners[email] if email else owner
                    for email, owner in zip(block["owner_email"], block["accountOwner"], strict=True)
                ],
                "createdAt": block["created"],
                "dueDate": block["due"],
                "completedAt": [completed for _, completed, _ in ends],
                "updatedAt": [updated for _, _, updated in ends],
            }
            writer.write(columns, {})

    def _opportunities(self) -> None:
        writer = TableWriter(self._run, _OPPORTUNITIES, self._run.tally(OPPORTUNITIES))
        pipeline = _Pipeline(self._run)
        for block in self._blocks(OPPORTUNITIES):
            stages = [stage or _NO_STAGE for stage in block["stage"]]
            ids = pipeline.stage_ids(stages)
            statuses = list(map(stage_type, stages))
            closes = list(zip(statuses, block["close_date"], strict=True))
            columns = {
                "ref": self._opportunity_refs(block),
                "accountId": block["accountId"],
                "name": [name or stage for name, stage in zip(block["name"], stages, strict=True)],
                "pipelineId": [pipeline.id] * len(stages),
                "stageId": [ids[stage] for stage in stages],
                "amount": block["amount"],
                "probability": [self._percent(value) for value in block["probability"]],
                "currency": self._currencies(block),
                "status": statuses,
                "expectedCloseDate": [date if status == "OPEN" else None for status, date in closes],
                "actualCloseDate": [None if status == "OPEN" else date for status, date in closes],
                "createdAt": block["created"],
                "ownerId": block["accountOwner"],
                "updatedAt": [
                    created if status == "OPEN" else date or created
                    for created, (status, date) in zip(block["created"], closes, strict=True)
                ],
            }
            writer.write(columns, {})

    def _opportunity_refs(self, block: Mapping[str, Sequence[Any]]) -> list[str]:
        names = ("account", "created", "name", "stage", "amount")
        return [
            digest_name(account, created, name) if name else digest_name(account, created, None, stage, amount)
            for account, created, name, stage, amount in zip(*(block[name] for name in names), strict=True)
        ]

    def _currencies(self, block: Mapping[str, Sequence[Any]]) -> list[str]:
        of_account = self._bundle.accounts["currency"]
        rows = zip(block["currency"], block["account_ref"], strict=True)
        return [currency or of_account[position] or _NO_CURRENCY for currency, position in rows]

    def _percent(self, value: float | None) -> int | None:
        """0 to 100, rounded half up."""
        if value is None:
            return None
        percent = Decimal(repr(value)) * (100 if self._bundle.fractions else 1)
        return int(percent.quantize(Decimal(1), rounding=ROUND_HALF_UP))


class _Pipeline:
    """The pipeline of imported opportunities and its stages, made when first needed."""

    def __init__(self, run: Run) -> None:
        self._run = run
        found = run.store.find_pipeline(PIPELINE)
        self._stages = run.store.stages(found) if found else {}
        if found is None and not run.dry_run:
            found = run.store.add_pipeline(PIPELINE, text_instant(run.now))
        self.id = found or _UNKNOWN_ID

    def stage_ids(self, names: Sequence[str]) -> Mapping[str, int]:
        """Id by name for at least `names`; unknown stages are added in order of appearance."""
        new = [name for name in dict.fromkeys(names) if name not in self._stages]
        if new and self._run.dry_run:
            self._stages |= dict.fromkeys(new, _UNKNOWN_ID)
        elif new:
            at, start = text_instant(self._run.now), len(self._stages)
            rows = [
                {
                    "pipelineId": self.id,
                    "name": name,
                    "order": order,
                    "probability": 100 if stage_type(name) == "WON" else 0,
                    "type": stage_type(name),
                    "createdAt": at,
                    "updatedAt": at,
                }
                for order, name in enumerate(new, start=start)
            ]
            self._run.store.add_stages(rows)
            self._stages = self._run.store.stages(self.id)
        return self._stages


def stage_type(name: str) -> str:
    """WON, LOST or OPEN, by the words in a stage's name: `closed_won`, `Closed Lost`, `Proposal`."""
    words = set(_WORD.findall(name.lower()))
    if "won" in words:
        return "WON"
    return "LOST" if "lost" in words else "OPEN"


def _cta_end(status: str | None, created: str, closed: str | None) -> tuple[str, str | None, str]:
    """(status, completedAt, updatedAt). One that ended without saying when counts as never having been open."""
    if status == "CANCELLED":
        return status, None, closed or created
    if closed or status == "COMPLETED":
        ended = closed or created
        return "COMPLETED", ended, ended
    return status or "OPEN", None, created
