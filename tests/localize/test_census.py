"""Rows of single lesions: their volume, their order, and the order of the regions that they touch."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import Image
from yucca_wm.localize.case import localize
from yucca_wm.localize.measures.lesions import Settings

ALL = Settings(min_size_mm3=0)


def census(lesions, labels, affine):
    return localize("s", Image(lesions, affine), Image(labels, affine), regions(), ALL)


def test_volumes_are_in_ml_and_add_up_to_the_total(synthetic):
    labels = synthetic.region_map()
    lesions = synthetic.random_lesions(labels, np.random.default_rng(0), 20)
    result = census(lesions, labels, synthetic.oblique_affine((0.9, 1.1, 3.0)))
    for lesion in result.lesions:
        assert lesion.volume_ml == pytest.approx(lesion.voxels * 0.9 * 1.1 * 3.0 / 1000)
    assert sum(lesion.volume_ml for lesion in result.lesions) == pytest.approx(result.total.lesion_volume_ml)
    assert [lesion.lesion for lesion in result.lesions] == list(range(1, result.total.n_lesions + 1))


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("direction", [-1, 1])
def test_the_largest_is_first_and_equal_ones_are_in_the_order_of_their_places_in_the_world(axis, direction):
    """x decides, then y, then z, whichever way the axes are stored."""
    lesions = np.zeros((12, 12, 12), np.uint8)
    lesions[6, 6, 6:9] = 1
    ends = [[5, 5, 2], [5, 5, 2]]
    ends[0][axis], ends[1][axis] = 1, 10
    for end in ends:
        lesions[tuple(end)] = 1
    affine = np.diag([direction, direction, direction, 1.0])
    first, second, third = census(lesions, np.ones_like(lesions), affine).lesions
    assert first.voxels == 3
    assert second.centroid_mm[axis] == pytest.approx(min(direction * 1, direction * 10))
    assert third.centroid_mm[axis] == pytest.approx(max(direction * 1, direction * 10))


def test_x_decides_before_y_and_y_before_z():
    lesions = np.zeros((12, 12, 12), np.uint8)
    places = [(1, 9, 9), (5, 1, 9), (5, 9, 1), (5, 9, 6)]
    for place in reversed(places):
        lesions[place] = 1
    found = [lesion.centroid_mm for lesion in census(lesions, np.ones_like(lesions), np.eye(4)).lesions]
    assert found == [tuple(map(float, place)) for place in places]


def test_of_equal_parts_regions_come_in_table_order_and_outside_last():
    lesions, labels = np.zeros((2, 12, 4, 4), np.uint8)
    lesions[2:10, 1, 1] = 1
    labels[4:6], labels[6:8], labels[8:10] = 20, 3, 7
    (lesion,) = census(lesions, labels, np.eye(4)).lesions
    names = {region.index: region.name for region in regions()}
    assert lesion.regions == tuple((name, 25.0) for name in (names[3], names[7], names[20], "outside"))
    assert lesion.main_region_id == 3
