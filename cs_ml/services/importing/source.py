"""Opens the files of a bundle, from a folder or a zip of one, with limits that a hostile file cannot pass.

Nothing is unpacked: members of a zip are read where they are.
"""

import codecs
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from cs_ml.domain.bundle import FILES, MAX_BUNDLE_BYTES, MAX_LINE_BYTES
from cs_ml.services.importing.faults import Faults, shortened

_BUFFER = 1 << 18
_MAX_RATIO = 200  # unpacked to packed size; text rarely passes 20, a bomb has 1,000
_RATIO_FREE_BYTES = 1 << 20  # a small file may be as repetitive as it likes
Open = Callable[[], IO[bytes]]
# What a damaged file or zip raises while it is read.
# From zipfile, RuntimeError is an encrypted file, NotImplementedError an unknown packing, UnicodeDecodeError a name.
READ_ERRORS = (
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    UnicodeDecodeError,
    zipfile.BadZipFile,
    zlib.error,
)


class UnreadableError(Exception):
    """A limit was passed on `line`; the message says what was expected."""

    def __init__(self, expected: str, line: int) -> None:
        super().__init__(expected)
        self.line = line


class CheckedStream(io.RawIOBase):
    """The bytes of one file, watched block by block.

    `dirty`: a NUL or something that is no UTF-8 was seen, so that cells must be looked at one by one.
    `taken`: the bytes that were read so far.
    Raises UnreadableError for a line beyond MAX_LINE_BYTES.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__()
        self._raw = raw
        self._line_bytes = 0
        self._breaks = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.dirty = False
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._raw.read(len(buffer))
        buffer[: len(block)] = block
        self.taken += len(block)
        self._watch(block)
        return len(block)

    def _watch(self, block: bytes) -> None:
        last = max(block.rfind(b"\n"), block.rfind(b"\r"))
        self._line_bytes = self._line_bytes + len(block) if last < 0 else len(block) - last
        self._breaks += block.count(b"\n")
        if self._line_bytes > MAX_LINE_BYTES:
            raise UnreadableError(f"lines of at most {MAX_LINE_BYTES:,} bytes", self._breaks + 1)
        if self.dirty:
            return
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            self.dirty = True
        self.dirty = self.dirty or b"\0" in block


@contextmanager
def open_text(opened: IO[bytes]) -> Iterator[tuple[CheckedStream, io.TextIOWrapper]]:
    """The watched bytes of one file and the text over them; wrong bytes become lone surrogates."""
    with opened as raw:
        checked = CheckedStream(raw)
        buffered = io.BufferedReader(checked, _BUFFER)
        with io.TextIOWrapper(buffered, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            yield checked, text


def find_files(path: Path, stack: ExitStack, faults: Faults, warnings: list[str]) -> Mapping[str, Open]:
    """The known files of the bundle: name -> what opens it. Others are warned of; `stack` closes the zip.

    Faults of the bundle itself are collected.
    """
    try:
        if path.is_dir():
            found = _folder(path, faults)
        elif path.is_file() and zipfile.is_zipfile(path):
            found = _members(stack.enter_context(zipfile.ZipFile(path)), path.name, faults)
        else:
            faults.add(path.name, "a folder or a .zip file that exists")
            return {}
    except READ_ERRORS as error:
        faults.add(path.name, f"a folder or a .zip file that can be read ({type(error).__name__})")
        return {}
    warnings += [f"{shortened(name)} is no file of a bundle and was ignored." for name in sorted(found.keys() - FILES)]
    return {name: found[name] for name in FILES if name in found}


def _folder(path: Path, faults: Faults) -> dict[str, Open]:
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    for entry in entries:
        if entry.name in FILES and not entry.is_file():
            faults.add(entry.name, "a file")
    files = {entry.name: entry for entry in entries if entry.is_file() or entry.name not in FILES}
    _check_size(path.name, sum(entry.stat().st_size for name, entry in files.items() if name in FILES), faults)
    return {name: partial(_open_file, entry) for name, entry in files.items()}


def _open_file(path: Path) -> IO[bytes]:
    return path.open("rb")


def _members(archive: zipfile.ZipFile, name: str, faults: Faults) -> dict[str, Open]:
    """The files of a zip, at its root or in its one folder."""
    infos = [info for info in archive.infolist() if not info.is_dir() and not _hidden(info.filename)]
    paths = [PurePosixPath(info.filename) for info in infos]
    for path in paths:
        if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in str(path) or ":" in path.parts[0]:
            faults.add(name, "paths inside the zip that stay inside it", value=str(path))
    if len({path.parts[:-1] for path in paths}) > 1 or any(len(path.parts) > 2 for path in paths):
        faults.add(name, "all files at the root of the zip or in one folder")
    for path in (path for path, times in Counter(paths).items() if times > 1):
        faults.add(name, "each file once", value=str(path))
    for info, path in zip(infos, paths, strict=True):
        if info.file_size > max(_RATIO_FREE_BYTES, info.compress_size * _MAX_RATIO):
            faults.add(path.name, f"a file that unpacks to at most {_MAX_RATIO} times its packed size")
    _check_size(name, sum(info.file_size for info in infos), faults)
    if faults.total:
        return {}
    return {path.name: partial(archive.open, info) for info, path in zip(infos, paths, strict=True)}


def _hidden(name: str) -> bool:
    """What systems leave in a zip: `.DS_Store`, `__MACOSX/...`."""
    return any(part.startswith((".", "__MACOSX")) and not part.startswith("..") for part in PurePosixPath(name).parts)


def _check_size(name: str, size: int, faults: Faults) -> None:
    if size > MAX_BUNDLE_BYTES:
        faults.add(name, f"at most {MAX_BUNDLE_BYTES:,} bytes in all, unpacked", value=f"{size:,} bytes")
