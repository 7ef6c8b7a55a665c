"""Reads and checks a whole bundle before anything is written."""

import marshal
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

from cs_ml.domain.bundle import (
    ACCOUNTS,
    ACTIVITIES,
    CHURN,
    CTAS,
    CUSTOM,
    FILES,
    HEALTH,
    MAX_ACCOUNTS,
    OPPORTUNITIES,
    File,
)
from cs_ml.services.importing.activities import ActivityShaper
from cs_ml.services.importing.faults import Faults
from cs_ml.services.importing.keys import Keys
from cs_ml.services.importing.reading import Block, FileReader
from cs_ml.services.importing.source import Open, find_files

# A custom field is a number only where nothing is lost by it: `007`, `-0`, `1e5` and 17 digits stay text. What programs
# write for a figure close to nothing, `-0.0` and `1e-05`, is no code of anything and does not make a column text.
_PLAIN_NUMBER = re.compile(r"(?!-0$)-?(?=[\d.]{1,16}(?:$|[eE]))(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE]-\d{1,2})?", re.ASCII)

_NEVER = "9999"
_IN_MEMORY = 16 * 1024**2  # bytes; a larger bundle goes to an unnamed temporary file

Columns = list[list[Any]]
Progress = Callable[[str, int], None]  # what is going on, rows done


class Spool:
    """Checked blocks by file name, out of memory until all files are known to be right. `stack` removes them."""

    def __init__(self, stack: ExitStack) -> None:
        self._store = stack.enter_context(SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115  the stack closes it
        self._end = 0
        self._places: dict[str, list[tuple[int, int]]] = {}

    def put(self, name: str, columns: Columns) -> None:
        """`columns` hold None, bool, int, float and str only."""
        data = marshal.dumps(columns)
        self._store.seek(self._end)
        self._store.write(data)
        self._places.setdefault(name, []).append((self._end, len(data)))
        self._end += len(data)

    def blocks(self, name: str) -> Iterator[Columns]:
        for start, length in self._places.get(name, ()):
            self._store.seek(start)
            yield marshal.loads(self._store.read(length))  # noqa: S302  what this process wrote a moment ago


@dataclass(slots=True)
class CheckedBundle:
    """A bundle without faults. Accounts are named by their position in accounts.csv; instants are stored text.

    `accounts`: column name -> values. `newest`: the newest date of any row. `first_seen`: the first dated row of each
    account without a start date. `newest_health`: (date, overall, engagement). `custom_fields`: name -> whether all its
    values are numbers. `fractions`: probabilities are 0..1 in this bundle.
    """

    spool: Spool
    accounts: dict[str, list[Any]] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    newest: str | None = None
    first_seen: dict[int, str] = field(default_factory=dict)
    newest_health: dict[int, tuple[str, int, int | None]] = field(default_factory=dict)
    churned: set[int] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)
    custom_fields: dict[str, bool] = field(default_factory=dict)
    undated: dict[int, int] = field(default_factory=dict)
    custom_keys: Keys | None = None
    fractions: bool = True

    def check_undated(self, data_date: str) -> None:
        """Custom fields without a date are of the data date: raises InvalidBundle where it has a row of its own."""
        faults = Faults()
        for position, line in self.undated.items():
            if self.custom_keys and self.custom_keys.has((position, data_date)):
                expected = "no second row for the data date, on which a row without as_of counts"
                faults.add(CUSTOM, expected, line=line, column="as_of", value=data_date[:10])
        faults.raise_any()


def read_bundle(path: Path, stack: ExitStack, progress: Progress) -> CheckedBundle:
    """Checks all files. Raises InvalidBundle with every fault of every file. `stack` frees what the bundle holds."""
    faults = Faults()
    checked = CheckedBundle(spool=Spool(stack))
    found = find_files(path, stack, faults, checked.warnings)
    if ACCOUNTS not in found and not faults.total:
        faults.add(ACCOUNTS, "this file, which every bundle needs")
    reader = _BundleReader(checked, faults, progress)
    for name, opened in found.items():
        reader.read(FILES[name], opened)
    faults.raise_any()
    return checked


class _BundleReader:
    def __init__(self, checked: CheckedBundle, faults: Faults, progress: Progress) -> None:
        self._bundle, self._faults, self._progress = checked, faults, progress
        self._known: Mapping[str, int] | None = None
        self._without_start: set[int] = set()
        self._shaper = ActivityShaper()
        self._notes = {
            HEALTH: self._note_health,
            CHURN: lambda columns: checked.churned.update(columns["account_ref"]),
            CTAS: lambda columns: checked.owners.update(filter(None, columns["owner_email"])),
            OPPORTUNITIES: self._note_probabilities,
        }

    def read(self, file: File, opened: Open) -> None:
        checked, rows = self._bundle, 0
        reader = FileReader(file, self._faults, checked.warnings, self._known)
        keys = Keys(file, self._faults)
        for block in reader.blocks(opened):
            keys.check(block)
            self._take(file, block, reader.own_columns)
            rows += len(block.lines)
            if file.name == ACCOUNTS and rows > MAX_ACCOUNTS:
                self._faults.add(file.name, f"at most {MAX_ACCOUNTS:,} accounts", line=block.lines[-1])
                break
            self._progress(f"reading {file.name}", rows)
        checked.rows[file.name] = rows
        if file.name == ACCOUNTS:
            self._finish_accounts(reader)
        elif file.name == CUSTOM and checked.undated:
            checked.custom_keys = keys

    def _finish_accounts(self, reader: FileReader) -> None:
        refs = self._bundle.accounts.get("account_ref", [])
        self._bundle.positions = {ref: position for position, ref in enumerate(refs)}
        if reader.has_header:
            self._known = dict.fromkeys(reader.rejected, -1) | self._bundle.positions

    def _take(self, file: File, block: Block, own_columns: Sequence[str]) -> None:
        """Keeps what must be known before the first row is written, and puts the rest aside."""
        columns = dict(zip((column.name for column in file.columns), block.columns, strict=False))
        if file.name == ACCOUNTS:
            self._take_accounts(columns)
        if self._faults.total:
            return
        if file.date:
            self._note_dates(columns["account_ref"], columns[file.date], accounts_file=file.name == ACCOUNTS)
        note = self._notes.get(file.name)
        if note:
            note(columns)
        shaped = block.columns
        if file.name == CUSTOM:
            self._note_custom(block, own_columns)
        elif file.name == ACTIVITIES:
            shaped = self._shaper.shape(columns, self._bundle.accounts["account_ref"])
        if file.name != ACCOUNTS:
            self._bundle.spool.put(file.name, shaped)

    def _take_accounts(self, columns: Mapping[str, list[Any]]) -> None:
        start = len(self._bundle.accounts.get("account_ref", ()))
        for name, values in columns.items():
            self._bundle.accounts.setdefault(name, []).extend(values)
        self._bundle.owners.update(filter(None, columns["owner_email"]))
        self._without_start.update(
            position for position, date in enumerate(columns["start_date"], start=start) if date is None
        )

    def _note_dates(self, accounts: Sequence[Any], dates: Sequence[str | None], *, accounts_file: bool) -> None:
        newest = max(filter(None, dates), default=None)
        if newest and (self._bundle.newest is None or newest > self._bundle.newest):
            self._bundle.newest = newest
        if not self._without_start or accounts_file:
            return
        first = self._bundle.first_seen
        for position, date in zip(accounts, dates, strict=True):
            if date and position in self._without_start and date < first.get(position, _NEVER):
                first[position] = date

    def _note_health(self, columns: Mapping[str, list[Any]]) -> None:
        newest = self._bundle.newest_health
        names = ("account_ref", "date", "overall_score", "engagement_score")
        for position, date, overall, engagement in zip(*(columns[name] for name in names), strict=True):
            known = newest.get(position)
            if known is None or date > known[0]:
                newest[position] = (date, overall, engagement)

    def _note_probabilities(self, columns: Mapping[str, list[Any]]) -> None:
        self._bundle.fractions &= max(filter(None, columns["probability"]), default=0) <= 1

    def _note_custom(self, block: Block, names: Sequence[str]) -> None:
        fixed = len(block.columns) - len(names)
        for name, values in zip(names, block.columns[fixed:], strict=True):
            plain = all(map(_PLAIN_NUMBER.fullmatch, filter(None, values)))
            self._bundle.custom_fields[name] = self._bundle.custom_fields.get(name, True) and plain
        accounts, dates = block.columns[0], block.columns[1]
        rows = zip(accounts, dates, block.lines, strict=True)
        self._bundle.undated.update({position: line for position, date, line in rows if date is None})
