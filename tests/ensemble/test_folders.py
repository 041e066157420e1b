from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

import yucca_wm as yw
from yucca_wm.core.errors import InputError
from yucca_wm.ensemble import store
from yucca_wm.ensemble.folders import Options, merge_folders
from yucca_wm.imaging import images
from yucca_wm.imaging.label_names import stated_names
from yucca_wm.jobs.lock import hold

from .conftest import make_grid, make_probabilities

Make = Callable[..., Any]


def test_label_maps_keep_the_scans_header_and_say_what_went_in(
    tmp_path: Path, softmax_folder: Make, grid: Make
) -> None:
    folders = [softmax_folder("t1", a=1, b=2), softmax_folder("flair", a=3, b=4)]
    outcome = merge_folders(folders, tmp_path / "out", Options(confidence=True))
    assert not outcome.failures
    label_map: Any = nib.load(tmp_path / "out" / "a.nii.gz")
    assert label_map.get_data_dtype() == np.uint8
    np.testing.assert_allclose(label_map.affine, grid().affine)
    assert int(label_map.header["sform_code"]) == 2
    assert int(label_map.header["qform_code"]) == 1
    assert label_map.header["descrip"].tobytes().startswith(b"a scan")
    manifest = json.loads((tmp_path / "out" / "ensemble.json").read_text())
    assert [member["file"] for member in manifest["cases"]["b"]["members"]] == [str(f / "b.npz") for f in folders]
    assert images.load(tmp_path / "out" / "confidence" / "b.nii.gz").data.max() <= 1


def named(folder: Path, names: dict[str, str], seed: int) -> Path:
    folder.mkdir()
    about = {"region_names": names} if names else {}
    store.write_array(folder / "a.npz", make_probabilities(seed), make_grid(), about=about)
    return folder


def test_regions_keep_the_names_that_the_models_knew_them_by(tmp_path: Path) -> None:
    """Also if one model stores none; and they are compared where the map is read."""
    own = {"1": "front_L", "2": "front_R", "3": "back_L", "4": "back_R"}
    folders = [named(tmp_path / "old", {}, 1), named(tmp_path / "t1", own, 2), named(tmp_path / "flair", own, 3)]
    assert not merge_folders(folders, tmp_path / "out").failures
    merged = tmp_path / "out" / "a.nii.gz"
    assert stated_names(images.load(merged).header) == {int(label): name for label, name in own.items()}
    lesion = np.zeros(images.load(merged).shape, np.uint8)
    lesion[3:5, 3:5, 3] = 1
    images.save(images.load(merged).with_data(lesion), tmp_path / "lesions.nii.gz")
    with pytest.raises(InputError, match=r"calls label \d front_L, the region table"):
        yw.localize(tmp_path / "lesions.nii.gz", merged)
    (tmp_path / "own.tsv").write_text("index\tname\n" + "".join(f"{label}\t{name}\n" for label, name in own.items()))
    loads = yw.localize(tmp_path / "lesions.nii.gz", merged, names=tmp_path / "own.tsv").loads
    assert list(loads["name"])[:4] == list(own.values())


def test_models_with_each_others_names_are_not_averaged(tmp_path: Path) -> None:
    folders = [named(tmp_path / "t1", {"1": "front_L", "2": "front_R"}, 1)]
    folders.append(named(tmp_path / "flair", {"1": "front_R", "2": "front_L"}, 2))
    failed = merge_folders(folders, tmp_path / "out").failures["a"]
    assert f"calls label 1 front_R, which is label 2 in {folders[0]}/a.npz" in failed
    assert not (tmp_path / "out" / "a.nii.gz").exists()


def test_missing_cases_are_named_or_merged_from_what_there_is(tmp_path: Path, softmax_folder: Make) -> None:
    folders = [softmax_folder("t1", a=1, b=2), softmax_folder("flair", a=3, c=4)]
    with pytest.raises(InputError, match=r"'b' is not in .*flair; 'c' is not in .*t1"):
        merge_folders(folders, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    outcome = merge_folders(folders, tmp_path / "out", Options(allow_missing=True))
    assert [len(outcome.results[case]["members"]) for case in "abc"] == [2, 1, 1]


def test_empty_or_absent_folder(tmp_path: Path, softmax_folder: Make) -> None:
    (tmp_path / "empty").mkdir()
    for other in ("empty", "absent"):
        with pytest.raises(InputError, match=other):
            merge_folders([softmax_folder("t1", a=1), tmp_path / other], tmp_path / "out")


@pytest.mark.parametrize("how", ["again", "another spelling", "link to the folder", "links to its files"])
def test_a_folder_does_not_count_twice(tmp_path: Path, softmax_folder: Make, how: str) -> None:
    """However it is named; and nothing is written."""
    folder = softmax_folder("t1", a=1, b=2)
    second = {"again": folder, "another spelling": folder / ".." / folder.name}.get(how, tmp_path / "second")
    if how == "link to the folder":
        second.symlink_to(folder)
    elif how == "links to its files":
        second.mkdir()
        for file in folder.glob("*.npz"):
            (second / file.name).symlink_to(file)
    with pytest.raises(InputError, match="would count twice"):
        merge_folders([softmax_folder("flair", a=3, b=4), folder, second], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    merge_folders([softmax_folder("flair", a=3, b=4), folder], tmp_path / "out")


def test_a_copy_of_a_softmax_does_not_count_twice(tmp_path: Path, softmax_folder: Make) -> None:
    folders = [softmax_folder("t1", a=1, b=2), softmax_folder("flair", a=3, b=2)]
    outcome = merge_folders(folders, tmp_path / "out")
    assert list(outcome.results) == ["a"]
    assert "is there in two folders, byte for byte" in outcome.failures["b"]


def test_label_maps_of_others_in_the_folder_are_named(
    tmp_path: Path, softmax_folder: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next step would take them for people of this run."""
    merge_folders([softmax_folder("t1", a=1, b=2), softmax_folder("flair", a=3, b=4)], tmp_path / "out")
    assert "also holds" not in capsys.readouterr().err
    merge_folders([softmax_folder("t1_new", a=5, c=6), softmax_folder("flair_new", a=7, c=8)], tmp_path / "out")
    assert "out also holds label maps of an earlier run, not made now: b\n" in capsys.readouterr().err


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 0.0), (1.0, -2.0)])
def test_weights_are_one_positive_number_a_folder(
    tmp_path: Path, softmax_folder: Make, weights: tuple[float, ...]
) -> None:
    with pytest.raises(InputError, match="--weights"):
        merge_folders(
            [softmax_folder("t1", a=1), softmax_folder("flair", a=2)], tmp_path / "o", Options(weights=weights)
        )


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, softmax_folder: Make) -> None:
    folders = [softmax_folder("t1", a=1, b=2, c=3), softmax_folder("flair", a=4, b=5, c=6)]
    content = bytearray((folders[1] / "b.npz").read_bytes())
    content[len(content) // 2] ^= 16
    (folders[1] / "b.npz").write_bytes(content)
    outcome = merge_folders(folders, tmp_path / "out")
    assert list(outcome.results) == ["a", "c"]
    assert "damaged" in outcome.failures["b"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.nii.gz")) == ["a.nii.gz", "c.nii.gz"]


def test_merged_again_when_an_input_changes_and_kept_when_not(tmp_path: Path, softmax_folder: Make) -> None:
    folders = [softmax_folder("t1", a=1, b=2), softmax_folder("flair", a=3, b=4)]
    merge_folders(folders, tmp_path / "out")
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in ("a.nii.gz", "b.nii.gz")}
    softmax_folder("t1", b=9)
    merge_folders(folders, tmp_path / "out")
    after = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in before}
    assert after["a.nii.gz"] == before["a.nii.gz"]
    assert after["b.nii.gz"] > before["b.nii.gz"]
    first = (tmp_path / "out" / "b.nii.gz").read_bytes()
    merge_folders(folders, tmp_path / "out", Options(weights=(1.0, 50.0)))
    assert (tmp_path / "out" / "b.nii.gz").read_bytes() != first


def test_a_case_that_now_fails_leaves_no_old_label_map(tmp_path: Path, softmax_folder: Make) -> None:
    folders = [softmax_folder("t1", a=1, b=2), softmax_folder("flair", a=3, b=4)]
    merge_folders(folders, tmp_path / "out")
    (folders[0] / "b.npz").write_bytes(b"damaged")
    assert list(merge_folders(folders, tmp_path / "out").failures) == ["b"]
    assert [path.name for path in (tmp_path / "out").glob("*.nii.gz")] == ["a.nii.gz"]


def test_an_own_map_in_the_folder_of_confidences_stays(tmp_path: Path, softmax_folder: Make) -> None:
    folders = [softmax_folder("t1", a=1), softmax_folder("flair", a=3)]
    merge_folders(folders, tmp_path / "out")
    own = tmp_path / "out" / "confidence" / "a.nii.gz"
    own.parent.mkdir()
    own.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"confidence/a\.nii\.gz: exists already and was not written by"):
        merge_folders(folders, tmp_path / "out", Options(confidence=True))
    softmax_folder("t1", a=9)
    assert merge_folders(folders, tmp_path / "out").failures == {}
    assert own.read_bytes() == b"mine"


def test_a_case_merged_anew_without_confidence_leaves_no_old_map_of_it(tmp_path: Path, softmax_folder: Make) -> None:
    folders = [softmax_folder("t1", a=1, b=2), softmax_folder("flair", a=3, b=4)]
    merge_folders(folders, tmp_path / "out", Options(confidence=True))
    softmax_folder("t1", b=9)
    merge_folders(folders, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out" / "confidence").iterdir()] == ["a.nii.gz"]


def test_files_that_were_moved_are_named_where_they_are_now(tmp_path: Path, softmax_folder: Make) -> None:
    folders = [softmax_folder("t1", a=1), softmax_folder("flair", a=3)]
    merge_folders(folders, tmp_path / "out")
    before = (tmp_path / "out" / "a.nii.gz").stat().st_mtime_ns
    moved = folders[1].rename(tmp_path / "elsewhere")
    made = merge_folders([folders[0], moved], tmp_path / "out").results["a"]
    assert [member["file"] for member in made["members"]] == [str(folders[0] / "a.npz"), str(moved / "a.npz")]
    assert (tmp_path / "out" / "a.nii.gz").stat().st_mtime_ns == before


def test_a_second_run_into_the_folder_is_refused(tmp_path: Path, softmax_folder: Make) -> None:
    folders = [softmax_folder("t1", a=1), softmax_folder("flair", a=3)]
    merge_folders(folders, tmp_path / "out")
    with hold(tmp_path / "out" / ".lock", "the first run"), pytest.raises(InputError, match="another run is writing"):
        merge_folders(folders, tmp_path / "out")


def test_another_grid_is_an_error_unless_resampled(
    tmp_path: Path, softmax_folder: Make, probabilities: Make, grid: Make
) -> None:
    t1 = softmax_folder("t1", a=1)
    flair = tmp_path / "flair"
    flair.mkdir()
    affine = np.array(grid().affine)
    affine[:3, 3] = affine[:3, :3] @ [13, 0, 0] + affine[:3, 3]
    affine[:3, 0] *= -1  # the same voxels, stored from the other side
    store.write_array(flair / "a.npz", probabilities(2)[:, ::-1], grid(affine=affine))
    assert "affines differ" in merge_folders([t1, flair], tmp_path / "no").failures["a"]
    merge_folders([t1, flair], tmp_path / "out", Options(resample=True))
    merge_folders([t1, softmax_folder("straight", a=2)], tmp_path / "same")
    np.testing.assert_array_equal(
        images.load(tmp_path / "out" / "a.nii.gz").data, images.load(tmp_path / "same" / "a.nii.gz").data
    )


@pytest.mark.parametrize("shift_mm", [1e-4, -1e-4])
def test_resampling_by_next_to_nothing_changes_nothing(
    tmp_path: Path, softmax_folder: Make, probabilities: Make, grid: Make, shift_mm: float
) -> None:
    """The outermost planes are still within the other's grid."""
    t1, flair = softmax_folder("t1", a=1), tmp_path / "flair"
    flair.mkdir()
    affine = np.array(grid().affine)
    affine[:3, 3] += shift_mm
    store.write_array(flair / "a.npz", probabilities(2), grid(affine=affine))
    for resample in (False, True):
        merge_folders([t1, flair], tmp_path / str(resample), Options(resample=resample))
    np.testing.assert_array_equal(*(images.load(tmp_path / how / "a.nii.gz").data for how in ("False", "True")))
