"""A mask in the place of a region map or of an atlas would teach, or give, one region for all white matter."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.atlas.maps import load_atlas
from yucca_wm.core.errors import InputError
from yucca_wm.tasks.case import load_map
from yucca_wm.tasks.definition import Target


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    data = np.zeros((6, 6, 6), np.uint8)
    data[2:4, 2:4, 2:4] = 1
    nib.save(nib.Nifti1Image(data, np.diag([2.0, 2, 2, 1])), tmp_path / "mask.nii.gz")
    return tmp_path / "mask.nii.gz"


def test_a_mask_is_no_training_label_of_regions(mask: Path) -> None:
    assert load_map(mask, Target.LESIONS).data.sum() == 8
    with pytest.raises(InputError, match="it looks like a mask"):
        load_map(mask, Target.REGIONS)


def test_a_mask_is_no_atlas(mask: Path) -> None:
    with pytest.raises(InputError, match="it looks like a mask"):
        load_atlas(mask, mask)
