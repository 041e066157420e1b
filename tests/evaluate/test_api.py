"""``yucca_wm.evaluate``: the rows of the command, whatever form the maps come in."""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import yucca_wm as yw
from yucca_wm.evaluate.__main__ import main

AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])
"""LPS with the origin at 0: SimpleITK's own world, with voxels of 2 mm3."""


def bar(start: int, stop: int) -> np.ndarray:
    """Voxels [start, stop) of one row."""
    data = np.zeros((12, 4, 3), np.uint8)
    data[start:stop, 1, 1] = 1
    return data


def as_sitk(data: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.transpose(2, 1, 0)))
    image.SetSpacing((1.0, 1.0, 2.0))
    return image


def test_every_form_gives_one_row_worked_out_by_hand_and_that_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predicted 2..7 and true 4..11: 4 of 6 and of 8 voxels are common, Dice 2 * 4 / 14; volumes 12 and 16 mm3."""
    prediction, truth = bar(2, 8), bar(4, 12)
    for name, data in (("a", prediction), ("b", truth)):
        nib.save(nib.Nifti1Image(data, AFFINE), tmp_path / f"{name}.nii.gz")
    paths = tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"
    found = yw.evaluate(*paths, kind="lesions")
    row = found.iloc[0]
    assert len(found) == 1
    assert row.iloc[0] == "a"  # the first column says who
    assert row["dice"] == 8 / 14
    assert (row["lesion_recall"], row["lesion_f1"], row["lesions_pred"]) == (1, 1, 1)
    assert row["volume_difference_percent"] == 25
    assert (row["volume_pred_ml"], row["volume_true_ml"]) == pytest.approx((0.012, 0.016))
    for other in (
        yw.evaluate(nib.Nifti1Image(prediction, AFFINE), nib.Nifti1Image(truth, AFFINE), kind="lesions", subject="a"),
        yw.evaluate(as_sitk(prediction), as_sitk(truth), kind="lesions", subject="a"),
        yw.evaluate(prediction, truth, kind="lesions", affine=AFFINE, subject="a"),
    ):
        pd.testing.assert_frame_equal(other, found)
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["", "--pred", str(paths[0]), "--gt", str(paths[1]), "--out-dir", str(out)])
    assert main() == 0
    written = pd.read_csv(out / "cases.tsv", sep="\t")
    assert written.columns[1:].tolist() == found.columns[1:].tolist()
    assert written.iloc[0, 1:].tolist() == pytest.approx(found.iloc[0, 1:].tolist(), rel=1e-5)


def test_regions_are_rows_and_what_is_not_defined_is_nan() -> None:
    """Region 2 is in the truth only: Dice 0, error -100 %; region 3 in neither: nothing."""
    names = pd.DataFrame({"index": [1, 2, 3], "name": ["one", "two", "three"]})
    truth = bar(0, 4) + 2 * bar(4, 8)
    found = yw.evaluate(bar(0, 4), truth, kind="regions", names=names, affine=AFFINE).set_index("name")
    assert found["dice"].tolist()[:2] == [1, 0]
    assert found.loc["two", "volume_error_percent"] == -100
    assert found.loc["three", ["dice", "surface_dice", "volume_error_percent"]].isna().all()
    assert found["dice"].dtype == "float64"


def test_an_empty_prediction_has_no_distance_and_wrong_usage_is_said(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="the prediction has no lesion: means of hausdorff95_mm are without it"):
        found = yw.evaluate(bar(0, 0), bar(0, 4), kind="lesions", affine=AFFINE)
    assert np.isnan(found.loc[0, "hausdorff95_mm"])
    assert found.loc[0, "dice"] == 0
    with pytest.raises(yw.InputError, match="may be lesion maps or region maps"):
        yw.evaluate(2 * bar(0, 4), 2 * bar(0, 4), affine=AFFINE)
    nib.save(nib.Nifti1Image(bar(0, 4), AFFINE), tmp_path / "a.nii.gz")
    with pytest.raises(yw.InputError, match="as prediction and as truth"):
        yw.evaluate(tmp_path / "a.nii.gz", str(tmp_path / "a.nii.gz"))
    with pytest.raises(ValueError, match="lesion"):
        yw.evaluate(bar(0, 4), bar(0, 4), kind="lesion", affine=AFFINE)  # type: ignore[arg-type]


def test_options_of_one_kind_imply_it_as_in_the_command(tmp_path: Path) -> None:
    """Three lesions, each with a label that the built-in table has, too; and two regions of a table of one's own."""
    lesions = bar(1, 3) + 3 * bar(5, 7) + 4 * bar(9, 11)
    files = [tmp_path / "pred" / "s.nii.gz", tmp_path / "gt" / "s.nii.gz"]
    for file in files:
        file.parent.mkdir()
        nib.save(nib.Nifti1Image(lesions, AFFINE), file)
    found = yw.evaluate(*files, lesion_labels="all")
    assert found["lesions_true"].tolist() == [3]
    names = pd.DataFrame({"index": [1, 3, 4], "name": ["a", "b", "c"]})
    assert yw.evaluate(*files, names=names)["name"].tolist() == ["a", "b", "c"]
    for contradiction in ({"lesion_labels": (1,), "names": names}, {"ignored_labels": (), "kind": "regions"}):
        with pytest.raises(ValueError, match="leave them out for regions"):
            yw.evaluate(*files, **contradiction)
    with pytest.raises(ValueError, match="leave it out for lesions"):
        yw.evaluate(*files, "lesions", names=names)


def test_a_table_with_other_groups_is_compared_again(tmp_path: Path) -> None:
    """Region 2 becomes a remainder, which is not compared: one row is left."""
    for folder in ("pred", "gt"):
        (tmp_path / folder).mkdir()
        nib.save(nib.Nifti1Image(bar(1, 5) + 2 * bar(6, 9), AFFINE), tmp_path / folder / "s.nii.gz")
    rows = []
    for group in ("tract", "remainder"):
        (tmp_path / "names.tsv").write_text(f"index\tname\tgroup\n1\ta\ttract\n2\tb\t{group}\n")
        words = [f"--{option}={tmp_path / option}" for option in ("pred", "gt")]
        assert main([*words, "--names", str(tmp_path / "names.tsv"), "--out-dir", str(tmp_path / "out")]) == 0
        rows.append((tmp_path / "out" / "cases.tsv").read_text().count("\ns\t"))
    assert rows == [2, 1]


def test_doubts_of_the_command_are_warnings() -> None:
    """The same bar one plane further on: a grid of its own. Of a truth cut at voxel 6, 2 of 6 voxels are beyond."""
    moved = AFFINE.copy()
    moved[0, 3] = 0.5
    prediction, truth = nib.Nifti1Image(bar(2, 8), AFFINE), nib.Nifti1Image(bar(2, 8), moved)
    with pytest.warns(UserWarning, match="lie on different grids, and were aligned by their headers: valid only if"):
        yw.evaluate(prediction, truth, kind="lesions", resample=True)
    with pytest.warns(UserWarning, match=r"part of the prediction lies beyond .* up to 0.00 ml \(1 of 1 subject"):
        yw.evaluate(prediction, prediction.slicer[:6], kind="lesions", resample=True)
    with pytest.warns(UserWarning, match="the truth has no lesion"):
        yw.evaluate(bar(2, 8), bar(0, 0), kind="lesions", affine=AFFINE)
