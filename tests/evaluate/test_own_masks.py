"""The maps of a cohort as the truth: whoever has a mask is compared, in every layout."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.cohort.subject import Split, Subject, regions_path
from yucca_wm.core.errors import InputError
from yucca_wm.evaluate.__main__ import main
from yucca_wm.evaluate.pairs import _in_training
from yucca_wm.tasks.split import resolve_splits

VOXELS = (12, 12, 6)


def save(path: Path, voxels: int, label: int = 1, other: int = 0) -> Path:
    """So many voxels of ``label`` along the first axes, and as many of label 2 elsewhere as ``other`` says."""
    data = np.zeros(VOXELS, np.uint8)
    data.reshape(-1)[:voxels] = label
    data.reshape(-1)[400 : 400 + other] = 2
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.eye(4)), path)
    return path


def challenge(root: Path, name: str, mask: Callable[[Path], object] | None) -> None:
    save(root / "training/Utrecht" / name / "pre/FLAIR.nii.gz", 9)
    save(root / "training/Utrecht" / name / "pre/T1.nii.gz", 9)
    if mask is not None:
        mask(root / "training/Utrecht" / name / "wmh.nii.gz")


def bids(root: Path, name: str, mask: Callable[[Path], object] | None) -> None:
    save(root / f"sub-{name}/anat/sub-{name}_FLAIR.nii.gz", 9)
    if mask is not None:
        mask(root / f"derivatives/drawn/sub-{name}/anat/sub-{name}_label-lesion_mask.nii.gz")


def table(root: Path, name: str, mask: Callable[[Path], object] | None) -> None:
    listed = root / "cohort.tsv"
    if not listed.exists():
        root.mkdir()
        listed.write_text("subject\tflair\tlesions\n")
    flair = save(root / "files" / f"{name}_f.nii.gz", 9)
    mask_file = root / "files" / f"{name}_m.nii.gz"
    if mask is not None:
        mask(mask_file)
    with listed.open("a") as stream:
        stream.write(f"{name}\tfiles/{flair.name}\t{f'files/{mask_file.name}' if mask else ''}\n")


def dice(out: Path) -> dict[str, float]:
    with (out / "cases.tsv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["dice"] != "n/a"]
    return {row["subject"]: float(row["dice"]) for row in rows}


@pytest.mark.parametrize("layout", [challenge, bids, table])
def test_lesions_are_compared_with_the_masks_of_a_cohort(
    layout: Callable[[Path, str, Callable[[Path], object] | None], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """1: 60 of 100 voxels found: Dice 2 * 60 / 160 = .75. 2: not predicted. 3: no mask. Label 2 is left out."""
    root = tmp_path / "cohort"
    layout(root, "p1", lambda path: save(path, 100, other=30))
    layout(root, "p2", lambda path: save(path, 100))
    layout(root, "p3", None)
    named = "sub-" if layout is bids else ""
    for name in ("p1", "p3", "p9"):
        save(tmp_path / f"pred/{named}{name}.nii.gz", 60)
    where = root / "cohort.tsv" if layout is table else root
    run = ["--pred", str(tmp_path / "pred"), "--cohort", str(where), "--out-dir", str(tmp_path / "out"), "--jobs", "1"]
    assert main(run) == 1
    said = capsys.readouterr().err
    assert f"note: subjects without a lesion mask: {named}p3\n" in said
    assert f"note: predictions without a truth: {named}p9\n" in said, "p3 has been named"
    assert f"an ignored label and counts in neither map (1 of 1 subject: {named}p1)" in said
    of_training = f"note: of the training set, which a model trained on this cohort has seen: 1 of 1 subject: {named}p1"
    assert of_training in said, "as its folder says, or as the tasks draw it"
    assert f"error: {named}p2: has no prediction" in said
    assert dice(tmp_path / "out") == {f"{named}p1": pytest.approx(0.75)}
    save(tmp_path / f"pred/{named}p2.nii.gz", 50)
    assert main(run) == 0
    assert dice(tmp_path / "out") == {f"{named}p1": pytest.approx(0.75), f"{named}p2": pytest.approx(100 / 150)}


def test_regions_are_compared_with_those_of_a_cohort(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Region 3: 60 of 100 voxels; the lesion masks, which are there too, are not read."""
    root = tmp_path / "cohort"
    challenge(root, "p1", lambda path: save(path, 7))
    save(regions_path(root, "p1"), 100, label=3)
    save(tmp_path / "pred/p1.nii.gz", 60, label=3)
    run = ["--cohort", str(root), "--out-dir", str(tmp_path / "out"), "--jobs", "1"]
    assert main(["--pred", str(tmp_path / "pred"), "--regions", *run]) == 0
    assert dice(tmp_path / "out") == {"p1": pytest.approx(0.75)}
    capsys.readouterr()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--gt", "gt"], "give either --gt or --cohort"),
        (["--layout", "bids"], "give either --gt or --cohort"),
        (["--gt", "gt", "--layout", "bids"], "--layout goes with --cohort"),
    ],
)
def test_either_maps_or_a_cohort(more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    cohort = ["--cohort", "c"] if more == ["--gt", "gt"] else []
    with pytest.raises(SystemExit) as stopped:
        main(["--pred", "pred", "--out-dir", "out", *cohort, *more])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def run(tmp_path: Path, pred: Path, **more: str) -> int:
    cohort = {"--cohort": str(tmp_path / "cohort"), "--out-dir": str(tmp_path / "out"), "--jobs": "1", **more}
    return main(["--pred", str(pred), *(word for pair in cohort.items() for word in pair)])


def test_one_prediction_at_a_time_gives_what_the_folder_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, voxels in (("7", 60), ("8", 50)):
        challenge(tmp_path / "cohort", name, lambda path: save(path, 100))
        save(tmp_path / f"pred/WMH_{name}.nii.gz", voxels)
    for name in ("7", "8"):
        assert run(tmp_path, tmp_path / f"pred/WMH_{name}.nii.gz") == 0
    assert "error" not in capsys.readouterr().err
    assert run(tmp_path, tmp_path / "pred", **{"--out-dir": str(tmp_path / "all")}) == 0
    for table in ("cases.tsv", "summary.tsv"):
        assert (tmp_path / "out" / table).read_bytes() == (tmp_path / "all" / table).read_bytes()
    about = json.loads((tmp_path / "all/evaluation.json").read_text())
    truth = tmp_path / "cohort/training/Utrecht/7/wmh.nii.gz"
    assert about["files"]["WMH_7"] == {"prediction": str(tmp_path / "pred/WMH_7.nii.gz"), "truth": str(truth)}


def test_what_cannot_be_paired_is_told_by_the_subjects_names(tmp_path: Path) -> None:
    root = tmp_path / "cohort"
    challenge(root, "1", None)
    one = save(tmp_path / "pred/1.nii.gz", 60)

    def said(pred: Path) -> str:
        with pytest.raises(InputError) as raised:
            run(tmp_path, pred)
        return str(raised.value)

    assert "has no lesion mask of any subject; give the folder that the true maps are in (--gt)" in said(one.parent)
    save(root / "training/Utrecht/1/wmh.nii.gz", 100)
    assert f"holds no file named after a subject of {root} with a lesion mask (WMH_1 looks like it)" in said(one.parent)
    assert f"is not named after a subject of {root} with a lesion mask (WMH_1 looks like it)" in said(one)
    (tmp_path / "pred/1.nii.gz").unlink()
    save(tmp_path / "pred/lesions/WMH_1.nii.gz", 60)
    (tmp_path / "pred/predict.json").write_text("{}")
    assert f"is the output of predict; give one of its folders, {tmp_path / 'pred/lesions'} or" in said(
        tmp_path / "pred"
    )
    assert not (tmp_path / "out/cases.tsv").exists()


def test_a_mask_that_is_not_there_fails_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(tmp_path / "cohort", "a", lambda path: save(path, 100))
    table(tmp_path / "cohort", "b", Path.touch)
    (tmp_path / "cohort/files/b_m.nii.gz").unlink()
    for name in "ab":
        save(tmp_path / f"pred/{name}.nii.gz", 60)
    assert run(tmp_path, tmp_path / "pred", **{"--cohort": str(tmp_path / "cohort/cohort.tsv")}) == 1
    assert "b_m.nii.gz: no such file" in capsys.readouterr().err
    assert dice(tmp_path / "out") == {"a": pytest.approx(0.75)}


def test_empty_truths_other_grids_and_sessions_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The prediction of one session has planes of 1.5 mm, and so reaches beyond its truth."""
    for name, voxels in (("sub-1_ses-1", 100), ("sub-1_ses-2", 0)):
        save(tmp_path / f"gt/{name}.nii.gz", voxels)
        save(tmp_path / f"pred/{name}.nii.gz", 60)
    moved = nib.load(tmp_path / "pred/sub-1_ses-1.nii.gz")
    nib.save(nib.Nifti1Image(moved.get_fdata().astype(np.uint8), np.diag([1, 1, 1.5, 1])), moved.get_filename())
    folders = ["--pred", str(tmp_path / "pred"), "--gt", str(tmp_path / "gt"), "--out-dir", str(tmp_path / "out")]
    assert main([*folders, "--lesions", "--resample", "--jobs", "1"]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note:")]
    assert [note.partition("(")[2] or note for note in notes] == [
        "1 of 2 subjects: sub-1_ses-1)",
        "1 of 2 subjects: sub-1_ses-1)",
        "1 of 2 subjects: sub-1_ses-2)",
        "note: sessions of one person count as one in means, among them sub-1_ses-2",
    ]
    assert "aligned by their headers" in notes[0]
    assert "beyond the field of view of the truth" in notes[1]
    assert "the truth has no lesion" in notes[2]


def test_who_was_trained_on_is_known_as_the_tasks_split_a_cohort(tmp_path: Path) -> None:
    """A person's sessions stay together; without a stated split it is drawn, which does not concern shipped models."""
    names = ["sub-01_ses-1", "sub-01_ses-2", "sub-02"]
    stated = dict(zip(names, (Split.TRAIN, None, Split.TEST), strict=True))
    placed = {name: Subject(name, split=split) for name, split in stated.items()}
    paths = {name: (tmp_path / "lesions" / f"{name}.nii.gz", tmp_path / name) for name in names}
    assert _in_training(placed, paths) == dict(zip(names, (True, True, False), strict=True))
    drawn = {name: Subject(name) for name in names}
    by_tasks = resolve_splits(drawn.values())
    assert _in_training(drawn, paths) == {name: split is Split.TRAIN for name, split in by_tasks.items()}
    assert any(_in_training(drawn, paths).values())
    record = {"cases": {name: {"lesions_by": "network"} for name in names}}
    (tmp_path / "predict.json").write_text(json.dumps(record))
    assert not any(_in_training(drawn, paths).values())
