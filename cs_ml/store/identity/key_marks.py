"""By what a change of the settings' secrets is noticed. Marks are made by services/identity/key_changes.py."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select, update

from cs_ml.store.identity.door import Keyholder
from cs_ml.store.tables import KeyMark


class KeyMarkStore(Keyholder):
    """Reached through `IdentityStore.key_marks`; never commits."""

    def differing(self, marks: Mapping[str, str], now: datetime) -> Sequence[str]:
        """The names that another mark is kept of, in order. One that none is kept of is kept from now on."""
        rows = [{"name": name, "mark": mark, "notedAt": now} for name, mark in marks.items()]
        self._insert_missing(KeyMark, rows)
        kept = {row.name: row.mark for row in self._run(select(KeyMark.name, KeyMark.mark))}
        return sorted(name for name, mark in marks.items() if kept[name] != mark)

    def renew(self, name: str, mark: str, now: datetime) -> None:
        self._run(update(KeyMark).where(KeyMark.name == name).values(mark=mark, noted_at=now))
