"""White matter of a tissue map, and of what the package's own models find."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.core.tissue import Tissue
from yucca_wm.imaging.images import Image
from yucca_wm.parcellate.white_matter import white_matter_of

GRID = np.diag([2.0, 2, 2, 1])


def test_cerebral_white_matter_is_taken_and_no_other_tissue() -> None:
    tissue = Image(np.arange(8, dtype=np.uint8).reshape(2, 2, 2), GRID)
    found = white_matter_of(tissue, Image(np.ones((2, 2, 2), np.float32), GRID))
    assert found.mask.data.tolist() == (tissue.data == 1).astype(int).tolist()
    assert found.mask.data.sum() == 1
    assert "tissue map" in found.source


@pytest.mark.parametrize(
    ("data", "grid", "message"),
    [
        (np.full((2, 2, 2), 44, np.uint8), GRID, "holds 44: no tissue map"),
        (np.full((2, 2, 2), Tissue.CEREBELLUM, np.uint8), GRID, "no cerebral white matter"),
        (np.ones((2, 2, 3), np.uint8), GRID, "has shape"),
        (np.ones((2, 2, 2), np.uint8), np.diag([3.0, 2, 2, 1]), "mm away"),
    ],
)
def test_what_is_no_tissue_map_of_this_scan(data: np.ndarray, grid: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        white_matter_of(Image(data, grid), Image(np.ones((2, 2, 2), np.float32), GRID))
