"""Batches at the model's provider. Every change is a guarded UPDATE: of two that look, one goes on."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from cs_ml.domain.llm.overnight import BatchState, Entry, ProviderBatch
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import ProviderBatch as Stored

_OPEN = ("submitting", "waiting", "collected")
_AT_THE_PROVIDER = ("submitting", "waiting")


class ProviderBatchRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, batch: ProviderBatch, look_at: datetime) -> None:
        """Stores a new one. `look_at`: when it is time to look what became of it."""
        row = {
            "id": batch.key,
            "runId": batch.run_id,
            "model": batch.model,
            "state": batch.state,
            "entries": [[one.account_id, one.attempt, one.fingerprint] for one in batch.entries],
            "done": batch.done,
            "submittedAt": batch.submitted_at,
            "waitUntil": batch.wait_until,
            "lookAt": look_at,
            "reservation": batch.reservation,
            "providerId": batch.provider_id,
            "files": list(batch.files),
        }
        self._scope.insert(Stored, [row])

    def take_look(self, batch_key: str, now: datetime, until: datetime) -> ProviderBatch | None:
        """The open batch, to the one who comes when it is time to look; nobody else looks before `until`."""
        due = (Stored.id == batch_key) & Stored.state.in_(_OPEN) & (Stored.look_at <= now)
        taken: Any = self._scope.execute(update(Stored).where(due).values(look_at=until))
        if not taken.rowcount:
            return None
        row = self._scope.execute(_one(), {"batch": batch_key}).one()
        return ProviderBatch(
            key=row.id,
            run_id=row.run_id,
            model=row.model,
            state=row.state,
            entries=[Entry(account_id=one[0], attempt=one[1], fingerprint=one[2]) for one in row.entries],
            done=row.done,
            submitted_at=row.submitted_at,
            wait_until=row.wait_until,
            reservation=row.reservation,
            provider_id=row.provider_id,
            files=tuple(row.files or ()),
        )

    def looks(self, run_id: str) -> Mapping[str, datetime]:
        """When it is time to look after the open batches of a run, by their keys."""
        found = select(Stored.id, Stored.look_at).where(Stored.run_id == run_id, Stored.state.in_(_OPEN))
        return {row.id: row.look_at for row in self._scope.execute(found)}

    def look_again(self, batch_key: str, at: datetime) -> None:
        self._scope.execute(update(Stored).where(Stored.id == batch_key).values(look_at=at))

    def hurry(self, run_id: str, now: datetime) -> Sequence[str]:
        """Lets the batches of a run that the provider has be looked after at once; answers their keys."""
        those = (Stored.run_id == run_id) & (Stored.state == "waiting")
        keys = list(self._scope.execute(select(Stored.id).where(those)).scalars())
        self._scope.execute(update(Stored).where(those).values(look_at=now))
        return keys

    def asked(self, run_id: str, *, still: bool = False) -> Set[int]:
        """The accounts of a run that were asked about overnight, but where it was cancelled; with `still` those that
        are not over yet."""
        states = _AT_THE_PROVIDER if still else (*_OPEN, "ended")
        found = select(Stored.entries, Stored.done).where(Stored.run_id == run_id, Stored.state.in_(states))
        return {
            entry[0]
            for row in self._scope.execute(found)
            for entry in (row.entries[row.done :] if still else row.entries)
        }

    def note_file(self, batch_key: str, file: str) -> None:
        """What is to be deleted at the provider in the end."""
        self._scope.execute(update(Stored).where(Stored.id == batch_key).values(files=[file]))

    def note_sent(self, batch_key: str, provider_id: str, look_at: datetime) -> bool:
        """That the provider has it; False where that was given up meanwhile."""
        sending = (Stored.id == batch_key) & (Stored.state == "submitting")
        values = {Stored.provider_id: provider_id, Stored.state: "waiting", Stored.look_at: look_at}
        result: Any = self._scope.execute(update(Stored).where(sending).values(values))
        return bool(result.rowcount)

    def advance(self, batch_key: str, done: int, to: int) -> bool:
        """That the lines up to `to` are over; False where somebody else has said so, for whom nobody waits then."""
        here = (Stored.id == batch_key) & (Stored.done == done) & Stored.state.in_(_AT_THE_PROVIDER)
        result: Any = self._scope.execute(update(Stored).where(here).values(done=to))
        return bool(result.rowcount)

    def end(self, batch_key: str, state: BatchState, files: Sequence[str] = ()) -> None:
        self._scope.execute(update(Stored).where(Stored.id == batch_key).values(state=state, files=list(files)))

    def remove(self, batch_key: str) -> bool:
        """Forgets one that the provider was never asked about; False where it was."""
        unsent = (Stored.id == batch_key) & (Stored.state == "submitting")
        result: Any = self._scope.execute(delete(Stored).where(unsent))
        return bool(result.rowcount)


@cache
def _one() -> AnySelect:
    return select(
        Stored.id,
        Stored.run_id,
        Stored.model,
        Stored.state,
        Stored.entries,
        Stored.done,
        Stored.submitted_at,
        Stored.wait_until,
        Stored.reservation,
        Stored.provider_id,
        Stored.files,
    ).where(Stored.id == bindparam("batch"))
