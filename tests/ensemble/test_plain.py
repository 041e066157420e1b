"""Files written by plain Yucca: read, in the image's voxel order, and never executed."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel import orientations

from yucca_wm.core.errors import InputError
from yucca_wm.ensemble.folders import merge_folders, open_probabilities
from yucca_wm.ensemble.merge import merge
from yucca_wm.imaging import images

Make = Callable[..., Any]


def write_as_yucca(path: Path, values: np.ndarray, scan: nib.Nifti1Image) -> None:
    """As ``save_prediction_from_logits`` of yucca 2.3.7: everything in RAS, properties pickled."""
    codes = "".join(orientations.aff2axcodes(scan.affine))
    moves = orientations.ornt_transform(orientations.axcodes2ornt(codes), orientations.axcodes2ornt("RAS"))
    ras = scan.as_reoriented(moves)
    values = np.stack([orientations.apply_orientation(one, moves) for one in values])
    properties = {
        "image_extension": "nii.gz",
        "uncropped_shape": np.array(values.shape[1:]),
        "nonzero_box": [np.int64(0), np.int64(3)],
        "nifti_metadata": {
            "original_spacing": [1.0, 1.0, 1.0],
            "original_orientation": codes,
            "final_direction": "RAS",
            "header": ras.header.binaryblock,
            "affine": ras.affine,
            "reoriented": True,
        },
    }
    np.savez_compressed(path, data=values.astype(np.float32), properties=properties)  # type: ignore[arg-type]


def scan(grid: Any) -> nib.Nifti1Image:
    return nib.Nifti1Image(np.zeros(grid.shape, np.float32), grid.affine, nib.Nifti1Header(grid.nifti_header))


@pytest.mark.parametrize("codes", ["LPS", "RAS", "PIR"])
def test_read_in_the_images_own_order(tmp_path: Path, probabilities: Make, grid: Make, codes: str) -> None:
    rotation = orientations.inv_ornt_aff(
        orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(codes)), (14, 12, 6)
    )
    values, place = probabilities(1), grid(affine=np.diag([1, 1.2, 3, 1]) @ rotation)
    write_as_yucca(tmp_path / "a.npz", values, scan(place))
    merged = merge([open_probabilities(tmp_path / "a.npz")])
    np.testing.assert_array_equal(merged.labels, values.argmax(axis=0))
    np.testing.assert_allclose(merged.grid.affine, place.affine, atol=1e-6)


def test_merged_with_a_file_of_ours(tmp_path: Path, softmax_folder: Make, probabilities: Make, grid: Make) -> None:
    (tmp_path / "yucca").mkdir()
    write_as_yucca(tmp_path / "yucca" / "a.npz", probabilities(2), scan(grid()))
    outcome = merge_folders([softmax_folder("ours", a=1), tmp_path / "yucca"], tmp_path / "out")
    assert not outcome.failures
    expected = (probabilities(1) + probabilities(2)).argmax(axis=0)
    assert (images.load(tmp_path / "out" / "a.nii.gz").data == expected).mean() > 0.999


class Bomb:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_pickle_bomb_is_refused_and_not_executed(tmp_path: Path, probabilities: Make, softmax_folder: Make) -> None:
    traces = tmp_path / "executed"
    pickle.loads(pickle.dumps(Bomb(traces)))
    assert traces.exists(), "the bomb does not work, so this test proves nothing"
    traces.unlink()
    (tmp_path / "bad").mkdir()
    properties = np.array(Bomb(traces), dtype=object)
    np.savez_compressed(tmp_path / "bad" / "a.npz", data=probabilities(1), properties=properties)
    with pytest.raises(InputError, match="refused"):
        open_probabilities(tmp_path / "bad" / "a.npz")
    outcome = merge_folders([softmax_folder("t1", a=1), tmp_path / "bad"], tmp_path / "out")
    assert "refused" in outcome.failures["a"]
    assert not traces.exists()


def test_cut_short(tmp_path: Path, probabilities: Make, grid: Make) -> None:
    write_as_yucca(tmp_path / "a.npz", probabilities(1), scan(grid()))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged"):
        open_probabilities(tmp_path / "a.npz")
