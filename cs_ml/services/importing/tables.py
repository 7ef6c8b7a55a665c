"""Writes rows under their natural keys: new ones are added, changed ones updated, equal ones left alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

from cs_ml.store.bulk.importing import ImportStore
from cs_ml.store.tables import TenantOwned

_DIGEST_BITS = 64
_DIGEST = (1 << _DIGEST_BITS) - 1

Key = tuple[Any, ...]
ColumnLists = Mapping[str, Sequence[Any]]


@dataclass(slots=True)
class Tally:
    """Rows of one file by what became of them."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(slots=True)
class Run:
    """What the parts of one import share. `now` and `data_date` are stored text.

    `wrote`: whether anything differs from what was stored; `earliest`: the first date at which something does.
    """

    store: ImportStore
    now: str
    data_date: str
    dry_run: bool
    wrote: bool = False
    earliest: str | None = None
    tallies: dict[str, Tally] = field(default_factory=dict)

    def tally(self, file: str) -> Tally:
        return self.tallies.setdefault(file, Tally())

    def note(self, dates: Sequence[str | None]) -> None:
        """Something was written that holds from each of `dates` on."""
        if dates:
            self.wrote = True
            first = min(filter(None, dates), default=None)
            if first and (self.earliest is None or first < self.earliest):
                self.earliest = first


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where rows go. `key` names a row, `values` are compared, `derived` follow from them, `date` tells when.

    `where`: what only the import's own rows have. `reference`: the kind of ExternalRef that names the rows instead of
    columns of their own; `key` is then empty and the column `ref` holds the reference.
    """

    entity: type[TenantOwned]
    key: tuple[str, ...]
    values: tuple[str, ...]
    derived: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    date: str | None = None
    reference: str | None = None


class TableWriter:
    """The rows of one target, block after block; the same key comes once.

    Of each stored row only the id and a digest of its values are held.
    """

    def __init__(self, run: Run, target: Target, tally: Tally) -> None:
        self._run, self._target, self._tally = run, target, tally
        self._gone: set[str] = set()
        self._stored = dict(self._load())

    def write(self, columns: ColumnLists, constants: Mapping[str, Any]) -> None:
        """`columns`: key, values, derived and whatever else a new row gets; `constants` are for new rows too."""
        target = self._target
        keys = self._keys(columns)
        if not self._stored:
            self._insert(columns, constants, len(keys))
            return
        new, changed, ids = [], [], []
        stored, digests = self._stored, map(hash, zip(*(columns[name] for name in target.values), strict=True))
        for position, (key, digest) in enumerate(zip(keys, digests, strict=True)):
            packed = stored.get(key)
            if packed is None:
                new.append(position)
            elif packed & _DIGEST != digest & _DIGEST:
                changed.append(position)
                ids.append(packed >> _DIGEST_BITS)
        self._insert(_pick(columns, new), constants, len(new))
        self._update(_pick(columns, changed), ids)
        self._tally.unchanged += len(keys) - len(new) - len(changed)

    def _keys(self, columns: ColumnLists) -> list[Key]:
        names = ("ref",) if self._target.reference else self._target.key
        return list(zip(*(columns[name] for name in names), strict=True))

    def _load(self) -> Iterator[tuple[Key, int]]:
        target, store = self._target, self._run.store
        if target.reference:
            for refs, (ids, *values) in store.referenced(target.entity, target.reference, ("id", *target.values)):
                rows = zip(refs, ids, map(hash, zip(*values, strict=True)), strict=True)
                for ref, row_id, digest in rows:
                    if row_id is None:
                        self._gone.add(ref)
                    else:
                        yield (ref,), _pack(row_id, digest)
            return
        width = 1 + len(target.key)
        for columns in store.rows(target.entity, ("id", *target.key, *target.values), target.where):
            keys, digests = zip(*columns[1:width], strict=True), map(hash, zip(*columns[width:], strict=True))
            yield from zip(keys, map(_pack, columns[0], digests), strict=True)

    def _insert(self, columns: ColumnLists, constants: Mapping[str, Any], count: int) -> None:
        self._tally.new += count
        self._note(columns, count)
        if not count or self._run.dry_run:
            return
        target, store = self._target, self._run.store
        if target.reference is None:
            store.insert(target.entity, {**columns, **{name: repeat(value) for name, value in constants.items()}})
            return
        refs = columns["ref"]
        store.forget(target.reference, [ref for ref in refs if ref in self._gone])
        filled = {name: [value] * count for name, value in constants.items()}
        rows = {name: values for name, values in columns.items() if name != "ref"}
        store.insert_referenced(target.entity, target.reference, refs, {**rows, **filled})

    def _update(self, columns: ColumnLists, ids: Sequence[int]) -> None:
        self._tally.changed += len(ids)
        self._note(columns, len(ids))
        target, run = self._target, self._run
        if not ids:
            return
        if target.date in target.values:  # the date itself may have moved
            run.note([run.store.earliest(target.entity, target.date, ids)])
        if not run.dry_run:
            names = (*target.values, *target.derived)
            run.store.update(target.entity, {"id": ids, **{name: columns[name] for name in names}})

    def _note(self, columns: ColumnLists, count: int) -> None:
        if count:
            self._run.note(columns[self._target.date] if self._target.date else [None])


def _pick(columns: ColumnLists, positions: Sequence[int]) -> dict[str, list[Any]]:
    return {name: [values[position] for position in positions] for name, values in columns.items()}


def _pack(row_id: int, digest: int) -> int:
    return row_id << _DIGEST_BITS | digest & _DIGEST
