"""Import in the browser: files, a dry run with every fault, then all of it or nothing."""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.bundle import FILES
from cs_ml.domain.errors import CsMlError, Invalid
from cs_ml.services.importing import ImportReport, InvalidBundle, write_template
from cs_ml.ui.components import download_name, error_state, plain, table
from cs_ml.ui.runtime import services
from cs_ml.ui.state import Key

MOST_BYTES = 64 * 1024**2  # unpacked, all files; more would keep a browser waiting and take the app's memory


def draw_import(actor: Actor) -> None:
    st.caption(
        "A zip of CSV files, or the files themselves; only accounts.csv is needed. First everything is checked and "
        "counted, and nothing is written; then all of it is imported, or nothing."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Template", _template, "cs-ml-template.zip", "application/zip", key=Key.TEMPLATE, on_click="ignore"
        )
        st.caption("Every file with its headings and one example row.")
    files = st.file_uploader("Files", type=["zip", "csv"], accept_multiple_files=True, key=Key.FILES)
    if not files:
        return
    checked = st.button("Check", key=Key.CHECK, help="Reads the files and writes nothing.")
    if checked:
        _check(actor, files)
    if st.session_state.get(Key.CHECKED) != _digest(files):
        return
    if st.button("Import now", key=Key.IMPORT, type="primary"):
        _import(actor, files)


def _check(actor: Actor, files: Sequence[Any]) -> None:
    st.session_state[Key.CHECKED] = ""
    try:
        with st.spinner("Checking …"), staged(files) as source:
            report = services().importing.import_bundle(actor, source, dry_run=True)
    except CsMlError as error:
        _draw_fault(error)
        return
    st.session_state[Key.CHECKED] = _digest(files)
    st.success("Everything is in order. This is what an import would change:")
    _draw_report(report)


def _import(actor: Actor, files: Sequence[Any]) -> None:
    st.session_state[Key.CHECKED] = ""
    try:
        with st.spinner("Importing …"), staged(files) as source:
            report = services().importing.import_bundle(actor, source)
        with st.spinner("Predicting …"):
            bands = services().batches.predict_missing(actor)
    except CsMlError as error:
        _draw_fault(error)
        return
    risks = ", ".join(f"{band} {number:,}" for band, number in bands.items())
    st.success(f"Imported. Accounts by risk: {risks}.")
    _draw_report(report)


def _draw_report(report: ImportReport) -> None:
    for warning in report.warnings:
        st.warning(plain(warning))
    rows = [
        {"File": file.name, "Rows": file.rows, "New": file.new, "Changed": file.changed, "Unchanged": file.unchanged}
        for file in report.files
    ]
    table(rows, alt="Rows by file", key=Key.IMPORTED)
    st.caption(f"Undated values count from {report.data_date.isoformat()} on.")


def _draw_fault(error: CsMlError) -> None:
    error_state(error)
    if not isinstance(error, InvalidBundle):
        return
    rows = [
        {
            "File": fault.file,
            "Line": fault.line,
            "Column": fault.column,
            "Expected": fault.expected,
            "Found": fault.value,
        }
        for fault in error.faults
    ]
    if error.total > len(rows):
        st.caption(f"The first {len(rows):,} of {error.total:,} are listed.")
    table(
        rows, alt="Errors by file and line", download=download_name("import-errors"), key=Key.FAULTS, wide=("Expected",)
    )


@contextmanager
def staged(files: Sequence[Any]) -> Iterator[Path]:
    """The uploaded files as a bundle on disk, for as long as it is read. Raises Invalid."""
    zips = [file for file in files if file.name.lower().endswith(".zip")]
    if zips and len(files) > 1:
        raise Invalid("Give one zip, or CSV files, not both.", fields={"files": "one zip, or CSV files"})
    with TemporaryDirectory(prefix="cs-ml-import-") as folder:
        _require_small(sum(map(_unpacked, files)))
        if zips:
            source = Path(folder) / "bundle.zip"
            source.write_bytes(zips[0].getbuffer())
        else:
            source = Path(folder) / "bundle"
            source.mkdir()
            for file in files:
                if file.name not in FILES:
                    raise Invalid(f"{plain(file.name)} is no file of a bundle. Known are: {', '.join(FILES)}.")
                (source / file.name).write_bytes(file.getbuffer())
        yield source


def _require_small(size: int) -> None:
    if size > MOST_BYTES:
        most = f"{MOST_BYTES / 1024**2:.0f} MB"
        raise Invalid(f"This is {size / 1024**2:,.0f} MB, unpacked. Above {most}, use `cs-ml import` on the server.")


def _unpacked(file: Any) -> int:
    """Bytes; of a zip as it says itself: one that lies is found when it is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(file.getbuffer())) as archive:
            return sum(info.file_size for info in archive.infolist())
    except zipfile.BadZipFile:  # a CSV file, or one that the import refuses in its own words
        return len(file.getbuffer())


def _digest(files: Sequence[Any]) -> str:
    """So that what is imported is what was checked."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.getbuffer()).digest())
    return digest.hexdigest()


def _template() -> bytes:
    with TemporaryDirectory(prefix="cs-ml-template-") as folder:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in write_template(Path(folder) / "bundle"):
                archive.write(path, path.name)
        return stream.getvalue()
