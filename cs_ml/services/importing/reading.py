"""One CSV file -> blocks of checked columns; every fault is collected with its physical line.

Blocks are converted column by column. Only a block in which something is wrong is looked at row by row, to say what.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cs_ml.domain.bundle import ACCOUNTS, MAX_COLUMNS, MAX_NAME, Column, File
from cs_ml.services.importing.faults import Faults, shortened
from cs_ml.services.importing.source import READ_ERRORS, CheckedStream, Open, UnreadableError, open_text
from cs_ml.services.importing.values import Converter, converter

_ROWS = 4096  # of one block
_BYTES = 4 * 1024**2  # of one block, about: rows may be a megabyte long
_BREAK = re.compile(r"\r\n|\r|\n")
_NO_TEXT = re.compile("[\0\udc80-\udcff]")

Rows = list[list[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Rows that are right by themselves: `lines[i]` is where row i begins, `columns` are in the order of the format
    (stored values), followed by the file's own columns where it may have any."""

    lines: Sequence[int]
    columns: list[list[Any]]


class FileReader:
    """Reads one file of a bundle. Once its blocks are read: `own_columns` names the columns beyond the format,
    `has_header` tells whether its rows could be read, `rejected` holds the references of wrong rows of accounts.csv.
    """

    def __init__(self, file: File, faults: Faults, warnings: list[str], accounts: Mapping[str, int] | None) -> None:
        self._file, self._faults, self._warnings = file, faults, warnings
        self._accounts = accounts
        self._width = 0
        self._header: list[str] = []
        self._used: list[tuple[Column, Converter, int | None]] = []
        self.own_columns: tuple[str, ...] = ()
        self.has_header = False
        self.rejected: set[str] = set()

    def blocks(self, opened: Open) -> Iterator[Block]:
        """Stops at what cannot be read further. Never raises for what stands in the file."""
        try:
            with open_text(opened()) as (stream, text):
                reader = csv.reader(text, strict=True)
                self.has_header = self._take_header(reader, stream)
                if self.has_header:
                    for rows, lines in self._batches(reader, stream):
                        block = self._block(rows, lines, dirty=stream.dirty)
                        if block.lines:
                            yield block
        except UnreadableError as error:
            self._fault(str(error), line=error.line)
        except READ_ERRORS as error:
            self._fault(f"a file that can be read ({type(error).__name__})")

    def _fault(
        self, expected: str, *, line: int | None = None, column: str | None = None, value: str | None = None
    ) -> None:
        self._faults.add(self._file.name, expected, line=line, column=column, value=value)

    def _take_header(self, reader: Any, stream: CheckedStream) -> bool:
        try:
            header: list[str] = next(reader, [])
        except csv.Error as error:
            self._fault(_csv_expected(error), line=1)
            return False
        self._header, self._width = header, len(header)
        before = self._faults.total
        if stream.dirty and any(map(_NO_TEXT.search, header)):
            self._fault("a header in UTF-8, without NUL", line=1)
        elif not any(header):
            self._fault("a header row that names the columns", line=1)
        elif self._width > MAX_COLUMNS:
            self._fault(f"at most {MAX_COLUMNS} columns", line=1, value=f"{self._width:,} columns")
        else:
            self._check_names()
        return self._faults.total == before

    def _check_names(self) -> None:
        file, header = self._file, self._header
        for name in {name for name in header if header.count(name) > 1}:
            self._fault("each column once", line=1, column=shortened(name), value=f"{header.count(name)} times")
        for column in file.columns:
            if column.required and column.name not in header:
                self._fault("this required column in the header", line=1, column=column.name)
        own = [name for name in header if name not in file.positions]
        if file.open_columns:
            for name in own:
                if not 0 < len(name) <= MAX_NAME:
                    self._fault(f"column names of 1 to {MAX_NAME} characters", line=1, value=name)
            self.own_columns = tuple(own)
        else:
            self._warnings += [
                f"{file.name}: the column `{shortened(name)}` is not known and was ignored." for name in own
            ]
        self._used = [
            (column, converter(column, self._accounts), header.index(column.name) if column.name in header else None)
            for column in (*file.columns, *(Column(name=name) for name in self.own_columns))
        ]

    def _batches(self, reader: Any, stream: CheckedStream) -> Iterator[tuple[Rows, Sequence[int]]]:
        """Rows with the physical lines on which they begin; a row that breaks the rules of quoting is a fault."""
        end, more = reader.line_num, True
        while more:
            rows: Rows = []
            more, until = False, stream.taken + _BYTES
            try:
                for row in reader:
                    rows.append(row)
                    if len(rows) == _ROWS or stream.taken > until:
                        more = True
                        break
            except csv.Error as error:
                more = True
                lines = _starts(rows, end, None)
                self._fault(_csv_expected(error), line=_after(rows, lines, end))
            else:
                lines = _starts(rows, end, reader.line_num)
            end = reader.line_num
            yield rows, lines

    def _block(self, rows: Rows, lines: Sequence[int], *, dirty: bool) -> Block:
        if not dirty:
            try:
                return Block(lines=lines, columns=self._columns(rows))
            except ValueError:
                pass
        good = []
        for row, line in zip(rows, lines, strict=True):
            if self._is_good(row, line, dirty=dirty):
                good.append((row, line))
            elif self._file.name == ACCOUNTS:
                self.rejected.update(row[: self._width])  # a fault here is no reason for one more in other files
        return Block(lines=[line for _, line in good], columns=self._columns([row for row, _ in good]))

    def _columns(self, rows: Rows) -> list[list[Any]]:
        """Raises ValueError where any row is wrong."""
        if rows and set(map(len, rows)) != {self._width}:
            raise ValueError
        cells = list(zip(*rows, strict=True)) or [()] * self._width
        return [
            [None] * len(rows) if position is None else used.convert(cells[position])
            for _, used, position in self._used
        ]

    def _is_good(self, row: list[str], line: int, *, dirty: bool) -> bool:
        """False, with a fault for each wrong cell, or for a row of another length. An empty line is no row."""
        if not row:
            return False
        if len(row) != self._width:
            self._fault(f"{self._width} values, as many as the header", line=line, value=f"{len(row):,} values")
            return False
        good = True
        if dirty:
            for name, cell in zip(self._header, row, strict=True):
                if _NO_TEXT.search(cell):
                    expected = "text without NUL characters" if "\0" in cell else "text in UTF-8"
                    self._fault(expected, line=line, column=name, value=cell)
                    good = False
        return good and self._cells_are_good(row, line)

    def _cells_are_good(self, row: list[str], line: int) -> bool:
        good = True
        for column, used, position in self._used:
            if position is None:
                continue
            try:
                used.check(row[position])
            except ValueError:
                missing = column.required and not row[position]
                expected = "a value (the column is required)" if missing else column.expected
                self._fault(expected, line=line, column=column.name, value=None if missing else row[position])
                good = False
        return good


def _starts(rows: Rows, end: int, now: int | None) -> Sequence[int]:
    """The physical lines on which `rows` begin, after line `end`; `now`: the last line that they took, if known."""
    if now is not None and now - end == len(rows):
        return range(end + 1, now + 1)
    starts, line = [], end + 1
    for row in rows:
        starts.append(line)
        line += _height(row)
    return starts


def _after(rows: Rows, lines: Sequence[int], end: int) -> int:
    return lines[-1] + _height(rows[-1]) if rows else end + 1


def _height(row: list[str]) -> int:
    return 1 + sum(len(_BREAK.findall(cell)) for cell in row)


def _csv_expected(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end" in text:
        return "a closing quote"
    if "field larger" in text:
        return f"values of at most {csv.field_size_limit():,} characters (is a quote left open?)"
    return "a comma or the end of the line after a closing quote"
