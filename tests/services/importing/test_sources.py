"""Folders and zips: what can be opened, and what must not be."""

import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from cs_ml.services.importing import InvalidBundle
from cs_ml.store.database import Database
from cs_ml.store.tables import CRMActivity
from tests.services.importing.bundles import SMALL, counts, dump, load, pack, rows, service, write
from tests.support.factories import add_tenant


def faults(database: Database, source: Path) -> list[str]:
    with pytest.raises(InvalidBundle) as caught:
        service(database).import_new_tenant("acme", "Acme", source)
    assert not dump(database)["Tenant"]
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("folder", ["", "bundle/"])
def test_a_zip_is_read_like_its_folder(database: Database, tmp_path: Path, folder: str) -> None:
    actor = add_tenant(database, "acme")
    packed = pack(tmp_path / "bundle.zip", {**SMALL, "__MACOSX/._accounts.csv": b"\0", ".DS_Store": b"\0"}, folder)
    report = service(database).import_bundle(actor, packed)
    assert not report.warnings
    again = load(database, actor, tmp_path / "folder", SMALL)
    assert {new for new, _, _ in counts(again).values()} == {0}
    assert len(rows(database, CRMActivity, "id")) == 4


@pytest.mark.parametrize("name", ["../accounts.csv", "/etc/accounts.csv", "a/../../accounts.csv", "C:/accounts.csv"])
def test_a_path_that_leaves_the_zip(database: Database, tmp_path: Path, name: str) -> None:
    packed = pack(tmp_path / "bundle.zip", {"accounts.csv": SMALL["accounts.csv"], name: "x"})
    assert "stay inside it" in faults(database, packed)[0]


def test_a_backslash_in_a_zip(database: Database, tmp_path: Path) -> None:
    packed = pack(tmp_path / "bundle.zip", {"accounts.csv": SMALL["accounts.csv"], "..;accounts.csv": "x"})
    packed.write_bytes(packed.read_bytes().replace(b"..;accounts", b"..\\accounts"))
    assert "stay inside it" in faults(database, packed)[0]


def test_files_in_two_folders(database: Database, tmp_path: Path) -> None:
    packed = pack(tmp_path / "bundle.zip", {"a/accounts.csv": SMALL["accounts.csv"], "b/churn.csv": "x"})
    assert "one folder" in faults(database, packed)[0]


def test_a_file_twice(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("accounts.csv", SMALL["accounts.csv"])
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("accounts.csv", SMALL["accounts.csv"])
    assert faults(database, path) == ["bundle.zip: expected each file once, found `accounts.csv`"]


def test_a_bomb(database: Database, tmp_path: Path) -> None:
    bomb = "account_ref,name\n" + "\n" * 50_000_000
    packed = pack(tmp_path / "bundle.zip", {"accounts.csv": bomb})
    assert packed.stat().st_size < 100_000
    assert "200 times its packed size" in faults(database, packed)[0]


def test_a_bomb_that_lies_about_its_size(database: Database, tmp_path: Path) -> None:
    packed = pack(tmp_path / "bundle.zip", {"accounts.csv": SMALL["accounts.csv"] + "\n" * 5_000_000})
    data = packed.read_bytes()
    size = struct.pack("<I", len(SMALL["accounts.csv"]) + 5_000_000)
    assert data.count(size) == 2
    packed.write_bytes(data.replace(size, struct.pack("<I", 500)))
    assert "a file that can be read (BadZipFile)" in faults(database, packed)[0]


def test_a_damaged_zip(database: Database, tmp_path: Path) -> None:
    packed = pack(tmp_path / "bundle.zip", SMALL)
    data = bytearray(packed.read_bytes())
    data[60:70] = b"0123456789"
    packed.write_bytes(data)
    assert any("a file that can be read" in fault for fault in faults(database, packed))


def test_an_encrypted_zip(database: Database, tmp_path: Path) -> None:
    packed = pack(tmp_path / "bundle.zip", {"accounts.csv": SMALL["accounts.csv"]})
    data = bytearray(packed.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    packed.write_bytes(data)
    assert faults(database, packed) == ["accounts.csv: expected a file that can be read (RuntimeError)"]


def test_neither_folder_nor_zip(database: Database, tmp_path: Path) -> None:
    (tmp_path / "text.csv").write_text("account_ref,name\n")
    expected = "expected a folder or a .zip file that exists"
    assert faults(database, tmp_path / "text.csv") == [f"text.csv: {expected}"]
    assert faults(database, tmp_path / "nothing") == [f"nothing: {expected}"]


def test_a_folder_without_accounts(database: Database, tmp_path: Path) -> None:
    source = write(tmp_path / "bundle", {"churn.csv": SMALL["churn.csv"]})
    assert faults(database, source) == ["accounts.csv: expected this file, which every bundle needs"]


def test_something_that_is_no_file(database: Database, tmp_path: Path) -> None:
    source = write(tmp_path / "bundle", {"accounts.csv": SMALL["accounts.csv"]})
    os.mkfifo(source / "churn.csv")
    (source / "ctas.csv").mkdir()
    assert sorted(faults(database, source)) == ["churn.csv: expected a file", "ctas.csv: expected a file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(database: Database, tmp_path: Path) -> None:
    source = write(tmp_path / "bundle", SMALL)
    (source / "churn.csv").chmod(stat.S_IWUSR)
    assert faults(database, source) == ["churn.csv: expected a file that can be read (PermissionError)"]
