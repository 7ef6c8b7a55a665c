"""Imports a bundle: everything is checked first, then written in one transaction or not at all. Predictions are judged
by the new facts afterwards."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache, partial
from pathlib import Path

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.services.clock import Clock
from cs_ml.services.importing.accounts import AccountWriter, Owners
from cs_ml.services.importing.bundle import CheckedBundle, Progress, read_bundle
from cs_ml.services.importing.events import EventWriter
from cs_ml.services.importing.tables import Run
from cs_ml.services.importing.work import WorkWriter
from cs_ml.services.truth.validation import judge
from cs_ml.store.bulk.importing import ImportStore
from cs_ml.store.bulk.snapshots import SnapshotRepository
from cs_ml.store.bulk.stored_text import instant_text, text_instant
from cs_ml.store.database import Database
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.portfolio import PortfolioRepository
from cs_ml.store.scope import Scope

_SLUG = re.compile("[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_NOBODY = -1  # in a dry run: an owner who would be made


@dataclass(frozen=True, kw_only=True, slots=True)
class FileReport:
    """Rows of one file by what became, or in a dry run would become, of them."""

    name: str
    rows: int
    new: int
    changed: int
    unchanged: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportReport:
    """`data_date`: from when on undated facts count. `warnings` are sentences."""

    dry_run: bool
    data_date: date
    files: tuple[FileReport, ...]
    warnings: tuple[str, ...]


def _quiet(_what: str, _rows: int) -> None:
    """Nobody watches."""


class ImportService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def import_bundle(
        self,
        actor: Actor,
        source: Path,
        *,
        data_date: date | None = None,
        dry_run: bool = False,
        progress: Progress = _quiet,
    ) -> ImportReport:
        """`source` is a folder or a zip of one. `data_date`: default the newest date of the bundle, at most today.

        Importing the same bundle again writes nothing. Raises InvalidBundle with every fault; then nothing was written.
        """
        actor.require(Permission.IMPORT)
        with ExitStack() as stack:
            bundle = read_bundle(source, stack, progress)
            return self._import(bundle, lambda: actor, data_date=data_date, dry_run=dry_run, progress=progress)

    def import_new_tenant(
        self,
        slug: str,
        name: str,
        source: Path,
        *,
        data_date: date | None = None,
        dry_run: bool = False,
        demo: bool = False,
        progress: Progress = _quiet,
    ) -> ImportReport:
        """The same into a tenant that is made once the bundle is known to be right. `slug` must be free.

        `demo`: its customers are made up, and screens say so.
        """
        if not _SLUG.fullmatch(slug) or not name.strip():
            raise Invalid(
                "A tenant needs a name and a slug of lower-case letters, digits, - and _.",
                fields={"tenant": "1 to 63 lower-case letters, digits, - and _"},
            )
        with ExitStack() as stack:
            bundle = read_bundle(source, stack, progress)
            make = _no_tenant if dry_run else partial(self._add_tenant, slug, name, demo=demo)
            return self._import(bundle, make, data_date=data_date, dry_run=dry_run, progress=progress)

    def _add_tenant(self, slug: str, name: str, *, demo: bool) -> Actor:
        with self._database.identity(write=True) as identity:
            return Actor.system(identity.add_tenant(slug, name, self._clock(), demo=demo))

    def _import(
        self,
        bundle: CheckedBundle,
        actor: Callable[[], Actor],
        *,
        data_date: date | None,
        dry_run: bool,
        progress: Progress,
    ) -> ImportReport:
        now = self._clock()
        at = _data_date(bundle, data_date, now)
        bundle.check_undated(at)
        with self._database.read(actor()) if dry_run else self._database.write(actor()) as scope:
            if not dry_run:
                scope.lock_tenant()  # two imports at once would add the same rows twice
            run = Run(store=ImportStore(scope), now=instant_text(now), data_date=at, dry_run=dry_run)
            _write(run, scope, bundle, now, progress)
            report = _report(run, bundle)
            if not dry_run:
                AuditRepository(scope).add([_imported(scope.actor, report, now)])
            tenant_id = scope.actor.tenant_id
        if not dry_run:
            self._judge(tenant_id, now)
        return report

    def _judge(self, tenant_id: str, now: datetime) -> None:
        """What became of predictions, as the new facts tell. In a transaction of its own: what was imported stays."""
        with self._database.write(Actor.system(tenant_id)) as scope:
            judge(scope, now)


def _imported(actor: Actor, report: ImportReport, now: datetime) -> AuditEntry:
    files = {file.name: {"new": file.new, "changed": file.changed} for file in report.files}
    return AuditEntry(
        at=now,
        action="import.done",
        entity_type="tenant",
        entity_id=actor.tenant_id,
        after={"dataDate": report.data_date.isoformat(), "files": files},
    )


def _no_tenant() -> Actor:
    """In a dry run the tenant is not made: to this actor, nothing exists."""
    return Actor.system("")


def _write(run: Run, scope: Scope, bundle: CheckedBundle, now: datetime, progress: Progress) -> None:
    owners = _owners(scope, bundle, now, dry_run=run.dry_run)
    keys = AccountWriter(run, bundle, owners).write()
    EventWriter(run, bundle, keys, progress).write()
    WorkWriter(run, bundle, keys, owners.ids, progress).write()
    if run.wrote and not run.dry_run:
        if run.earliest:
            run.store.drop_references(run.earliest)
        if keys.new:
            PortfolioRepository(scope).add(min(keys.new), max(keys.new), now)
        SnapshotRepository(scope).take(datetime.combine(now.astimezone(UTC), time(), UTC))


def _owners(scope: Scope, bundle: CheckedBundle, now: datetime, *, dry_run: bool) -> Owners:
    identity, tenant_id = scope.identity(), scope.actor.tenant_id
    if not dry_run:
        unassigned = partial(identity.unassigned_owner, tenant_id, now)
        return Owners(ids=identity.ensure_owners(tenant_id, bundle.owners, now), unassigned=cache(unassigned))
    found = {email: identity.find_user(email) for email in bundle.owners}
    ids = {email: person.id if person else _NOBODY for email, person in found.items()}
    return Owners(ids=ids, unassigned=lambda: _NOBODY)


def _data_date(bundle: CheckedBundle, given: date | None, now: datetime) -> str:
    """The start of that day, as stored text."""
    today = now.astimezone(UTC).date()
    newest = text_instant(bundle.newest).date() if bundle.newest else today
    return instant_text(datetime.combine(given or min(newest, today), time(), UTC))


def _report(run: Run, bundle: CheckedBundle) -> ImportReport:
    tallies = ((name, rows, run.tally(name)) for name, rows in bundle.rows.items())
    return ImportReport(
        dry_run=run.dry_run,
        data_date=text_instant(run.data_date).date(),
        files=tuple(
            FileReport(name=name, rows=rows, new=tally.new, changed=tally.changed, unchanged=tally.unchanged)
            for name, rows, tally in tallies
        ),
        warnings=tuple(bundle.warnings),
    )
