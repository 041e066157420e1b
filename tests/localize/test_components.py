from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from yucca_wm.localize.measures.lesions import find_lesions

NEIGHBOURS = {6: 1, 18: 2, 26: 3}


@pytest.mark.parametrize("connectivity", [6, 18, 26])
@pytest.mark.parametrize("seed", range(4))
def test_counts_and_sizes_are_those_of_scipy(connectivity, seed):
    mask = np.random.default_rng(seed).random((30, 25, 20)) < 0.08
    labels, expected = ndimage.label(mask, ndimage.generate_binary_structure(3, NEIGHBOURS[connectivity]))
    found = find_lesions(mask, connectivity=connectivity)
    assert found.count == expected
    assert sorted(np.bincount(found.lesion)) == sorted(np.bincount(labels.ravel())[1:])
    assert found.removed_voxels == 0


def test_voxels_are_those_of_the_mask():
    mask = np.random.default_rng(0).random((12, 13, 14)) < 0.1
    mask[:3] = mask[:, -4:] = False
    rebuilt = np.zeros_like(mask)
    rebuilt[tuple(find_lesions(mask).voxels.T)] = True
    np.testing.assert_array_equal(rebuilt, mask)


def test_corner_edge_and_face():
    mask = np.zeros((4, 4, 4), dtype=bool)
    mask[0, 0, 0] = mask[1, 1, 1] = mask[1, 2, 2] = mask[1, 3, 2] = True
    assert [find_lesions(mask, connectivity=c).count for c in (26, 18, 6)] == [1, 2, 3]


def test_small_lesions_are_removed_and_counted():
    mask = np.zeros((20, 5, 5), dtype=bool)
    mask[0:3, 0, 0] = mask[5:9, 0, 0] = mask[12, 0, 0] = True
    found = find_lesions(mask, min_voxels=3)
    assert found.count == 2
    assert sorted(np.bincount(found.lesion)) == [3, 4]
    assert (found.removed_lesions, found.removed_voxels) == (1, 1)


def test_no_lesion():
    found = find_lesions(np.zeros((4, 5, 6), dtype=bool))
    assert found.count == 0
    assert found.voxels.shape == (0, 3)
    assert (found.removed_lesions, found.removed_voxels) == (0, 0)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_single_voxels_on_one_line(axis, connectivity):
    """Their bounding box is one voxel thin, which cc3d refuses for boolean masks."""
    mask = np.zeros((5, 5, 5), dtype=bool)
    np.moveaxis(mask, axis, 0)[[0, 2, 4], 1, 1] = True
    assert find_lesions(mask, connectivity=connectivity).count == 3
