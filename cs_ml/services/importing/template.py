"""A bundle to start from: every file with its header and one example row, which imports as it is."""

import csv
from pathlib import Path

from cs_ml.domain.bundle import FILES, File
from cs_ml.domain.errors import Invalid

_OWN_FIELDS = {"nps": "42", "support_tier": "gold"}  # examples of the CRM's own fields


def write_template(folder: Path) -> list[Path]:
    """Writes the files into `folder`, made if it is not there. Raises Invalid where one exists or cannot be written."""
    paths = [folder / name for name in FILES]
    existing = [path.name for path in paths if path.exists()]
    if existing:
        raise Invalid(f"{folder} already holds {', '.join(existing)}; nothing was written.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, path in zip(FILES.values(), paths, strict=True):
            _write(file, path)
    except OSError as error:
        raise Invalid(f"{folder} cannot be written: {error.strerror}.") from None
    return paths


def _write(file: File, path: Path) -> None:
    example = {column.name: column.example for column in file.columns} | (_OWN_FIELDS if file.open_columns else {})
    with path.open("x", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows((example.keys(), example.values()))
