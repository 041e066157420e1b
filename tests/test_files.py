"""Files appear whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import (
    atomic_path,
    case_name,
    make_folder,
    nifti_files,
    remove_temporaries,
    sha256,
    write_json,
    write_text,
)


@pytest.mark.parametrize(
    ("name", "case"),
    [("a/s.1.T1.nii.gz", "s.1.T1"), ("s.nii", "s"), ("S.NII.GZ", "S"), ("t.tsv", "t"), ("plain", "plain")],
)
def test_case_names(name: str, case: str) -> None:
    assert case_name(name) == case


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.nii.gz", "old")

    def fail_half_way() -> None:
        with atomic_path(path) as temporary:
            assert temporary.name.endswith(".nii.gz")
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nii.gz"]


def test_json_never_holds_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"dice": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_one_case_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.nii").touch()
    (tmp_path / ".hidden.nii").touch()
    (tmp_path / "a.nii.gz").touch()
    assert list(nifti_files(tmp_path)) == ["a", "b"]
    (tmp_path / "a.nii").touch()
    with pytest.raises(InputError, match="'a' occurs twice"):
        nifti_files(tmp_path)


def test_folders_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        make_folder(tmp_path / "file" / "below")
    with pytest.raises(InputError, match="is not a folder"):
        nifti_files(tmp_path / "absent")


def test_checksum(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100)
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc" * 100).hexdigest()
    with pytest.raises(InputError, match="absent"):
        sha256(tmp_path / "absent")


def test_only_half_written_files_are_removed(tmp_path: Path) -> None:
    kept = {".my-settings.json", ".a.tmp", "a.tmp-12345678.nii.gz", ".profile"}
    for name in kept:
        (tmp_path / name).touch()
    for target in ("sub-1.x.nii.gz", "b.tsv", "plain"):
        with atomic_path(tmp_path / target) as temporary:
            (tmp_path / "left").write_text(temporary.name)
        (tmp_path / (tmp_path / "left").read_text()).touch()
    remove_temporaries(tmp_path, {"b", "plain"})
    assert [path.name[:11] for path in tmp_path.glob(".*.tmp-*")] == [".sub-1.x.tm"]
    remove_temporaries(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept | {"sub-1.x.nii.gz", "b.tsv", "plain", "left"}
    remove_temporaries(tmp_path / "absent")
