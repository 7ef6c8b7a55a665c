"""What is wrong with a bundle: every fault is counted, the first ones are kept to be shown."""

from dataclasses import dataclass, field

from cs_ml.domain.bundle import MAX_FAULTS_SHOWN
from cs_ml.domain.errors import Invalid

_SHOWN = 40  # characters of a value


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """`line` is the physical line of the file (1 is the header); None where the fault is the file itself."""

    file: str
    line: int | None
    column: str | None
    value: str | None
    expected: str

    def __str__(self) -> str:
        place = f", line {self.line}" if self.line else ""
        column = f", {self.column}" if self.column else ""
        found = f", found `{self.value}`" if self.value is not None else ""
        return f"{self.file}{place}{column}: expected {self.expected}{found}"


@dataclass(slots=True)
class Faults:
    """Collects: `total` counts all, `shown` holds the first MAX_FAULTS_SHOWN."""

    shown: list[Fault] = field(default_factory=list)
    total: int = 0

    def add(
        self, file: str, expected: str, *, line: int | None = None, column: str | None = None, value: str | None = None
    ) -> None:
        self.total += 1
        if len(self.shown) < MAX_FAULTS_SHOWN:
            short = None if value is None else shortened(value)
            self.shown.append(Fault(file=file, line=line, column=column, value=short, expected=expected))

    def raise_any(self) -> None:
        """Raises InvalidBundle if there is a fault."""
        if self.total:
            raise InvalidBundle(self)


class InvalidBundle(Invalid):
    """Nothing was imported. `fields` names each shown fault by file, line and column."""

    def __init__(self, faults: Faults) -> None:
        count = f"{faults.total:,} {'error' if faults.total == 1 else 'errors'}"
        first = f" (the first {len(faults.shown):,} are shown)" if faults.total > len(faults.shown) else ""
        super().__init__(
            f"The bundle has {count}{first}; nothing was imported.",
            fields={str(fault).partition(": ")[0]: str(fault).partition(": ")[2] for fault in faults.shown},
        )
        self.faults = tuple(faults.shown)
        self.total = faults.total


def shortened(value: str) -> str:
    """The beginning of a value, safe to print: what is no printable character is escaped."""
    text = value[:_SHOWN] + ("…" if len(value) > _SHOWN else "")
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
