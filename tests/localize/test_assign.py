from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import Image
from yucca_wm.localize.case import localize
from yucca_wm.localize.measures.lesions import Settings, assign_outside, find_lesions, intersect


def _brute_force(mask, labels, affine, max_mm):
    world = np.indices(mask.shape).reshape(3, -1).T @ affine[:3, :3].T
    flat = labels.ravel()
    gained = np.zeros(37, dtype=int)
    inside = np.flatnonzero(flat)
    for voxel in np.flatnonzero(mask.ravel() & (flat == 0)):
        distance = np.linalg.norm(world[inside] - world[voxel], axis=1)
        if distance.min() <= max_mm:
            gained[flat[inside][distance <= distance.min() + 1e-6].min()] += 1
    return gained


@pytest.mark.parametrize("max_mm", [1.5, 4.0, 200.0])
@pytest.mark.parametrize("seed", range(3))
def test_nearest_region_in_world_space(synthetic, max_mm, seed):
    rng = np.random.default_rng(seed)
    affine = synthetic.oblique_affine((0.9, 1.3, 3.0))
    labels = (rng.integers(1, 37, (14, 12, 8)) * (rng.random((14, 12, 8)) < 0.05)).astype(np.uint8)
    mask = rng.random(labels.shape) < 0.2
    lesions = find_lesions(mask)
    counts = intersect(lesions, labels, regions().indices)
    assigned = assign_outside(lesions, counts, labels, affine, max_mm)
    gained = _brute_force(mask, labels, affine, max_mm)
    np.testing.assert_array_equal(assigned[1:] - counts.lesion_voxels[1:], gained[1:])
    assert assigned.sum() == counts.lesion_voxels.sum()


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("step", [-1, 1])
def test_a_region_exactly_as_far_as_allowed_is_reached_and_none_beyond(synthetic, axis, step):
    spacing_mm = (0.9, 1.3, 3.0)
    affine = synthetic.oblique_affine(spacing_mm)
    mask, labels = np.zeros((2, 15, 15, 15), np.uint8)
    mask[7, 7, 7] = 1
    region = [7, 7, 7]
    region[axis] += 4 * step
    labels[tuple(region)] = 9
    lesions = find_lesions(mask)
    counts = intersect(lesions, labels, regions().indices)
    for allowed_mm, gained in ((4 * spacing_mm[axis], 1), (3.99 * spacing_mm[axis], 0)):
        assert assign_outside(lesions, counts, labels, affine, allowed_mm)[9] == gained


def test_columns_of_their_own():
    labels = np.zeros((20, 5, 5), np.uint8)
    labels[0:5] = 4
    mask = np.zeros_like(labels)
    mask[4:8, 2, 2] = mask[19, 2, 2] = 1
    grid = np.eye(4)
    result = localize("s", Image(mask, grid), Image(labels, grid), regions(), Settings((1,), (), 26, 0, 2.0))
    rows = {row.region_id: row for row in result.load}
    assert [rows[i].lesion_volume_ml * 1000 for i in (4, 0, -1)] == [1, 4, 5]
    assert [rows[i].lesion_volume_assigned_ml * 1000 for i in (4, 0, -1)] == [3, 2, 5]


def test_nothing_outside_and_no_region():
    labels, mask = np.ones((4, 4, 4), np.uint8), np.ones((4, 4, 4), np.uint8)
    for regions_data in (labels, labels * 0):
        lesions = find_lesions(mask)
        counts = intersect(lesions, regions_data, regions().indices)
        assert assign_outside(lesions, counts, regions_data, np.eye(4), 5).tolist() == counts.lesion_voxels.tolist()
