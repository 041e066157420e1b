"""The maps of a cohort as the truth: whoever has a mask is compared, in every layout."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.cohort.subject import regions_path
from yucca_wm.evaluate.__main__ import main

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
    assert f"note: predictions without a truth: {named}p3, {named}p9\n" in said
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


def test_a_cohort_without_masks_and_a_single_prediction_are_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    challenge(tmp_path / "cohort", "p1", None)
    one = save(tmp_path / "pred/p1.nii.gz", 60)
    for pred, said in (
        (one.parent, "has no lesion mask of any subject; give the folder that the true maps are in (--gt)"),
        (one, "is not a folder; give two files, or a folder of maps named after the subjects"),
    ):
        with pytest.raises(Exception, match="folder") as raised:
            main(["--pred", str(pred), "--cohort", str(tmp_path / "cohort"), "--out-dir", str(tmp_path / "out")])
        assert said in str(raised.value)
    assert not (tmp_path / "out/cases.tsv").exists()
    capsys.readouterr()
