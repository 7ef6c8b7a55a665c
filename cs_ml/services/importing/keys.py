"""The natural keys of rows: no two rows of a file may have the same."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from cs_ml.domain.bundle import File
from cs_ml.services.importing.faults import Faults
from cs_ml.services.importing.reading import Block

Key = tuple[Any, ...]


class Keys:
    """The keys of one file, block after block."""

    def __init__(self, file: File, faults: Faults) -> None:
        self._file, self._faults = file, faults
        self._key = [file.positions[name] for name in file.key]
        self._else = [file.positions[name] for name in file.else_key]
        self._seen: set[Key] = set()

    def check(self, block: Block) -> None:
        """A fault for each row whose key an earlier row has."""
        keys, lines = self._keys(block), block.lines
        if self._file.repeatable:
            named = [(key, line) for key, line in zip(keys, lines, strict=True) if key[-1] is not None]
            keys, lines = [key for key, _ in named], [line for _, line in named]
        if len(set(keys)) == len(keys) and self._seen.isdisjoint(keys):
            self._seen.update(keys)
            return
        for key, line in zip(keys, lines, strict=True):
            if key in self._seen:
                self._fault(key, line)
            self._seen.add(key)

    def has(self, key: Key) -> bool:
        return key in self._seen

    def _fault(self, key: Key, line: int) -> None:
        names = self._file.key if len(key) == len(self._file.key) else self._file.else_key
        shown = [
            str(part).removesuffix(" 00:00:00.000") for part in (key[1:] if len(key) > 1 else key) if part is not None
        ]
        self._faults.add(
            self._file.name,
            f"no earlier row with the same {' and '.join(names)}",
            line=line,
            column=names[-1],
            value=", ".join(shown) or None,
        )

    def _keys(self, block: Block) -> list[Key]:
        keys = list(zip(*(block.columns[i] for i in self._key), strict=True))
        if not self._else:
            return keys
        others = zip(*(block.columns[i] for i in self._else), strict=True)
        return [key if key[-1] is not None else other for key, other in zip(keys, others, strict=True)]


class RowNames:
    """Names rows without a reference by all their values and an ordinal, so that identical rows are kept apart."""

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}

    def names(self, texts: Iterator[str]) -> list[str]:
        """`texts`: all values of each row, NUL between them (no value holds one)."""
        counts = self._counts
        digests = [blake2b(text.encode(), digest_size=16).digest() for text in texts]
        if len(set(digests)) == len(digests) and counts.keys().isdisjoint(digests):
            counts.update(dict.fromkeys(digests, 1))
            return [f"row-{digest.hex()}-1" for digest in digests]
        names = []
        for digest in digests:
            counts[digest] = ordinal = counts.get(digest, 0) + 1
            names.append(f"row-{digest.hex()}-{ordinal}")
        return names


def digest_name(*parts: str | None) -> str:
    """A short name for a composite key; unknown parts differ from empty ones."""
    text = "\0".join("-" if part is None else f"+{part}" for part in parts)
    return blake2b(text.encode(), digest_size=16).hexdigest()
