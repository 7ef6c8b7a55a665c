"""Checked blocks wait here, out of memory, until all files are known to be right."""

import marshal
from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import Any

_IN_MEMORY = 16 * 1024**2  # bytes; a larger bundle goes to an unnamed temporary file

Columns = list[list[Any]]


class Spool:
    """Blocks by file name, in the order they came. `stack` removes the temporary file."""

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
