"""Which lesions are new or gone, whatever the position of the head and the grid of each visit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from nibabel.affines import apply_affine, from_matvec
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

import yucca_wm as yw
from yucca_wm.core.tsv import read_rows
from yucca_wm.localize.__main__ import main
from yucca_wm.localize.measures.changes import FEWEST, align, change
from yucca_wm.localize.measures.positions import Positions
from yucca_wm.localize.outputs.group import remove_group
from yucca_wm.localize.outputs.parts import PART_FORM

SHAPE = (24, 24, 16)
AFFINE = np.array([[2.0, 0, 0, -24], [0, 2, 0, -24], [0, 0, 2, -16], [0, 0, 0, 1]])
VOXEL_ML = 0.008
MOVED = from_matvec(Rotation.from_euler("xyz", (12, -7, 20), degrees=True).as_matrix(), (14.0, -9.0, 25.0))

Box = tuple[int, int, int, int, int, int]
STAYS: Box = (3, 5, 3, 5, 2, 4)
"""2 x 2 x 2 voxels."""
OLD: Box = (18, 20, 4, 6, 9, 11)
NEW: Box = (3, 6, 18, 20, 10, 12)
"""3 x 2 x 2 voxels, far from the others."""


def regions() -> NDArray[np.uint8]:
    """Blocks of 6 x 6 x 5 voxels, labels 1 to 34 and beyond those nothing."""
    labels = np.zeros(SHAPE, np.uint8)
    blocks = [(i, j, k) for i in range(4) for j in range(4) for k in range(3)]
    for label, (i, j, k) in enumerate(blocks[:34], start=1):
        labels[6 * i : 6 * i + 6, 6 * j : 6 * j + 6, 5 * k : 5 * k + 5] = label
    return labels


def put(
    folder: Path,
    name: str,
    boxes: Sequence[Box],
    world: NDArray[np.float64] | None = None,
    axes: str = "RAS",
    labels: NDArray[np.uint8] | None = None,
) -> None:
    """Write a visit's maps. world : transform of the head since it was put on the grid; axes : order of the file's."""
    mask = np.zeros(SHAPE, np.uint8)
    for i, i_end, j, j_end, k, k_end in boxes:
        mask[i:i_end, j:j_end, k:k_end] = 1
    for what, data in (("lesions", mask), ("regions", regions() if labels is None else labels)):
        (folder / what).mkdir(exist_ok=True)
        image = nib.Nifti1Image(data, AFFINE).as_reoriented(
            ornt_transform(io_orientation(AFFINE), axcodes2ornt(tuple(axes)))
        )
        affine = image.affine if world is None else world @ image.affine
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), folder / what / f"{name}.nii.gz")


def compared(folder: Path, *words: str) -> tuple[dict[int, dict[str, str]], list[dict[str, str]]]:
    """Rows of ``visits.tsv`` by region, and of ``new_lesions.tsv``."""
    maps = ["--lesions", str(folder / "lesions"), "--regions", str(folder / "regions")]
    assert main([*maps, "--out-dir", str(folder / "out"), "--jobs", "1", *words]) == 0
    rows = {int(row["region_id"]): row for row in read_rows(folder / "out" / "visits.tsv")}
    return rows, read_rows(folder / "out" / "new_lesions.tsv")


def numbers(row: Mapping[str, str]) -> tuple[int, int, int, int]:
    """Voxels and lesions that are new, and that are gone."""
    new, gone = (round(float(row[f"{what}_lesion_volume_ml"]) / VOXEL_ML) for what in ("new", "gone"))
    return new, int(row["n_new_lesions"]), gone, int(row["n_gone_lesions"])


@pytest.mark.parametrize("axes", ["RAS", "LPI", "SAR"])
@pytest.mark.parametrize("world", [None, MOVED], ids=["same place", "moved"])
def test_new_and_gone_lesions_are_told_wherever_the_head_lies(
    tmp_path: Path, world: NDArray[np.float64] | None, axes: str
) -> None:
    """One lesion stays, one of 8 voxels is gone (region 28), one of 12 is new (region 12)."""
    put(tmp_path, "a_ses-1", [STAYS, OLD])
    put(tmp_path, "a_ses-2", [STAYS, NEW], world, axes)
    rows, new = compared(tmp_path)
    assert numbers(rows[-1]) == (12, 1, 8, 1)
    assert {region for region, row in rows.items() if any(numbers(row))} == {-1, *regions_of(NEW), *regions_of(OLD)}
    assert float(rows[-1]["difference_ml"]) == pytest.approx(4 * VOXEL_ML)
    (only,) = new
    assert (only["lesion"], only["volume_ml"]) == ("1", "0.096000")
    census = read_rows(tmp_path / "out" / "lesions.tsv")
    (row,) = (row for row in census if row["subject"] == "a_ses-2" and row["lesion"] == "1")
    assert {column: row[column] for column in only if column != "nearest_previous_mm"} == {
        column: cell for column, cell in only.items() if column != "nearest_previous_mm"
    }
    to_stays, to_old = (2 * float(np.linalg.norm(steps)) for steps in ((0, 14, 7), (13, 13, 0)))
    assert float(only["nearest_previous_mm"]) == pytest.approx(min(to_stays, to_old), abs=0.01)


def regions_of(box: Box) -> set[int]:
    i, i_end, j, j_end, k, k_end = box
    return set(np.unique(regions()[i:i_end, j:j_end, k:k_end]).tolist())


def test_new_gone_and_the_others_make_the_difference_in_every_place(tmp_path: Path) -> None:
    grown: Box = (3, 6, 3, 5, 2, 4)
    put(tmp_path, "a_ses-1", [STAYS, OLD])
    put(tmp_path, "a_ses-2", [grown, NEW], MOVED)
    rows, _ = compared(tmp_path)
    others = {}
    for region, row in rows.items():
        new, gone = (float(row[f"{what}_lesion_volume_ml"]) for what in ("new", "gone"))
        others[region] = round((float(row["difference_ml"]) - new + gone) / VOXEL_ML, 3)
    (grows,) = regions_of(grown)
    assert {region: voxels for region, voxels in others.items() if voxels} == {-1: 4, grows: 4}
    for column in ("new_lesion_volume_ml", "gone_lesion_volume_ml", "n_new_lesions", "n_gone_lesions"):
        places = [float(row[column]) for region, row in rows.items() if region != -1]
        assert sum(places) == pytest.approx(float(rows[-1][column]))


def test_a_lesion_on_the_other_side_is_new(tmp_path: Path) -> None:
    left: Box = (3, 5, 10, 12, 6, 8)
    right: Box = (SHAPE[0] - 5, SHAPE[0] - 3, 10, 12, 6, 8)
    put(tmp_path, "a_ses-1", [left])
    put(tmp_path, "a_ses-2", [right], MOVED, "LAS")
    assert numbers(compared(tmp_path)[0][-1]) == (8, 1, 8, 1)


@pytest.mark.parametrize(("gap", "new"), [(1, 0), (2, 1)])
def test_lesions_within_3_mm_are_the_same(tmp_path: Path, gap: int, new: int) -> None:
    """Voxels of 2 mm: with one empty voxel between them, centres are 4 mm apart; side by side 2 mm."""
    put(tmp_path, "a_ses-1", [(3, 5, 3, 5, 2, 4)])
    put(tmp_path, "a_ses-2", [(4 + gap, 6 + gap, 3, 5, 2, 4)])
    assert numbers(compared(tmp_path)[0][-1])[1] == new


def test_thick_slices_reach_the_next_slice() -> None:
    """Slices of 6 mm: the lesion seen in the next slice is the same one; in the one after that it is not. Within the
    slice, 3 mm count."""
    before = positions(np.array([[0, 0, 0]]), np.diag([1.0, 1, 6, 1]))
    for voxel, new in (((0, 0, 1), 0), ((0, 0, 2), 1), ((3, 0, 0), 0), ((4, 0, 0), 1), ((3, 0, 1), 0), ((4, 0, 1), 1)):
        for grid in (np.diag([1.0, 1, 6, 1]), np.diag([1.0, 1, 1, 1])):  # thick at one visit, or at both
            at = np.array([voxel]) * (1, 1, 6 / grid[2, 2])
            found = change(before, positions(at.astype(int), grid), 36)
            assert found is not None
            assert len(found.new.lesions) == len(found.gone.lesions) == new, voxel


def positions(voxels: NDArray[np.intp], affine: NDArray[np.float64], n_regions: int = 34) -> Positions:
    """Every voxel is a lesion in the first region; the centres of regions are random, but always the same."""
    random = np.random.default_rng(0)
    count = np.arange(1, len(voxels) + 1)
    centres_mm = random.uniform(-70, 70, (n_regions, 3))
    return Positions(
        voxels,
        affine,
        np.array([50, 50, 50]),
        count,
        np.zeros_like(count),
        centres_mm,
        random.uniform(1, 20, n_regions),
    )


def test_the_transform_is_the_rigid_one_between_the_centres() -> None:
    before = positions(np.zeros((0, 3), int), np.eye(4))
    now = replace(before, region_mm=apply_affine(MOVED, before.region_mm))
    found = align(before, now)
    assert found is not None
    np.testing.assert_allclose(found[0], MOVED, atol=1e-9)
    assert found[1] < 1e-9


def test_what_lies_beyond_the_other_field_of_view_is_neither_new_nor_gone(tmp_path: Path) -> None:
    """Visit 2 ends above plane 10, with the anatomy and its lesion as before. Below, a lesion is new."""
    above: Box = (10, 12, 10, 12, 12, 14)
    put(tmp_path, "a_ses-1", [STAYS, above])
    put(tmp_path, "a_ses-2", [STAYS, (18, 20, 4, 6, 2, 4)])
    for what in ("lesions", "regions"):
        image = nib.load(tmp_path / what / "a_ses-2.nii.gz")
        nib.save(image.slicer[:, :, :11], tmp_path / what / "a_ses-2.nii.gz")
    rows, _ = compared(tmp_path)
    assert numbers(rows[-1]) == (8, 1, 0, 0)
    assert "regions_differ" in rows[-1]["flags"]
    for name, other in (("a_ses-1", "b_ses-2"), ("a_ses-2", "b_ses-1")):  # the other way round
        for what in ("lesions", "regions"):
            shutil.move(tmp_path / what / f"{name}.nii.gz", tmp_path / what / f"{other}.nii.gz")
    assert numbers(compared(tmp_path)[0][-1]) == (0, 0, 8, 1)


def test_one_region_map_for_two_scans_is_said(tmp_path: Path) -> None:
    put(tmp_path, "a_ses-1", [STAYS])
    put(tmp_path, "a_ses-2", [STAYS])
    put(tmp_path, "b_ses-1", [STAYS])
    put(tmp_path, "b_ses-2", [STAYS], MOVED)
    compared(tmp_path)
    flags = {row["subject"]: row["flags"] for row in read_rows(tmp_path / "out" / "visits.tsv")}
    assert "same_regions" in flags["a_ses-2"]
    assert "same_regions" not in flags["b_ses-2"]


def test_regions_cut_off_at_one_visit_do_not_pull() -> None:
    """Four lose half their volume; the centres of four others are off by up to 30 mm."""
    before = positions(np.zeros((0, 3), int), np.eye(4))
    centres, volumes = apply_affine(MOVED, before.region_mm), before.region_ml.copy()
    centres[:4] += 30
    volumes[:4] /= 2
    centres[4], volumes[4] = np.nan, 0
    centres[5:9] += np.array([[30, 0, 0], [0, 8, 0], [0, 0, 4], [2, 0, 0]])
    found = align(before, replace(before, region_mm=centres, region_ml=volumes))
    assert found is not None
    np.testing.assert_allclose(found[0], MOVED, atol=1e-4)


def test_a_mirrored_visit_is_not_laid_on_the_other() -> None:
    """Header and labels exchange left and right together: an atlas on a mirrored scan. Nothing else shows it."""
    before = positions(np.array([[0, 0, 0]]), np.eye(4))
    sides = before.region_mm.copy()
    sides[17:] = sides[:17] * (-1, 1, 1) + np.random.default_rng(2).normal(0, 1.5, (17, 3))  # heads are not symmetrical
    exchanged = np.roll(np.arange(34), 17)
    mirrored = sides[exchanged] * (-1, 1, 1)
    assert align(replace(before, region_mm=sides), replace(before, region_mm=mirrored)) is None


def test_visits_that_do_not_fit_are_not_laid_on_each_other() -> None:
    before = positions(np.array([[0, 0, 0]]), np.eye(4))
    noise = np.random.default_rng(1).normal(0, 1.5, before.region_mm.shape)
    assert align(before, replace(before, region_mm=before.region_mm + noise)) is None
    few = positions(np.array([[0, 0, 0]]), np.eye(4), FEWEST - 1)
    assert align(few, few) is None
    assert align(*[positions(np.array([[0, 0, 0]]), np.eye(4), FEWEST)] * 2) is not None


def test_what_is_not_known_is_undefined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two regions: volumes are compared, lesions are not."""
    two = np.where(np.isin(regions(), (1, 20)), regions(), 0)
    put(tmp_path, "a_ses-1", [STAYS], labels=two)
    put(tmp_path, "a_ses-2", [NEW], labels=two)
    rows, new = compared(tmp_path)
    columns = [
        f"{a}_lesion{b}" for a, b in (("new", "_volume_ml"), ("gone", "_volume_ml"), ("n_new", "s"), ("n_gone", "s"))
    ]
    assert {row[column] for row in rows.values() for column in (*columns, "regions_apart_mm")} == {""}
    assert new == []
    assert not list((tmp_path / "out" / "visits").iterdir())
    assert "new lesion" not in capsys.readouterr().out


def test_no_lesion_at_one_visit(tmp_path: Path) -> None:
    put(tmp_path, "a_ses-1", [])
    put(tmp_path, "a_ses-2", [NEW])
    put(tmp_path, "a_ses-3", [])
    compared(tmp_path)
    totals = [row for row in read_rows(tmp_path / "out" / "visits.tsv") if row["name"] == "total"]
    assert [numbers(row) for row in totals] == [(12, 1, 0, 0), (0, 0, 12, 1)]
    (new,) = read_rows(tmp_path / "out" / "new_lesions.tsv")
    assert new["nearest_previous_mm"] == "", "there was none"


def test_the_transform_lays_the_visit_before_on_this_one(tmp_path: Path) -> None:
    put(tmp_path, "a_ses-1", [STAYS, OLD])
    put(tmp_path, "a_ses-2", [STAYS, OLD], MOVED)
    compared(tmp_path)
    before, now = (sitk.ReadImage(str(tmp_path / "lesions" / f"a_ses-{visit}.nii.gz")) for visit in (1, 2))
    transform = sitk.ReadTransform(str(tmp_path / "out" / "visits" / "a_ses-2_to_previous.tfm"))
    laid = sitk.Resample(before, now, transform, sitk.sitkNearestNeighbor)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(laid), sitk.GetArrayFromImage(now))


def test_results_of_earlier_versions_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their parts do not say where lesions are."""
    put(tmp_path, "a_ses-1", [STAYS])
    put(tmp_path, "a_ses-2", [STAYS, NEW])
    with monkeypatch.context() as patch:
        patch.setattr("yucca_wm.localize.plan.PART_FORM", PART_FORM - 1)
        patch.setattr("yucca_wm.localize.outputs.parts._packed", lambda _: "")
        rows, new = compared(tmp_path)
    assert not rows[-1]["n_new_lesions"]
    assert new == []
    assert numbers(compared(tmp_path)[0][-1]) == (12, 1, 0, 0)


def test_transforms_of_people_who_left_are_removed(tmp_path: Path) -> None:
    put(tmp_path, "a_ses-1", [STAYS])
    put(tmp_path, "a_ses-2", [STAYS])
    put(tmp_path, "b", [STAYS])
    compared(tmp_path)
    for what in ("lesions", "regions"):
        (tmp_path / what / "a_ses-2.nii.gz").unlink()
    maps = ["--lesions", str(tmp_path / "lesions"), "--regions", str(tmp_path / "regions")]
    assert main([*maps, "--out-dir", str(tmp_path / "out")]) == 0
    assert not (tmp_path / "out" / "visits").exists()
    assert not list((tmp_path / "out").glob("new_lesions.*"))


def test_where_all_results_go_so_do_the_transforms(tmp_path: Path) -> None:
    put(tmp_path, "a_ses-1", [STAYS])
    put(tmp_path, "a_ses-2", [STAYS])
    compared(tmp_path)
    assert (tmp_path / "out" / "visits").is_dir()
    remove_group(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"parts", "regions.tsv", "run_record.jsonl"}


def test_copied_results_have_the_same_tables(tmp_path: Path) -> None:
    put(tmp_path, "a_ses-1", [STAYS, OLD])
    put(tmp_path, "a_ses-2", [STAYS, NEW], MOVED)
    compared(tmp_path)
    tables = [(tmp_path / "out" / name).read_bytes() for name in ("visits.tsv", "new_lesions.tsv")]
    shutil.copytree(tmp_path / "out", tmp_path / "copy")
    maps = ["--lesions", str(tmp_path / "lesions"), "--regions", str(tmp_path / "regions")]
    assert main([*maps, "--out-dir", str(tmp_path / "copy"), "--level", "group"]) == 0
    assert [(tmp_path / "copy" / name).read_bytes() for name in ("visits.tsv", "new_lesions.tsv")] == tables


def test_from_python_the_tables_are_those_of_the_command(tmp_path: Path) -> None:
    put(tmp_path, "a_ses-1", [STAYS, OLD])
    put(tmp_path, "a_ses-2", [STAYS, NEW], MOVED, "LPS")
    compared(tmp_path)
    before, now = (
        yw.localize(*(tmp_path / what / f"a_ses-{visit}.nii.gz" for what in ("lesions", "regions"))) for visit in (1, 2)
    )
    found = yw.compare_visits(before, now)
    saved = found.save(tmp_path / "saved")
    for name, frame in (("visits.tsv", found.regions), ("new_lesions.tsv", found.new_lesions)):
        assert (saved / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
        read = pd.read_csv(saved / name, sep="\t")
        assert list(frame.columns) == list(read.columns)
        assert len(frame) == len(read)
    assert found.to_previous is not None
    np.testing.assert_allclose(found.to_previous @ MOVED, np.eye(4), atol=1e-4)  # headers have float32
    assert repr(found).splitlines() == [
        "Follow-up of a_ses-2, since a_ses-1",
        "0.128 ml before, 0.160 ml now: +0.032 ml",
        "lesions: 1 new (0.096 ml), 1 gone (0.064 ml)",
        "flags: high_outside",
    ]


def test_from_python_two_ways_of_counting_are_not_compared(tmp_path: Path) -> None:
    put(tmp_path, "a", [STAYS])
    maps = [tmp_path / what / "a.nii.gz" for what in ("lesions", "regions")]
    other = yw.localize(*maps, min_size_mm3=10)
    with pytest.raises(yw.InputError, match="a: was localized with other regions or settings than a; use the same"):
        yw.compare_visits(yw.localize(*maps), other)
    (tmp_path / "visits.tsv").write_text("mine")
    with pytest.raises(yw.InputError, match=r"visits\.tsv: exists already and was not written by yucca-wm"):
        yw.compare_visits(other, other).save(tmp_path)
