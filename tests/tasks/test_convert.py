"""A cohort becomes the six raw tasks: names, labels, split, bytes; nothing foreign is touched."""

from __future__ import annotations

import errno
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.cohort.subject import Split
from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import load, save
from yucca_wm.imaging.reading import reading_aloud
from yucca_wm.jobs.lock import only_run
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.run_record import RECORD
from yucca_wm.tasks.convert import Conversion, convert, convert_or_exit
from yucca_wm.tasks.definition import TASKS

LESION, LESION_T1, LESION_FLAIR, LOCATION, LOCATION_T1, LOCATION_FLAIR = TASKS


def files(folder: Path) -> dict[str, bytes]:
    """All files but the run record, which tells the time."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != RECORD]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def run(task: str, cohort: Any, raw: Path, **options: Any) -> Conversion:
    return convert(TASKS[task], cohort.root, raw, **options)


def expected_files(task: str) -> set[str]:
    train = [f"WMH_{n}_{modality}" for n in (0, 2, 10) for modality in ("T1", "FLAIR")]
    test = ["WMH_1", "WMH_11"]
    if TASKS[task].split is Split.TEST:
        return {f"imagesTs/{case}_000.nii.gz" for case in test}
    return (
        {f"imagesTr/{case}_000.nii.gz" for case in train}
        | {f"labelsTr/{case}.nii.gz" for case in train}
        | {f"labelsTs/{case}.nii.gz" for case in test}
    )


@pytest.mark.parametrize("task", TASKS)
def test_files_of_each_task(task: str, cohort: Any, raw: Path) -> None:
    done = run(task, cohort, raw)
    assert done.failures == {}
    assert set(files(raw / task)) == expected_files(task) | {"dataset.json", "yucca_wm.json"}
    assert set(done.files) == expected_files(task)


@pytest.mark.parametrize("task", TASKS)
def test_dataset_json(task: str, cohort: Any, raw: Path) -> None:
    run(task, cohort, raw)
    content = json.loads((raw / task / "dataset.json").read_text())
    labels = 3 if TASKS[task].target == "lesions" else 37
    assert list(content["labels"]) == [str(label) for label in range(labels)]
    assert content["labels"]["0"] == "background"
    assert content["labels"]["1"] == ("white matter lesion" if labels == 3 else "parietal_L")
    only = TASKS[task].modality
    assert content["modality"] == {"0": f"{only} MRI" if only else "T1 or FLAIR MRI"}
    assert ("JHU-MNI-SS" in content["description"]) == (labels == 37)
    assert content["licence"] == "CC BY-NC 4.0"
    assert content["reference"] == "https://doi.org/10.34894/AECRSD"
    assert (content["numTraining"], content["numTest"]) == (6 if TASKS[task].split is Split.TRAIN else 0, 2)
    assert content["test"] == ["WMH_1", "WMH_11"]
    assert content["split"]["train"] == ["WMH_0", "WMH_10", "WMH_2"]
    assert content["split"]["test"] == ["WMH_1", "WMH_11"]
    if TASKS[task].split is Split.TRAIN:
        assert {"image": "WMH_10_FLAIR", "label": "WMH_10_FLAIR"} in content["training"]


@pytest.mark.parametrize(("left", "other"), [("FLAIR", "t1"), ("T1", "flair")])
def test_a_task_of_one_modality_says_so(left: str, other: str, cohort: Any, raw: Path) -> None:
    """A model stores it, and `predict` shows it no other scans. Test subjects keep both."""
    for name in ("WMH_0", "WMH_2", "WMH_10"):
        getattr(cohort, other)(name).unlink()
    run(LESION, cohort, raw)
    assert json.loads((raw / LESION / "dataset.json").read_text())["modality"] == {"0": f"{left} MRI"}


def test_a_model_learns_the_names_that_region_maps_state(cohort: Any, raw: Path) -> None:
    """As in their headers; those without names have the built-in ones. Left and right of one person exchanged."""
    own = {1: "front_L", 2: "front_R"}
    for name in ("WMH_0", "WMH_2"):
        save(load(cohort.regions(name)), cohort.regions(name), own)
    run(LOCATION, cohort, raw)
    content = json.loads((raw / LOCATION / "dataset.json").read_text())
    built_in = TASKS[LOCATION].target.classes
    assert content["labels"] == {str(label): own.get(label, name) for label, name in built_in.items()}
    assert content["description"].endswith("region maps as the cohort provides them")
    save(load(cohort.regions("WMH_2")), cohort.regions("WMH_2"), {1: "front_R", 2: "front_L"})
    with pytest.raises(InputError, match=r"calls label 1 front_R, other region maps call label 2 front_R; make all"):
        run(LOCATION, cohort, raw)
    run(LESION, cohort, raw)


def test_maps_that_state_the_built_in_names_are_of_the_atlas(cohort: Any, raw: Path) -> None:
    save(load(cohort.regions("WMH_0")), cohort.regions("WMH_0"), regions().names)
    run(LOCATION, cohort, raw)
    assert "JHU-MNI-SS" in json.loads((raw / LOCATION / "dataset.json").read_text())["description"]


def test_images_are_the_cohorts_own_bytes(cohort: Any, raw: Path) -> None:
    run(LESION, cohort, raw)
    run(LESION_FLAIR, cohort, raw)
    assert (raw / LESION / "imagesTr/WMH_2_T1_000.nii.gz").read_bytes() == cohort.t1("WMH_2").read_bytes()
    assert (raw / LESION_FLAIR / "imagesTs/WMH_1_000.nii.gz").read_bytes() == cohort.flair("WMH_1").read_bytes()


@pytest.mark.parametrize(("task", "source"), [(LESION, "lesions"), (LOCATION, "regions")])
def test_labels_keep_their_voxels_and_take_the_images_grid(task: str, source: str, cohort: Any, raw: Path) -> None:
    truth = np.asarray(nib.load(getattr(cohort, source)("WMH_0")).dataobj)
    run(task, cohort, raw)
    for modality in ("T1", "FLAIR"):
        label = nib.load(raw / task / f"labelsTr/WMH_0_{modality}.nii.gz")
        image = nib.load(raw / task / f"imagesTr/WMH_0_{modality}_000.nii.gz")
        np.testing.assert_array_equal(np.asarray(label.dataobj), truth)
        assert label.get_data_dtype() == np.uint8
        np.testing.assert_array_equal(label.affine, image.affine)
        for form in ("get_sform", "get_qform"):
            assert getattr(label, form)(coded=True)[1] == getattr(image, form)(coded=True)[1]


def test_unpacked_and_four_dimensional_files_are_converted(cohort: Any, raw: Path) -> None:
    path = cohort.t1("WMH_0")
    image = nib.load(path)
    data = np.asarray(image.dataobj)
    path.unlink()
    nib.save(nib.Nifti1Image(data, image.affine), path.with_suffix(""))
    flair = nib.load(cohort.flair("WMH_0"))
    nib.save(nib.Nifti1Image(flair.get_fdata(dtype=np.float32)[..., None], flair.affine), cohort.flair("WMH_0"))
    assert run(LESION, cohort, raw).failures == {}
    written = nib.load(raw / LESION / "imagesTr/WMH_0_T1_000.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), data)
    assert nib.load(raw / LESION / "imagesTr/WMH_0_FLAIR_000.nii.gz").shape == data.shape


def test_voxel_sizes_that_contradict_the_affine_are_put_right(cohort: Any, raw: Path) -> None:
    """Yucca resamples by pixdim; with a wrong one it would learn at another scale, in silence."""
    image = nib.load(cohort.t1("WMH_0"))
    header = image.header.copy()
    header["pixdim"][1:4] = 7
    made = nib.Nifti1Image(np.asarray(image.dataobj), None, header)
    made.header["srow_x"], made.header["srow_y"], made.header["srow_z"] = image.affine[:3]
    made.header["sform_code"] = 1
    cohort.t1("WMH_0").write_bytes(gzip.compress(made.to_bytes()))
    assert nib.load(cohort.t1("WMH_0")).header.get_zooms() == (7, 7, 7)
    run(LESION, cohort, raw)
    for written in ("imagesTr/WMH_0_T1_000.nii.gz", "labelsTr/WMH_0_T1.nii.gz"):
        zooms = nib.load(raw / LESION / written).header.get_zooms()
        np.testing.assert_allclose(zooms, np.linalg.norm(image.affine[:3, :3], axis=0), rtol=1e-5)


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1e-3), ("micron", 1e3)])
def test_lengths_in_other_units_are_written_in_mm(cohort: Any, raw: Path, unit: str, factor: float) -> None:
    """Yucca reads no unit: a copy would be a head of micrometres or of kilometres."""
    mm = nib.load(cohort.t1("WMH_0"))
    for path in (cohort.t1("WMH_0"), cohort.flair("WMH_0"), cohort.lesions("WMH_0")):
        image = nib.load(path)
        affine = np.vstack([image.affine[:3] * factor, image.affine[3:]])
        other = nib.Nifti1Image(np.asarray(image.dataobj), affine)
        other.header.set_xyzt_units(unit)
        nib.save(other, path)
    assert run(LESION, cohort, raw).failures == {}
    for written in ("imagesTr/WMH_0_T1_000.nii.gz", "imagesTr/WMH_0_FLAIR_000.nii.gz", "labelsTr/WMH_0_T1.nii.gz"):
        made = nib.load(raw / LESION / written)
        np.testing.assert_allclose(made.affine, mm.affine, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(made.header.get_zooms(), mm.header.get_zooms(), rtol=1e-4)
        assert made.header.get_xyzt_units()[0] == "mm"


def test_running_again_gives_the_same_bytes(cohort: Any, raw: Path) -> None:
    for task in TASKS:
        run(task, cohort, raw)
    before = files(raw)
    for task in TASKS:
        assert run(task, cohort, raw, options=RunOptions(jobs=2 if task == LESION else 1, force=True)).removed == ()
    assert files(raw) == before


def test_a_second_conversion_reads_only_what_changed(cohort: Any, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(LESION, cohort, raw)
    opened: list[Path] = []

    def spy(path: Path) -> Any:
        opened.append(path)
        return load(path)

    monkeypatch.setattr("yucca_wm.tasks.case.load", spy)
    assert run(LESION, cohort, raw).files == first.files
    assert opened == []
    flair = cohort.subject("WMH_2") / "pre" / "FLAIR.nii.gz"
    image = load(flair)
    save(image.with_data(image.data + 1), flair)
    assert run(LESION, cohort, raw).changed == ("imagesTr/WMH_2_FLAIR_000.nii.gz",)
    assert {path.parents[1].name for path in opened} == {cohort.subject("WMH_2").name}


def test_cases_that_left_the_cohort_are_removed_and_foreign_files_stay(cohort: Any, raw: Path) -> None:
    run(LESION, cohort, raw)
    (raw / LESION / "imagesTr/mine_000.nii.gz").write_bytes(b"mine")
    (raw / LESION / "notes.txt").write_text("mine")
    shutil.rmtree(cohort.subject("WMH_2"))
    done = run(LESION, cohort, raw)
    assert len(done.removed) == 4
    left = files(raw / LESION)
    assert not [name for name in left if "WMH_2_" in name]
    assert left["imagesTr/mine_000.nii.gz"] == left["notes.txt"].replace(b"\n", b"") == b"mine"
    assert json.loads(left["dataset.json"])["numTraining"] == 4


def test_a_label_map_that_was_edited_in_the_task_stays(cohort: Any, raw: Path) -> None:
    run(LESION, cohort, raw)
    label = raw / LESION / "labelsTr" / "WMH_2_FLAIR.nii.gz"
    image = load(label)
    save(image.with_data(np.zeros_like(image.data)), label)
    edited = label.read_bytes()
    flair = cohort.subject("WMH_2") / "pre" / "FLAIR.nii.gz"
    save(load(flair).with_data(load(flair).data + 1), flair)
    done = run(LESION, cohort, raw)
    assert "WMH_2_FLAIR.nii.gz: was changed after yucca-wm convert wrote it" in done.failures["WMH_2"]
    assert label.read_bytes() == edited
    assert not done.removed


def test_a_subject_that_became_unreadable_leaves_no_old_case_behind(cohort: Any, raw: Path) -> None:
    run(LESION, cohort, raw)
    cohort.t1("WMH_0").write_bytes(b"no image")
    done = run(LESION, cohort, raw)
    assert list(done.failures) == ["WMH_0"]
    assert not [name for name in files(raw / LESION) if "WMH_0_" in name]


def test_a_full_disk_is_said_and_earlier_cases_stay(cohort: Any, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(LESION, cohort, raw)
    before = files(raw / LESION)

    def full(_: Path, target: Path) -> None:
        Path(target).write_bytes(b"some of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("shutil.copyfile", full)
        done = run(LESION, cohort, raw, options=RunOptions(force=True))
    assert sorted(done.failures) == ["WMH_0", "WMH_10", "WMH_2"]
    assert all("No space left on device" in reason for reason in done.failures.values())
    after = files(raw / LESION)
    assert {name: content for name, content in after.items() if name != "yucca_wm.json"} == {
        name: content for name, content in before.items() if name != "yucca_wm.json"
    }
    assert run(LESION, cohort, raw).failures == {}
    assert files(raw / LESION) == before


def test_two_runs_at_once_are_refused(cohort: Any, raw: Path) -> None:
    with only_run(raw / LESION), pytest.raises(InputError, match="another run is writing here"):
        run(LESION, cohort, raw)
    assert run(LESION, cohort, raw).failures == {}
    assert {path.name for path in raw.iterdir()} == {LESION}


def test_folder_that_cannot_be_written(cohort: Any, raw: Path) -> None:
    (raw / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        run(LESION, cohort, raw / "file" / "raw")


def test_a_folder_that_is_not_ours_is_refused(cohort: Any, raw: Path) -> None:
    (raw / LESION / "imagesTr").mkdir(parents=True)
    (raw / LESION / "imagesTr/a_000.nii.gz").write_bytes(b"theirs")
    before = files(raw)
    with pytest.raises(InputError, match="was not made by yucca-wm"):
        run(LESION, cohort, raw)
    assert files(raw) == before


def test_a_foreign_file_of_a_due_name_is_not_overwritten(cohort: Any, raw: Path) -> None:
    run(LESION_T1, cohort, raw)
    shutil.rmtree(cohort.subject("WMH_1"))
    run(LESION_T1, cohort, raw)
    theirs = raw / LESION_T1 / "imagesTs/WMH_1_000.nii.gz"
    theirs.write_bytes(b"theirs")
    cohort.add("WMH_1")
    done = run(LESION_T1, cohort, raw)
    assert "exists and was not made by yucca-wm" in done.failures["WMH_1"]
    assert theirs.read_bytes() == b"theirs"


@pytest.mark.parametrize("entry", ["../../precious.nii.gz", "imagesTr/../../../precious.nii.gz", "/precious.nii.gz"])
def test_a_forged_manifest_deletes_nothing_outside(entry: str, cohort: Any, raw: Path) -> None:
    run(LESION, cohort, raw)
    precious = raw.parent / "precious.nii.gz"
    precious.write_bytes(b"precious")
    manifest = raw / LESION / "yucca_wm.json"
    content = json.loads(manifest.read_text())
    content["files"] |= {entry: "", str(precious): ""}
    manifest.write_text(json.dumps(content))
    run(LESION, cohort, raw)
    assert precious.read_bytes() == b"precious"


def test_what_a_killed_run_left_is_cleared(cohort: Any, raw: Path) -> None:
    run(LESION, cohort, raw)
    half = raw / LESION / "imagesTr/.WMH_0_T1_000.tmp-ab12cd_9.nii.gz"
    half.write_bytes(b"half")
    other = raw / LESION / "imagesTr/.hidden.nii.gz"
    other.write_bytes(b"other")
    run(LESION, cohort, raw)
    assert not half.exists()
    assert other.exists()


def test_a_run_killed_before_the_end_is_completed_by_the_next(
    cohort: Any, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(LESION, cohort, tmp_path)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("yucca_wm.tasks.raw_folder.RawFolder.finish", killed)
    with pytest.raises(KeyboardInterrupt):
        run(LESION, cohort, raw)
    monkeypatch.undo()
    shutil.rmtree(cohort.subject("WMH_2"))
    shutil.rmtree(tmp_path / LESION)
    for folder in (raw, tmp_path):
        run(LESION, cohort, folder)
    assert files(raw / LESION) == files(tmp_path / LESION)


def test_flat_cohort_is_split_by_subject_and_a_new_one_moves_none(cohort: Any, raw: Path) -> None:
    flat = cohort.root.parent / "flat"
    for number in range(12):
        shutil.copytree(cohort.subject("WMH_0"), flat / f"s{number:02d}")
    split = convert(TASKS[LESION], flat, raw, test_fraction=0.4)
    assert split.failures == {}
    before = json.loads((raw / LESION / "dataset.json").read_text())["split"]
    assert before["test"]
    assert len(before["train"]) + len(before["test"]) == 12
    shutil.copytree(cohort.subject("WMH_0"), flat / "a_new_one")
    convert(TASKS[LESION], flat, raw, test_fraction=0.4)
    after = json.loads((raw / LESION / "dataset.json").read_text())["split"]
    assert set(before["train"]) <= set(after["train"])
    assert set(before["test"]) <= set(after["test"])


def test_source_of_a_described_cohort(cohort: Any, raw: Path) -> None:
    description = {"Name": "My study", "License": "CC0", "DatasetDOI": "doi:10.1/2"}
    (cohort.root / "dataset_description.json").write_text(json.dumps(description))
    run(LESION, cohort, raw)
    content = json.loads((raw / LESION / "dataset.json").read_text())
    assert (content["licence"], content["reference"]) == ("CC0", "doi:10.1/2")
    assert "My study" in content["description"]


def test_preprocessed_data_of_other_voxels_is_pointed_out(
    cohort: Any, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YUCCA_PREPROCESSED_DATA", str(tmp_path / "preprocessed"))
    (tmp_path / "preprocessed" / LESION).mkdir(parents=True)
    for _ in range(2):
        convert_or_exit(LESION, str(cohort.root), None, str(raw))
        assert "note:" not in capsys.readouterr().err
    image = nib.load(cohort.t1("WMH_0"))
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj) + np.int16(1), image.affine), cohort.t1("WMH_0"))
    convert_or_exit(LESION, str(cohort.root), None, str(raw))
    assert f"1 file of {LESION} changed" in capsys.readouterr().err


def test_command_says_what_it_did(cohort: Any, raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    convert_or_exit(LESION, str(cohort.root.parent), "cohort", str(raw))
    assert capsys.readouterr().out == f"{raw / LESION}: 14 files\n"
    cohort.lesions("WMH_0").unlink()
    with pytest.raises(SystemExit) as raised:
        convert_or_exit(LESION, str(cohort.root), None, str(raw))
    assert raised.value.code == 1
    out, err = capsys.readouterr()
    assert "10 files, 4 old ones removed" in out
    assert "error: WMH_0: has no lesion mask; add it (WMH challenge: wmh.nii.gz" in err
    assert "1 of 5 cases failed; the others are done" in err


@pytest.mark.parametrize("task", ["Task001_WM_Lesion", "Task002_WM_Lesion_T1"])
def test_a_scan_on_both_sides_of_the_split_is_named(
    task: str, cohort: Any, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One person under two names. The first task has no images to test on; the second has only these."""
    shutil.copyfile(cohort.t1("WMH_0"), cohort.t1("WMH_1"))
    shutil.copyfile(cohort.t1("WMH_0"), cohort.t1("WMH_2"))  # on the same side
    with reading_aloud(None):
        convert_or_exit(task, str(cohort.root), None, str(raw))
    said = [line for line in capsys.readouterr().err.splitlines() if "byte for byte" in line]
    named = "note: WMH_0 and WMH_1 and WMH_2 have the same t1, byte for byte, on both sides of the split"
    assert [line.startswith(named) for line in said] == [True] * (task == "Task001_WM_Lesion")
