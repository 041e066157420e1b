"""``yucca_wm.localize``: one table whatever form the maps come in, and the files of the command."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

import yucca_wm as yw
from yucca_wm.localize.__main__ import main

AFFINE = np.array([[0.0, -2.0, 0.0, 11.0], [1.0, 0.0, 0.0, -7.0], [0.0, 0.0, 3.0, 5.0], [0.0, 0.0, 0.0, 1.0]])
"""i runs to the front by 1 mm, j to the left by 2 mm, k up by 3 mm: voxels of 6 mm3, no axis where RAS has it."""


def maps() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Region 1 (left) fills j from 6 on, region 18 (right) j below 4, 2 x 2 columns each; two lesions.

    In region 1: 3 voxels in a row along j, of 2 x 2 x 4 = 16 in the region. In region 18: one voxel, and one outside
    that touches it over a corner: a lesion of 2 voxels, half of it outside.
    """
    regions, lesions = np.zeros((5, 10, 3), np.uint8), np.zeros((5, 10, 3), np.uint8)
    regions[1:3, 6:10, 0:2] = 1
    regions[1:3, 0:4, 0:2] = 18
    lesions[1, 6:9, 0] = 1
    lesions[2, 3, 1] = lesions[3, 4, 2] = 1
    return lesions, regions


def as_sitk(data: NDArray[np.uint8]) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.transpose(2, 1, 0)))
    image.SetSpacing((1.0, 2.0, 3.0))
    image.SetOrigin((-11.0, 7.0, 5.0))
    image.SetDirection((0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0))  # columns: i, j, k in LPS
    return image


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "in" / "anna_lesions.nii.gz", tmp_path / "in" / "anna_regions.nii.gz"
    paths[0].parent.mkdir()
    for path, data in zip(paths, maps(), strict=True):
        nib.save(nib.Nifti1Image(data, AFFINE), path)
    return paths


def test_the_four_forms_give_one_table_worked_out_by_hand(files: tuple[Path, Path]) -> None:
    lesions, regions = maps()
    found = {
        "paths": yw.localize(*map(str, files), subject="anna"),
        "nibabel": yw.localize(nib.Nifti1Image(lesions, AFFINE), nib.Nifti1Image(regions, AFFINE), subject="anna"),
        "SimpleITK": yw.localize(as_sitk(lesions), as_sitk(regions), subject="anna"),
        "arrays": yw.localize(lesions, regions, affine=AFFINE, subject="anna"),
        "mixed": yw.localize(files[0], regions, affine=AFFINE, subject="anna"),
    }
    for one in found.values():
        pd.testing.assert_frame_equal(one.loads, found["paths"].loads)
        pd.testing.assert_frame_equal(one.lesions, found["paths"].lesions)
        assert one.flags == found["paths"].flags
    loads = found["paths"].loads.set_index("name")
    left, right = loads.index[0], loads.index[17]
    assert (loads.loc[left, "side"], loads.loc[right, "side"]) == ("left", "right")
    assert loads.loc[left, "lesion_volume_ml"] == 0.018
    assert loads.loc[left, "load_percent"] == 100 * 3 / 16
    assert loads.loc[right, "load_percent"] == 100 / 16
    assert loads.loc["outside", "lesion_volume_ml"] == 0.006
    assert loads.loc["total", "lesion_volume_ml"] == 0.03
    assert loads.loc["total", "n_lesions"] == 2
    assert pd.isna(loads.loc["outside", "region_voxels"])
    # the larger lesion lies at j = 7: x = 11 - 14, y = -7 + 1, z = 5
    first = found["paths"].lesions.iloc[0]
    assert [first[f"centroid_{axis}_mm"] for axis in "xyz"] == [-3.0, -6.0, 5.0]
    assert [first[f"extent_{axis}_mm"] for axis in "xyz"] == [6.0, 1.0, 3.0]
    assert "sides_swapped" not in found["paths"].flags


def test_what_is_printed_of_a_result_says_how_much_and_where() -> None:
    """5 voxels of 6 mm3, 4 of them in 32 voxels of white matter; 3 in region 1, one in region 18."""
    found = yw.localize(*maps(), affine=AFFINE, subject="anna")
    first, how_much, where, *flags = repr(found).splitlines()
    assert first == "Localization of anna"
    assert how_much == "2 lesions, 0.030 ml; they fill 12.50 % of the white-matter regions"
    left, right = found.loads["name"][0], found.loads["name"][17]
    assert where == f"most in {left} (0.018 ml), {right} (0.006 ml)"
    assert flags == [f"flag {name}: {sentence}" for name, sentence in found.flags.items()]
    none = yw.localize(np.zeros_like(maps()[0]), maps()[1], affine=AFFINE)
    assert repr(none).splitlines()[1] == "0 lesions, 0.000 ml; they fill 0.00 % of the white-matter regions"
    assert "most in" not in repr(none)


def test_save_writes_what_the_command_writes(files: tuple[Path, Path], tmp_path: Path) -> None:
    yw.localize(*files).save(tmp_path / "saved")
    command = ["--lesions", str(files[0]), "--regions", str(files[1]), "--out-dir", str(tmp_path / "command")]
    assert main(command) == 0
    written = {path.name for path in (tmp_path / "saved").iterdir()}
    assert written >= {"lesion_load.tsv", "lesion_load_wide.tsv", "lesions.tsv", "regions.tsv", "localize.json"}
    left = {path.name for path in (tmp_path / "command").iterdir()}
    assert left - written == {"parts", "run_record.jsonl"}  # by which the command goes on
    for name in written:
        assert (tmp_path / "saved" / name).read_bytes() == (tmp_path / "command" / name).read_bytes(), name


def test_save_leaves_the_results_of_a_command_alone(files: tuple[Path, Path], tmp_path: Path) -> None:
    assert main(["--lesions", str(files[0]), "--regions", str(files[1]), "--out-dir", str(tmp_path / "out")]) == 0
    with pytest.raises(yw.InputError, match="results of a command"):
        yw.localize(*files).save(tmp_path / "out")


def test_loads_of_the_frame_are_those_of_the_file(files: tuple[Path, Path], tmp_path: Path) -> None:
    found = yw.localize(*files, subject="001")
    found.save(tmp_path)
    written = pd.read_csv(tmp_path / "lesion_load.tsv", sep="\t", dtype={"subject": str})
    assert list(found.loads.columns) == list(written.columns)
    assert set(found.loads["subject"]) == set(written["subject"]) == {"001"}
    for name in ("lesion_volume_ml", "load_percent", "n_lesions"):
        np.testing.assert_array_equal(found.loads[name].astype(float), written[name])


def test_names_may_be_a_data_frame_and_labels_are_checked(files: tuple[Path, Path]) -> None:
    names = pd.DataFrame({"index": [1, 18], "name": ["here", "there"], "side": ["left", "right"]})
    assert list(yw.localize(*files, names=names).loads["name"]) == ["here", "there", "outside", "total"]
    with pytest.raises(yw.InputError, match=r"regions \(array\): holds labels that are not in the table: 18"):
        yw.localize(*maps(), names=names.head(1), affine=AFFINE)
    lesions = np.where(maps()[0] > 0, 7, 0)
    with pytest.raises(yw.InputError, match=r"lesions \(array\): holds labels that are neither counted"):
        yw.localize(lesions, maps()[1], affine=AFFINE)
    assert yw.localize(lesions, maps()[1], affine=AFFINE, lesion_labels="all").result.total.lesion_voxels == 5


def test_small_lesions_and_neighbours_are_as_was_asked() -> None:
    """Six neighbours: the voxel outside is a lesion of its own; both of 6 mm3 stay, and go at 7 mm3."""
    alone = yw.localize(*maps(), affine=AFFINE, connectivity=6)
    assert alone.lesions["voxels"].tolist() == [3, 1, 1]
    large = yw.localize(*maps(), affine=AFFINE, connectivity=6, min_size_mm3=7)
    assert large.lesions["voxels"].tolist() == [3]
    with pytest.raises(ValueError, match="connectivity"):
        yw.localize(*maps(), affine=AFFINE, connectivity=8)  # type: ignore[arg-type]


def test_maps_without_lesions_give_tables_of_the_same_types(files: tuple[Path, Path]) -> None:
    none = yw.localize(np.zeros_like(maps()[0]), maps()[1], affine=AFFINE)
    assert len(none.lesions) == 0
    assert none.lesions.dtypes.tolist() == yw.localize(*files).lesions.dtypes.tolist()
    assert "no_lesion" in none.flags


@pytest.mark.parametrize("labels", [(1,), (1, 2)])
def test_a_mask_is_no_region_map_but_with_a_table_of_its_own(labels: tuple[int, ...]) -> None:
    """A brain or lesion mask given as regions put everything into parietal_L, at 48 % of its volume."""
    affine, lesions = np.diag([2.0, 2, 2, 1]), np.zeros((8, 8, 8), np.uint8)
    lesions[2:4, 2:4, 2:4] = 1
    mask = np.resize(np.array(labels, np.uint8), lesions.shape)
    with pytest.raises(yw.InputError, match=r"it looks like a mask; give the region map.*names="):
        yw.localize(lesions, mask, affine=affine)
    names = pd.DataFrame({"index": labels, "name": [f"part {label}" for label in labels]})
    found = yw.localize(lesions, mask, affine=affine, names=names)
    assert found.loads["lesion_volume_ml"].iloc[-1] == pytest.approx(8 * 0.008)


def test_one_map_given_twice_is_refused() -> None:
    with pytest.raises(yw.InputError, match="same voxels as the region map"):
        yw.localize(maps()[0], maps()[0], affine=AFFINE)


def test_the_lesion_map_says_which_region_and_a_figure_is_drawn() -> None:
    found = yw.localize(*maps(), affine=AFFINE)
    labelled = found.lesion_map()
    values = np.asanyarray(labelled.dataobj)
    assert (values[1, 7, 0], values[2, 3, 1], values[3, 4, 2], int((values > 0).sum())) == (1, 18, 37, 5)
    np.testing.assert_allclose(labelled.affine, AFFINE, atol=1e-5)
    axes = found.plot().axes[0]
    assert len(axes.get_xticks()) == 34


def test_the_map_is_that_of_the_table_though_the_file_has_changed(tmp_path: Path) -> None:
    lesions, regions = maps()
    for name, data in (("lesions", lesions), ("regions", regions)):
        nib.save(nib.Nifti1Image(data, AFFINE), tmp_path / f"{name}.nii")
    found = yw.localize(tmp_path / "lesions.nii", tmp_path / "regions.nii")
    before = np.asanyarray(found.lesion_map().dataobj).copy()
    nib.save(nib.Nifti1Image(0 * lesions, AFFINE), tmp_path / "lesions.nii")
    np.testing.assert_array_equal(np.asanyarray(found.lesion_map().dataobj), before)
    assert np.count_nonzero(before) == found.loads["lesion_voxels"].iloc[-1]


def test_tables_are_not_saved_beside_those_of_predict(tmp_path: Path) -> None:
    """Its page and its maps would be of other lesions than the tables."""
    lesions, regions = np.zeros((4, 4, 4), np.uint8), np.ones((4, 4, 4), np.uint8)
    lesions[1, 1, 1] = 1
    found = yw.localize(lesions, regions, affine=np.eye(4), names=pd.DataFrame({"index": [1], "name": ["all"]}))
    (tmp_path / "predict.json").write_text('{"cases": {}}')
    with pytest.raises(yw.InputError, match=r"holds the results of yucca_wm\.predict.*choose another folder"):
        found.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["predict.json"]
