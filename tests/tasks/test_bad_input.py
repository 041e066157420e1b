"""Whatever is wrong with a subject is one line that names it; the other subjects are done all the same."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.tasks.convert import convert, convert_or_exit
from yucca_wm.tasks.definition import TASKS

LESION, LESION_T1, LESION_FLAIR, LOCATION, LOCATION_T1, LOCATION_FLAIR = TASKS
SHAPE = (12, 10, 6)
BAD = "WMH_2"


def change(path: Path, edit: Callable[[Any], Any], affine: Any = None) -> None:
    image = nib.load(path)
    nib.save(nib.Nifti1Image(edit(np.asarray(image.dataobj)), image.affine if affine is None else affine), path)


def set_voxel(value: float, dtype: type = np.float32) -> Callable[[Any], Any]:
    def edit(data: Any) -> Any:
        data = data.astype(dtype)
        data[5, 5, 3] = value
        return data

    return edit


def moved(path: Path, by_mm: float) -> Any:
    affine = nib.load(path).affine.copy()
    affine[0, 3] += by_mm
    return affine


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def lie_about_data(path: Path) -> None:
    """A valid archive whose image holds fewer voxels than its header says."""
    with gzip.open(path) as stream:
        content = stream.read()
    path.write_bytes(gzip.compress(content[:-100]))


def forget_orientation(path: Path) -> None:
    image = nib.load(path)
    image.set_sform(image.affine, 0)
    image.set_qform(image.affine, 0)
    image.to_filename(path.with_name("new.nii.gz"))
    path.with_name("new.nii.gz").replace(path)


FAULTS: dict[str, tuple[str, Callable[[Any], None], str]] = {
    "no lesions": (LESION, lambda c: c.lesions(BAD).unlink(), "has no lesion mask"),
    "no regions": (LOCATION, lambda c: c.regions(BAD).unlink(), "has no region map; make it with python -m"),
    "label shape": (LESION, lambda c: change(c.lesions(BAD), lambda d: d[:-1]), "has shape"),
    "FLAIR shape": (LESION, lambda c: change(c.flair(BAD), lambda d: d[:, :-1]), "has shape"),
    "T1 moved": (LESION, lambda c: change(c.t1(BAD), lambda d: d, moved(c.t1(BAD), 0.5)), "0.5 mm away"),
    "regions moved": (LOCATION, lambda c: change(c.regions(BAD), lambda d: d, moved(c.t1(BAD), 5)), "5 mm away"),
    "4D": (LESION, lambda c: change(c.t1(BAD), lambda d: np.stack([d, d], axis=3)), "a 3D image is needed"),
    "NaN": (LESION, lambda c: change(c.flair(BAD), set_voxel(np.nan)), "NaN or infinite"),
    "infinite": (LESION, lambda c: change(c.t1(BAD), set_voxel(np.inf)), "NaN or infinite"),
    "cut archive": (LESION, lambda c: truncate(c.t1(BAD)), "damaged or cut short"),
    "cut data": (LESION, lambda c: lie_about_data(c.flair(BAD)), "damaged or cut short"),
    "cut label": (LESION, lambda c: lie_about_data(c.lesions(BAD)), "damaged or cut short"),
    "empty file": (LESION, lambda c: c.t1(BAD).write_bytes(b""), "is empty; copy or fetch it again"),
    "lesion label 3": (LESION, lambda c: change(c.lesions(BAD), set_voxel(3, np.uint8)), "not in the table: 3"),
    "region label 37": (LOCATION, lambda c: change(c.regions(BAD), set_voxel(37, np.uint8)), "not in the table: 37"),
    "region label -1": (LOCATION, lambda c: change(c.regions(BAD), set_voxel(-1, np.int16)), "negative label -1"),
    "probability map": (LESION, lambda c: change(c.lesions(BAD), set_voxel(0.5)), "not whole numbers"),
    "one value": (LESION, lambda c: change(c.t1(BAD), lambda d: d * 0), "holds the value 0 only"),
    "no orientation": (LESION, lambda c: forget_orientation(c.t1(BAD)), "has no orientation in its header"),
    "folder": (LESION, lambda c: (c.t1(BAD).unlink(), c.t1(BAD).mkdir()), "no such file"),
    "dead link": (
        LESION,
        lambda c: (c.t1(BAD).unlink(), c.t1(BAD).symlink_to("gone.nii.gz")),
        "leads nowhere",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_bad_subject(
    fault: str, cohort: Any, raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, plant, complaint = FAULTS[fault]
    convert(TASKS[task], cohort.root, tmp_path)
    good = {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / task).rglob("*.nii.gz")}
    plant(cohort)
    with pytest.raises(SystemExit) as raised:
        convert_or_exit(task, str(cohort.root), None, str(raw))
    assert raised.value.code == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"error: {BAD}: ")
    assert complaint in lines[0]
    written = {path.relative_to(raw): path.read_bytes() for path in (raw / task).rglob("*.nii.gz")}
    assert written == {path: content for path, content in good.items() if f"{BAD}_" not in path.name}


@pytest.mark.parametrize(("missing", "kept"), [("t1", "FLAIR"), ("flair", "T1")])
def test_the_other_modality_is_kept_and_the_gap_is_said(missing: str, kept: str, cohort: Any, raw: Path) -> None:
    getattr(cohort, missing)(BAD).unlink()
    done = convert(TASKS[LESION], cohort.root, raw)
    assert done.failures == {BAD: f"has no {missing.upper()}; its {kept} is used alone"}
    cases = [file for file in done.files if f"{BAD}_" in file]
    assert cases == [f"imagesTr/{BAD}_{kept}_000.nii.gz", f"labelsTr/{BAD}_{kept}.nii.gz"]


def test_test_subject_without_a_modality_is_missing_from_that_task_only(cohort: Any, raw: Path) -> None:
    cohort.flair("WMH_1").unlink()
    assert convert(TASKS[LESION_T1], cohort.root, raw).failures == {}
    done = convert(TASKS[LESION_FLAIR], cohort.root, raw)
    assert done.failures == {"WMH_1": "has no FLAIR"}
    assert done.files == ("imagesTs/WMH_11_000.nii.gz",)
    assert "labelsTs/WMH_1.nii.gz" in convert(TASKS[LESION], cohort.root, raw).files


def test_a_cohort_of_one_modality_is_complete(cohort: Any, raw: Path) -> None:
    for name in ("WMH_0", "WMH_2", "WMH_10", "WMH_1", "WMH_11"):
        cohort.t1(name).unlink()
    assert convert(TASKS[LESION], cohort.root, raw).failures == {}
    with pytest.raises(InputError, match="has no T1 image"):
        convert(TASKS[LESION_T1], cohort.root, raw)


def test_a_test_subject_is_in_all_tasks_or_in_none(cohort: Any, raw: Path) -> None:
    change(cohort.flair("WMH_1"), set_voxel(np.nan))
    for task in (LESION, LESION_T1, LESION_FLAIR):
        assert list(convert(TASKS[task], cohort.root, raw).failures) == ["WMH_1"]


def test_test_subjects_need_no_labels(cohort: Any, raw: Path) -> None:
    for name in ("WMH_1", "WMH_11"):
        cohort.lesions(name).unlink()
    for task in (LESION, LESION_T1, LESION_FLAIR):
        assert convert(TASKS[task], cohort.root, raw).failures == {}
    assert not list((raw / LESION / "labelsTs").glob("*"))


def test_a_lesion_free_subject_is_fine(cohort: Any, raw: Path) -> None:
    change(cohort.lesions(BAD), lambda data: data * 0)
    assert convert(TASKS[LESION], cohort.root, raw).failures == {}


@pytest.mark.parametrize("name", ["a b", "a.b", "-a", "ä", "a'b", "a$(x)", "a*"])
def test_names_that_yucca_or_a_shell_would_misread(name: str, cohort: Any, raw: Path) -> None:
    cohort.subject(BAD).rename(cohort.subject(BAD).with_name(name))
    done = convert(TASKS[LESION], cohort.root, raw)
    assert list(done.failures) == [name]
    assert "letters, digits" in done.failures[name]
    assert len(done.files) == 10


def test_empty_cohort(tmp_path: Path, raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(SystemExit) as raised:
        convert_or_exit(LESION, str(tmp_path / "nothing"), None, str(raw))
    assert raised.value.code == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: {tmp_path / 'nothing'}: holds no subject")
    assert err.count("\n") == 1
    assert not list(raw.iterdir())


def test_no_region_maps_yet(cohort: Any, raw: Path) -> None:
    for name in ("WMH_0", "WMH_2", "WMH_10"):
        cohort.regions(name).unlink()
    with pytest.raises(InputError, match="has no region map for training; make it with"):
        convert(TASKS[LOCATION], cohort.root, raw)


def test_no_test_subject(cohort: Any, raw: Path) -> None:
    with pytest.raises(InputError, match="has no test subject; put subjects into a test folder"):
        convert(TASKS[LESION_T1], cohort.root / "training", raw, test_fraction=0)
