"""An atlas that does not fit together is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yucca_wm.atlas.maps import load_atlas
from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import RegionTable, regions
from yucca_wm.imaging.images import Image, save

LABELS = np.zeros((6, 6, 6), np.uint8)
LABELS[1:3, 1:5, 1:5], LABELS[3:5, 1:5, 1:5] = 20, 3
NAMES = RegionTable([regions().by_index(index) for index in (3, 20)])


def write(tmp_path: Path, name: str, data: np.ndarray, affine: np.ndarray | None = None) -> Path:
    return save(Image(data, np.eye(4) if affine is None else affine), tmp_path / f"{name}.nii.gz")


@pytest.mark.parametrize(
    "wm",
    [
        (LABELS > 0).astype(np.uint8),
        np.where(np.arange(6) > 2, LABELS, 0).astype(np.uint8),
        (LABELS > 0) * np.float32(0.7),
    ],
    ids=["mask", "labels in white matter only", "probabilities"],
)
def test_white_matter_in_three_forms(tmp_path: Path, wm: np.ndarray) -> None:
    atlas = load_atlas(write(tmp_path, "wm", wm), write(tmp_path, "labels", LABELS), NAMES)
    np.testing.assert_array_equal(atlas.wm.data > 0, wm > 0)
    assert set(atlas.digests) == {"wm.nii.gz", "labels.nii.gz"}


@pytest.mark.parametrize(
    ("wm", "affine", "message"),
    [
        (LABELS * 0, None, "no white matter"),
        ((LABELS[:5] > 0).astype(np.uint8), None, "has shape"),
        ((LABELS > 0).astype(np.uint8), np.diag([2.0, 1, 1, 1]), "mm away from"),
        (np.where(LABELS == 3, 2, LABELS).astype(np.uint8), None, "which of them is white matter"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, wm: np.ndarray, affine: np.ndarray | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_atlas(write(tmp_path, "wm", wm, affine), write(tmp_path, "labels", LABELS), NAMES)


def test_an_atlas_of_other_regions_does_not_get_the_built_in_names(tmp_path: Path) -> None:
    """All its labels are in the built-in table, which has 34 regions: 3 and 20 would be called by its names."""
    with pytest.raises(InputError, match=r"lacks 32 of the 34 regions of the built-in table; give its own .*names="):
        load_atlas(write(tmp_path, "wm", (LABELS > 0).astype(np.uint8)), write(tmp_path, "labels", LABELS))
