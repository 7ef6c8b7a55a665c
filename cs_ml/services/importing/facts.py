"""What was known of accounts and from when on: rows without a date of their own count from a given date."""

from collections.abc import Mapping
from typing import Any

from cs_ml.services.importing.tables import Run
from cs_ml.store.tables import AccountFact

EPOCH = "1970-01-01 00:00:00.000"
TIMELESS: Mapping[str, str] = {"segment": "segment", "currency": "currency"}
# Column of the bundle -> column of AccountFact.
LISTED: Mapping[str, str] = {
    "arr": "arr",
    "plan": "plan",
    "renewal_date": "renewalDate",
    "lifecycle_stage": "lifecycleStage",
    "owner_email": "ownerEmail",
}

Values = tuple[Any, ...]


class FactWriter:
    """Facts of one kind at one date `at`, written only where they differ from the account's newest of that kind.

    So a bundle that is imported again with another data date adds nothing.
    """

    def __init__(self, run: Run, kind: str, at: str, names: tuple[str, ...]) -> None:
        self._run, self._kind, self._at, self._names = run, kind, at, names
        self._newest: dict[int, tuple[str, Values]] = {}
        self._same_date: dict[int, tuple[int, Values]] = {}
        self._new: list[tuple[int, Values]] = []
        self._changed: list[tuple[int, Values]] = []
        for columns in run.store.rows(AccountFact, ("id", "accountId", "validFrom", *names), {"kind": kind}):
            for row_id, account_id, valid_from, *values in zip(*columns, strict=True):
                self._remember(row_id, account_id, valid_from, tuple(values))

    def _remember(self, row_id: int, account_id: int, valid_from: str, values: Values) -> None:
        if valid_from == self._at:
            self._same_date[account_id] = (row_id, values)
        if valid_from >= self._newest.get(account_id, ("", ()))[0]:
            self._newest[account_id] = (valid_from, values)

    def take(self, account_id: int, values: Values, *, since: str) -> str | None:
        """What becomes of the account's row: "new", "changed", or None where it says nothing new.

        `since`: from when on that can make a difference.
        """
        same_date, newest = self._same_date.get(account_id), self._newest.get(account_id)
        if same_date:
            if same_date[1] == values:
                return None
            self._changed.append((same_date[0], values))
            self._run.note([since])
            return "changed"
        if newest[1] == values if newest else not any(value is not None for value in values):
            return None
        self._new.append((account_id, values))
        self._run.note([since])
        return "new"

    def flush(self) -> None:
        """Writes what was taken."""
        run = self._run
        if run.dry_run:
            return
        if self._new:
            accounts, columns = self._columns(self._new)
            fixed = {name: [value] * len(accounts) for name, value in self._constants().items()}
            run.store.insert(AccountFact, {"accountId": accounts, **columns, **fixed})
        if self._changed:
            ids, columns = self._columns(self._changed)
            run.store.update(AccountFact, {"id": ids, **columns})

    def _constants(self) -> dict[str, str]:
        return {"kind": self._kind, "validFrom": self._at, "createdAt": self._run.now}

    def _columns(self, rows: list[tuple[int, Values]]) -> tuple[list[int], dict[str, list[Any]]]:
        columns = zip(*(values for _, values in rows), strict=True)
        return [key for key, _ in rows], dict(zip(self._names, map(list, columns), strict=True))
