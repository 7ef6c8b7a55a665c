"""accounts.csv -> Account, and what was known of it: timeless facts, and those listed at the data date."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cs_ml.domain.bundle import ACCOUNTS
from cs_ml.services.importing.bundle import CheckedBundle
from cs_ml.services.importing.facts import EPOCH, LISTED, TIMELESS, FactWriter
from cs_ml.services.importing.tables import Run
from cs_ml.store.tables import Account

KIND = "account"
_NAMES = (
    "name",
    "industry",
    "website",
    "type",
    "ownerId",
    "createdAt",
    "healthScore",
    "engagementScore",
)
_DERIVED = frozenset(("type", "healthScore", "engagementScore"))  # from other files
_TIMELESS_NAMES = frozenset(("industry", "createdAt"))  # what figures of any past date may rest on

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Owners:
    """`ids`: user id by e-mail address; `unassigned` makes the tenant's user "Unassigned" when first needed."""

    ids: Mapping[str, int]
    unassigned: Callable[[], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountKeys:
    """By position in accounts.csv; `new` are the ids of those that were not there. In a dry run they have made-up
    negative ids."""

    ids: Sequence[int]
    owners: Sequence[int]
    new: Sequence[int]


class AccountWriter:
    def __init__(self, run: Run, bundle: CheckedBundle, owners: Owners) -> None:
        self._run, self._bundle, self._owners = run, bundle, owners
        self._stored: dict[str, Row] = {}
        self._gone: set[str] = set()
        for refs, columns in run.store.referenced(Account, KIND, ("id", *_NAMES)):
            for ref, row_id, *values in zip(refs, *columns, strict=True):
                if row_id is None:
                    self._gone.add(ref)
                else:
                    self._stored[ref] = {"id": row_id, **dict(zip(_NAMES, values, strict=True))}
        self._health_dates = run.store.newest_health() if self._stored and bundle.newest_health else {}

    def write(self) -> AccountKeys:
        refs = self._bundle.accounts["account_ref"]
        stored = [self._stored.get(ref) for ref in refs]
        rows = [self._row(position, old) for position, old in enumerate(stored)]
        new = [position for position, old in enumerate(stored) if old is None]
        changed = {
            position
            for position, (old, row) in enumerate(zip(stored, rows, strict=True))
            if old and any(old[name] != row[name] for name in _NAMES)
        }
        added = self._insert(new, rows)
        ids = dict(added)
        for position, old in enumerate(stored):
            if old:
                ids[position] = old["id"]
        self._update(sorted(changed), rows, stored)
        keys = AccountKeys(
            ids=[ids[position] for position in range(len(refs))],
            owners=[row["ownerId"] for row in rows],
            new=list(added.values()),
        )
        changed = {position for position in changed if self._is_own_change(stored[position], rows[position])}
        changed |= self._write_facts(keys.ids, {position: rows[position]["createdAt"] for position in new})
        self._count(len(refs), new, changed)
        return keys

    @staticmethod
    def _is_own_change(old: Row | None, row: Row) -> bool:
        """Whether a value of accounts.csv itself differs."""
        return old is not None and any(old[name] != row[name] for name in row.keys() - _DERIVED)

    def _count(self, total: int, new: Sequence[int], changed: set[int]) -> None:
        tally = self._run.tally(ACCOUNTS)
        tally.new = len(new)
        tally.changed = len(changed.difference(new))
        tally.unchanged = total - tally.new - tally.changed

    def _row(self, position: int, old: Row | None) -> Row:
        given = {name: self._bundle.accounts[name][position] for name in ("name", "industry", "website")}
        owner = self._bundle.accounts["owner_email"][position]
        overall, engagement = self._scores(position, old)
        return {
            **given,
            "type": "CHURNED" if position in self._bundle.churned else old["type"] if old else "CUSTOMER",
            "ownerId": self._owner(owner, old),
            "createdAt": self._created_at(position, old),
            "healthScore": overall,
            "engagementScore": engagement,
        }

    def _owner(self, email: str | None, old: Row | None) -> Any:
        """An account whose owner the bundle does not name keeps the one it has."""
        if email:
            return self._owners.ids[email]
        return old["ownerId"] if old else self._owners.unassigned()

    def _created_at(self, position: int, old: Row | None) -> Any:
        start = self._bundle.accounts["start_date"][position]
        if start:
            return start
        first = self._bundle.first_seen.get(position)
        if old:
            return min(old["createdAt"], first) if first else old["createdAt"]
        return first or self._run.data_date

    def _scores(self, position: int, old: Row | None) -> tuple[Any, Any]:
        """Those of the newest health row, be it stored or in the bundle."""
        newest = self._bundle.newest_health.get(position)
        if old and (newest is None or newest[0] < self._health_dates.get(old["id"], "")):
            return old["healthScore"], old["engagementScore"]
        return newest[1:] if newest else (None, None)

    def _insert(self, new: Sequence[int], rows: Sequence[Row]) -> dict[int, int]:
        """Position -> id of the new accounts."""
        run = self._run
        run.note([rows[position]["createdAt"] for position in new])
        if run.dry_run:
            return {position: -1 - position for position in new}
        if not new:
            return {}
        refs = [self._bundle.accounts["account_ref"][position] for position in new]
        run.store.forget(KIND, [ref for ref in refs if ref in self._gone])
        columns: dict[str, list[Any]] = {name: [rows[position][name] for position in new] for name in _NAMES}
        columns["updatedAt"] = [run.now] * len(new)
        return dict(zip(new, run.store.insert_referenced(Account, KIND, refs, columns), strict=True))

    def _update(self, changed: Sequence[int], rows: Sequence[Row], stored: Sequence[Row | None]) -> None:
        run = self._run
        olds = [(position, old) for position in changed if (old := stored[position])]
        for position, old in olds:
            timeless = any(old[name] != rows[position][name] for name in _TIMELESS_NAMES)
            run.note([EPOCH if timeless else None])
        if olds and not run.dry_run:
            columns: dict[str, list[Any]] = {name: [rows[position][name] for position, _ in olds] for name in _NAMES}
            columns |= {"id": [old["id"] for _, old in olds], "updatedAt": [run.now] * len(olds)}
            run.store.update(Account, columns)

    def _write_facts(self, ids: Sequence[int], starts: Mapping[int, str]) -> set[int]:
        """Positions of the accounts whose facts were added or changed. `starts`: when new accounts begin."""
        columns, data_date = self._bundle.accounts, self._run.data_date
        written: set[int] = set()
        for kind, at, names in (("timeless", EPOCH, TIMELESS), ("listed", data_date, LISTED)):
            writer = FactWriter(self._run, kind, at, tuple(names.values()))
            rows = zip(*(columns[name] for name in names), strict=True)
            for position, values in enumerate(rows):
                if writer.take(ids[position], values, since=max(at, starts.get(position, at))):
                    written.add(position)
            writer.flush()
        return written
