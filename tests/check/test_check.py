"""A clean cohort raises no alarm; every planted fault is found, at its own subject."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.check.__main__ import main
from yucca_wm.check.cohort import Report, check_cohort
from yucca_wm.check.findings import COHORT, Level
from yucca_wm.check.scan import Findings, _check_grids
from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image

from .cohort_files import AFFINE, SHAPE, Files, edit


def fill(value: float, dtype: type = np.float32) -> Callable[[Any], Any]:
    def change(data: Any) -> Any:
        data = data.astype(dtype)
        data[10:12, 10:12, 10:12] = value
        return data

    return change


def shifted(by_mm: float) -> Any:
    affine = AFFINE.copy()
    affine[1, 3] += by_mm
    return affine


def set_forms(path: Path, sform_code: int, qform_code: int, qform: Any = AFFINE) -> None:
    image = nib.load(path)
    made = nib.Nifti1Image(np.asarray(image.dataobj), None)
    made.set_sform(AFFINE, sform_code)
    made.set_qform(qform, qform_code)
    nib.save(made, path)


def in_metres(path: Path) -> None:
    """Says metres, holds millimetres."""
    image = nib.load(path)
    image.header.set_xyzt_units("meter")
    nib.save(image, path)


def set_pixdim(path: Path, mm: tuple[float, float, float]) -> None:
    """Beside an sform, without a qform."""
    image = nib.load(path)
    made = nib.Nifti1Image(np.asarray(image.dataobj), None)
    made.header["srow_x"], made.header["srow_y"], made.header["srow_z"] = AFFINE[:3]
    made.header["sform_code"], made.header["pixdim"][1:4] = 1, mm
    path.write_bytes(gzip.compress(made.to_bytes()))


def all_images(files: Files, affine: Any) -> None:
    for path in (files.t1, files.flair, files.wm, files.lesions, files.regions):
        edit(path, lambda data: data, affine)


def rename(files: Files, name: str) -> None:
    files.folder.rename(files.folder.with_name(name))


def copy_of(files: Files, other: int, *columns: str) -> None:
    for column in columns:
        shutil.copyfile(getattr(Files(files.root, other), column), getattr(files, column))


ERROR, WARNING, NOTE = Level

FAULTS: list[tuple[Callable[[Files], None], Level, str]] = [
    (lambda f: f.t1.unlink(), WARNING, "has no T1"),
    (lambda f: f.flair.unlink(), WARNING, "has no FLAIR"),
    (lambda f: f.lesions.unlink(), NOTE, "has no lesion mask"),
    (lambda f: (f.wm.unlink(), f.regions.unlink()), NOTE, "neither a white-matter segmentation nor regions"),
    (lambda f: f.regions.unlink(), NOTE, "has no region map yet"),
    (lambda f: f.t1.write_bytes(f.t1.read_bytes()[:5000]), ERROR, "damaged or cut short"),
    (lambda f: f.flair.write_bytes(b"no image"), ERROR, "not a readable NIfTI"),
    (lambda f: edit(f.t1, lambda d: np.stack([d, d], -1)), ERROR, "a 3D image is needed"),
    (lambda f: edit(f.flair, fill(np.nan)), ERROR, "NaN or infinite"),
    (lambda f: edit(f.t1, fill(-np.inf)), ERROR, "NaN or infinite"),
    (lambda f: edit(f.t1, lambda d: d[:-2]), NOTE, "T1 and FLAIR are on different grids"),
    (lambda f: edit(f.flair, lambda d: d, shifted(3)), NOTE, "on different grids"),
    (lambda f: edit(f.lesions, lambda d: d, shifted(-4)), ERROR, "4 mm away"),
    (lambda f: edit(f.wm, lambda d: d, shifted(2)), ERROR, "2 mm away"),
    (lambda f: set_forms(f.t1, 1, 1, shifted(7)), ERROR, "has an sform and a qform"),
    (lambda f: set_forms(f.t1, 0, 0), ERROR, "has no orientation"),
    (lambda f: edit(f.lesions, fill(7, np.uint8)), ERROR, "not in the table: 7"),
    (lambda f: edit(f.lesions, fill(0.4)), ERROR, "not whole numbers"),
    (lambda f: edit(f.regions, fill(60, np.uint8)), ERROR, "not in the table: 60"),
    (lambda f: edit(f.wm, lambda d: d * 0), ERROR, "holds no white matter"),
    (lambda f: edit(f.wm, lambda d: d * 44), ERROR, "one side is missing"),
    (lambda f: edit(f.wm, lambda d: d * (44 + (np.indices(SHAPE)[0] < 18)).astype(np.uint8)), ERROR, "left and right"),
    (lambda f: edit(f.t1, lambda d: d * 0 + 5), ERROR, "holds the value 5.0 only"),
    (lambda f: rename(f, "a b"), NOTE, "letters, digits"),
    (lambda f: (f.t1.unlink(), f.t1.symlink_to("gone.nii.gz")), ERROR, "leads nowhere"),
    (lambda f: copy_of(f, 51, "t1", "flair"), WARNING, "has the same t1 and flair voxels as WMH_51"),
    (lambda f: copy_of(f, 50, "regions"), WARNING, "has the same regions voxels as WMH_50"),
    (lambda f: shutil.copyfile(f.t1, f.flair), ERROR, "holds the same voxels as"),
    (lambda f: edit(f.t1, lambda d: (d > 500).astype(np.uint8)), ERROR, "is a label map, not a scan"),
    (lambda f: shutil.copyfile(f.lesions, f.flair), ERROR, "is a label map, not a scan"),
    (lambda f: edit(f.flair, lambda d: d * (np.indices(SHAPE)[1] > 30)), ERROR, "of a head from front to back"),
    (lambda f: edit(f.t1, lambda d: np.random.default_rng(0).normal(9, 1, d.shape)), ERROR, "shows no head"),
    (lambda f: all_images(f, np.diag([0.001, 1, 1, 1]) @ AFFINE), ERROR, "has voxels of 0.004 x 4 x 6 mm"),
    (lambda f: all_images(f, np.diag([0.025, 1, 1, 1]) @ AFFINE), WARNING, "has voxels of 0.1 x 4 x 6 mm"),
    (lambda f: set_forms(f.t1, 1, 1, shifted(0.32)), WARNING, "sform and qform differ by 0.32 mm; the sform is used"),
    (lambda f: in_metres(f.t1), ERROR, "has voxels of 4e+03 x 4e+03 x 6e+03 mm (its header says that lengths are in m"),
    (lambda f: set_pixdim(f.flair, (4, 4, 2)), WARNING, "volumes from pixdim would be 0.333 times as large"),
    (lambda f: all_images(f, AFFINE / [4, 1, 1, 1]), WARNING, "shows 36 x 176 x 144 mm"),
    (lambda f: all_images(f, np.eye(4)), WARNING, "its header looks lost"),
    (lambda f: edit(f.wm, lambda d: np.ones_like(d)), WARNING, "ml of white matter"),
    (lambda f: edit(f.lesions, lambda _: (np.indices(SHAPE)[2] > 2).astype(np.uint8)), WARNING, "ml of lesions"),
    (lambda f: edit(f.lesions, lambda _: (np.indices(SHAPE)[0] < 2).astype(np.uint8)), WARNING, "100% of its lesions"),
    (lambda f: (f.t1.unlink(), f.flair.unlink()), ERROR, "has no T1 and no FLAIR"),
]


@pytest.fixture(scope="module")
def planted(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    root = tmp_path_factory.mktemp("planted") / "cohort"
    shutil.copytree(clean, root)
    for number, (plant, _, _) in enumerate(FAULTS):
        plant(Files(root, number))
    return check_cohort(root)


def test_no_false_alarm_on_a_clean_cohort(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(clean), "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "60 subjects (45 to train and 15 to test) with 60 t1, 60 flair, 60 wm, 60 lesions, 60 regions"
    assert lines[-1] == "0 errors, 0 warnings; 60 of 60 subjects ready"


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[complaint for _, _, complaint in FAULTS])
def test_planted_fault_is_found(number: int, planted: Report) -> None:
    _, level, complaint = FAULTS[number]
    name = "a b" if complaint == "letters, digits" else f"WMH_{number}"
    found = [problem for problem in planted.problems if problem.subject == name]
    assert any(problem.level is level and complaint in problem.problem for problem in found), found


def test_nothing_is_said_of_the_others(planted: Report) -> None:
    numbers = {problem.subject.removeprefix("WMH_") for problem in planted.problems}
    partners = {"50", "51"}  # whose files were copied
    assert numbers - partners - {"a b"} <= {str(number) for number in range(len(FAULTS))}


def test_a_person_on_both_sides_and_a_cohort_without_test_subjects(tmp_path: Path, clean: Path) -> None:
    shutil.copytree(Files(clean, 0).folder, tmp_path / "training/sub-1_ses-1")
    shutil.copytree(Files(clean, 1).folder, tmp_path / "training/sub-1_ses-2")
    problems = check_cohort(tmp_path).problems
    assert [(p.level, p.subject, p.problem) for p in problems] == [(NOTE, COHORT, "the cohort has no test subject")]
    (tmp_path / "test").mkdir()
    (tmp_path / "training/sub-1_ses-2").rename(tmp_path / "test/sub-1_ses-2")
    assert "stand in both train and test" in check_cohort(tmp_path).errors[0].problem


def test_command_writes_a_table_and_fails(tmp_path: Path, clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort = tmp_path / "cohort"
    for number in (1, 2, 3):
        shutil.copytree(Files(clean, number).folder, Files(cohort, number).folder)
    edit(Files(cohort, 1).flair, fill(np.nan))
    assert main([str(cohort), "--tsv", str(tmp_path / "problems.tsv"), "--jobs", "1"]) == 1
    out = capsys.readouterr().out
    assert "error    WMH_1  holds NaN or infinite values; clean it" in out
    assert out.splitlines()[-1] == "1 error, 0 warnings; 2 of 3 subjects ready"
    header, row = (tmp_path / "problems.tsv").read_text().splitlines()
    assert header.split("\t") == ["subject", "level", "problem", "remedy", "file"]
    assert row.split("\t")[:3] == ["WMH_1", "error", "holds NaN or infinite values"]


def test_changes_nothing(tmp_path: Path, clean: Path) -> None:
    cohort = tmp_path / "cohort"
    shutil.copytree(Files(clean, 1).folder, Files(cohort, 1).folder)
    before = {path: path.stat().st_mtime_ns for path in sorted(cohort.rglob("*"))}
    check_cohort(cohort)
    assert before == {path: path.stat().st_mtime_ns for path in sorted(cohort.rglob("*"))}


def test_empty_cohort(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no subject"):
        main([str(tmp_path)])


def test_a_map_of_a_scan_that_cannot_be_read_is_not_measured_against_another() -> None:
    """The mask lies on the grid of the FLAIR, which is missing: nothing is wrong with the mask."""
    t1 = Image(np.zeros((160, 180, 160), np.uint8), np.eye(4), Path("T1.nii.gz"))
    mask = Image(np.zeros((160, 180, 18), np.uint8), np.diag([1.0, 1, 9, 1]), Path("lesions.nii.gz"))
    for whole, errors in ((True, 1), (False, 0)):
        found = Findings("anna")
        _check_grids(found, {"t1": t1, "lesions": mask}, all_scans=whole)
        assert sum(problem.level is Level.ERROR for problem in found.problems) == errors


def test_every_scan_is_looked_at() -> None:
    """A FLAIR of 18 slices of 9 mm beside a T1 of 1 mm; its affine is not that of a lost header, the T1's is."""
    t1 = Image(np.zeros((160, 180, 160), np.uint8), np.eye(4), Path("T1.nii.gz"))
    flair = Image(np.zeros((160, 180, 18), np.uint8), np.diag([1.0, 1, 9, 1]), Path("FLAIR.nii.gz"))
    found = Findings("anna")
    _check_grids(found, {"t1": t1, "flair": flair}, all_scans=True)
    said = {(problem.file, problem.problem) for problem in found.problems if problem.level is Level.WARNING}
    assert said == {
        ("FLAIR.nii.gz", "has voxels of 1 x 1 x 9 mm"),
        ("T1.nii.gz", "has an identity affine: its header looks lost"),
    }
