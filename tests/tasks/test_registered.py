"""T1 and FLAIR on grids of their own become a task's cases on one grid, with labels where they were drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from yucca_wm.imaging.images import Image, load, load_labels, same_grid, save
from yucca_wm.tasks.convert import convert_or_exit

from ..phantom_head import draw, grid, pose

LESION, LESION_T1 = "Task001_WM_Lesion", "Task002_WM_Lesion_T1"
FLAIR_SHAPE, FLAIR_AFFINE = (60, 75, 45), grid((60, 75, 45), (3.5, 3.5, 5.0), "LPS")
T1_SHAPE, T1_AFFINE = (64, 70, 62), grid((64, 70, 62), (3.5, 3.5, 3.5))
MOVED = pose((5, 2, -3), (3, 2, 0))
"""How the head lies in the T1, from where it lies in the FLAIR (world mm)."""

LEFT_MM = np.array([-40.0, 12.0, 25.0])
"""Where the lesion is in the FLAIR's world: x < 0 is left. A ball of 12 mm has 7.238 ml."""

RADIUS_MM, BALL_ML = 12.0, 4 / 3 * np.pi * 12.0**3 / 1000


def ball(shape: tuple[int, int, int], affine: np.ndarray, centre_mm: np.ndarray) -> Image:
    points = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    return Image((np.linalg.norm(points - centre_mm, axis=-1) <= RADIUS_MM).astype(np.uint8), affine)


def centre_mm(label: Image) -> np.ndarray:
    return np.argwhere(label.data).mean(0) @ label.affine[:3, :3].T + label.affine[:3, 3]


def int16(image: Image) -> Image:
    return Image(image.data.astype(np.int16), image.affine)


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One head: FLAIR, T1 that lies on it, T1 on a grid of its own after the head has moved."""
    folder = tmp_path_factory.mktemp("heads")
    save(int16(draw(FLAIR_SHAPE, FLAIR_AFFINE, "FLAIR")), folder / "FLAIR.nii.gz")
    save(int16(draw(T1_SHAPE, T1_AFFINE, "T1", placed=MOVED)), folder / "T1.nii.gz")
    return folder


def cohort(heads: Path, root: Path, lesions: Image) -> Path:
    save(lesions, root / "lesions.nii.gz")
    rows = [f"{name}\t{heads / 'T1.nii.gz'}\t{heads / 'FLAIR.nii.gz'}\tlesions.nii.gz\t{side}" for name, side in
            (("a1", "train"), ("b2", "test"))]  # fmt: skip
    table = root / "cohort.tsv"
    table.write_text("\n".join(["subject\tt1\tflair\tlesions\tsplit", *rows]) + "\n")
    return table


def run(task: str, table: Path, raw: Path, said: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("YUCCA_WM_CONVERT", said)
    try:
        convert_or_exit(task, str(table), None, str(raw))
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_without_the_option_it_is_named(
    heads: Path, tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = cohort(heads, tmp_path, ball(FLAIR_SHAPE, FLAIR_AFFINE, LEFT_MM))
    assert run(LESION, table, raw, "", monkeypatch) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(lines) == 2
    for name, line in zip(("a1", "b2"), lines, strict=True):
        assert line.startswith(f"error: {name}: {heads / 'FLAIR.nii.gz'}: has shape {FLAIR_SHAPE} but ")
        assert 'YUCCA_WM_CONVERT="--register"' in line


def test_labels_drawn_on_the_flair_stay_and_the_moved_t1_is_what_is_written(
    heads: Path, tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = ball(FLAIR_SHAPE, FLAIR_AFFINE, LEFT_MM)
    table = cohort(heads, tmp_path, drawn)
    assert run(LESION, table, raw, "--register", monkeypatch) == 0
    assert "note: a1: T1: registered to the FLAIR (moved by" in capsys.readouterr().err
    flair = raw / LESION / "imagesTr/a1_FLAIR_000.nii.gz"
    assert flair.read_bytes() == (heads / "FLAIR.nii.gz").read_bytes()
    t1 = load(raw / LESION / "imagesTr/a1_T1_000.nii.gz")
    assert same_grid(t1, load(flair))
    at_rest = draw(FLAIR_SHAPE, FLAIR_AFFINE, "T1", noise=0).data
    inside = at_rest > 400
    assert np.corrcoef(t1.data[inside], at_rest[inside])[0, 1] > 0.8  # .83 for the true movement: 3.5 mm voxels, noise
    for label in ("labelsTr/a1_T1", "labelsTr/a1_FLAIR", "labelsTs/b2"):
        written = load_labels(raw / LESION / f"{label}.nii.gz")
        np.testing.assert_array_equal(written.data, drawn.data)
        np.testing.assert_allclose(written.affine, FLAIR_AFFINE, atol=1e-4)
    assert run(LESION_T1, table, raw, "--register", monkeypatch) == 0
    test_t1 = load(raw / LESION_T1 / "imagesTs/b2_000.nii.gz")
    np.testing.assert_array_equal(test_t1.data, t1.data)
    assert run(LESION, table, raw, "", monkeypatch) == 1, "what was made with the option is not kept without it"
    assert json.loads((raw / LESION / "dataset.json").read_text())["numTraining"] == 0


def test_labels_drawn_on_the_t1_are_carried_once(
    heads: Path, tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lesion at LEFT_MM in the FLAIR's world lies at MOVED @ LEFT_MM in the T1's, over 4 mm away. Carried back by
    nearest neighbour it keeps its 7.24 ml and its side, and its place to half a voxel of 3.5 x 3.5 x 5 mm."""
    there = (MOVED @ [*LEFT_MM, 1])[:3]
    assert np.linalg.norm(there - LEFT_MM) > 4, "a label that was not carried would be found out"
    drawn = ball(T1_SHAPE, T1_AFFINE, there)
    assert drawn.data.sum() * drawn.voxel_volume_mm3 / 1000 == pytest.approx(BALL_ML, rel=0.05)
    table = cohort(heads, tmp_path, drawn)
    assert run(LESION, table, raw, "--register", monkeypatch) == 0
    for label in ("labelsTr/a1_T1", "labelsTr/a1_FLAIR", "labelsTs/b2"):
        written = load_labels(raw / LESION / f"{label}.nii.gz")
        np.testing.assert_allclose(written.affine, FLAIR_AFFINE, atol=1e-4)
        assert set(np.unique(written.data)) == {0, 1}
        assert ndimage.label(written.data)[1] == 1
        assert written.data.sum() * written.voxel_volume_mm3 / 1000 == pytest.approx(BALL_ML, rel=0.05)
        assert np.linalg.norm(centre_mm(written) - LEFT_MM) < 2, "left stays left"


def test_a_label_on_a_grid_of_its_own_is_refused(
    heads: Path, tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = cohort(heads, tmp_path, ball((40, 40, 40), grid((40, 40, 40), (4, 4, 4)), LEFT_MM))
    assert run(LESION, table, raw, "--register", monkeypatch) == 1
    err = capsys.readouterr().err
    assert f"error: a1: {tmp_path / 'lesions.nii.gz'}: has shape (40, 40, 40)" in err
    assert "draw it on the T1 or the FLAIR" in err


def test_scans_that_lie_on_each_other_are_copied_as_they_are(
    heads: Path, tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there: dict[str, Any] = {"T1": tmp_path / "T1.nii.gz", "FLAIR": tmp_path / "FLAIR.nii.gz"}
    (tmp_path / "FLAIR.nii.gz").write_bytes((heads / "FLAIR.nii.gz").read_bytes())
    save(int16(draw(FLAIR_SHAPE, FLAIR_AFFINE, "T1")), there["T1"])
    table = cohort(tmp_path, tmp_path, ball(FLAIR_SHAPE, FLAIR_AFFINE, LEFT_MM))
    assert run(LESION, table, raw, "--register", monkeypatch) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note:")]
    assert all("have the same" in note for note in notes), "both people have one person's scans; nothing was moved"
    for modality, path in there.items():
        assert (raw / LESION / f"imagesTr/a1_{modality}_000.nii.gz").read_bytes() == path.read_bytes()


def test_a_choice_of_header_reaches_the_conversion(
    tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """sform and qform 4 mm apart in voxels of 2 mm: which is right is the user's to say, and is what is written."""
    sform, qform = np.diag([2.0, 2, 2, 1]), np.diag([2.0, 2, 2, 1])
    qform[0, 3] = 4
    image = nib.Nifti1Image(np.arange(12 * 10 * 6, dtype=np.int16).reshape(12, 10, 6), sform)
    image.set_sform(sform, 1)
    image.set_qform(qform, 1)
    nib.save(image, tmp_path / "T1.nii.gz")
    lesions = np.zeros((12, 10, 6), np.uint8)
    lesions[3, 4, 2] = 1
    nib.save(nib.Nifti1Image(lesions, qform), tmp_path / "lesions.nii.gz")
    table = tmp_path / "cohort.tsv"
    table.write_text("subject\tt1\tlesions\tsplit\na1\tT1.nii.gz\tlesions.nii.gz\ttrain\n")
    assert run(LESION, table, raw, "", monkeypatch) == 1
    assert 'YUCCA_WM_CONVERT="--header qform"' in capsys.readouterr().err
    assert run(LESION, table, raw, "--header qform", monkeypatch) == 0
    note = f"note: {tmp_path / 'T1.nii.gz'}: sform and qform differ by 4 mm; the qform is used\n"
    assert capsys.readouterr().err.count(note) == 1
    for written in ("imagesTr/a1_T1_000", "labelsTr/a1_T1"):
        np.testing.assert_allclose(nib.load(raw / LESION / f"{written}.nii.gz").affine, qform)
    assert run(LESION, table, raw, "--header qform", monkeypatch) == 0
    assert capsys.readouterr().err.count(note) == 1, "said again although nothing was read again"
    assert run(LESION, table, raw, "--header sform", monkeypatch) == 1, "the label lies 4 mm away then"
