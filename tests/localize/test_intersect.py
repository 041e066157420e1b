from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from yucca_wm.core.regions import regions
from yucca_wm.localize.measures.lesions import find_lesions, intersect
from yucca_wm.localize.measures.load import load_rows


@settings(max_examples=1000, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(*[st.integers(1, 12)] * 3),
    lesion_share=st.floats(0, 1),
    region_share=st.floats(0, 1),
    connectivity=st.sampled_from([6, 18, 26]),
    min_voxels=st.integers(1, 6),
    order=st.sampled_from("CF"),
)
def test_regions_and_outside_add_up_to_the_total(
    seed, shape, lesion_share, region_share, connectivity, min_voxels, order
):
    rng = np.random.default_rng(seed)
    labels = np.asarray(rng.integers(1, 37, shape) * (rng.random(shape) < region_share), dtype=np.uint8, order=order)
    mask = np.asarray(rng.random(shape) < lesion_share, order=order)
    lesions = find_lesions(mask, connectivity=connectivity, min_voxels=min_voxels)
    counts = intersect(lesions, labels, regions().indices)
    kept = np.zeros(shape, dtype=bool)
    kept[tuple(lesions.voxels.T)] = True
    assert kept.sum() + lesions.removed_voxels == mask.sum()
    for place, label in enumerate(counts.places):
        assert counts.lesion_voxels[place] == (kept & (labels == label)).sum()
        assert counts.region_voxels[place] == (labels == label).sum()
    *inside, outside, total = load_rows(counts, regions(), 1.7)
    assert len(inside) == 36
    assert sum(row.lesion_voxels for row in inside) + outside.lesion_voxels == total.lesion_voxels == kept.sum()
    assert sum(row.n_lesions for row in inside) + outside.n_lesions == total.n_lesions == lesions.count
    assert sum(row.region_voxels for row in inside) == total.region_voxels == (labels > 0).sum()


def test_main_place_is_the_largest_part_and_ties_go_to_the_first_region_of_the_table():
    labels = np.zeros((12, 3, 3), dtype=np.uint8)
    labels[0:2, 0, 0], labels[2:5, 0, 0] = 7, 3  # 2 of region 7, 3 of region 3
    labels[6, 0, 0], labels[7, 0, 0] = 9, 4  # one each
    labels[9, 0, 0] = 5  # one inside, one outside
    mask = np.zeros(labels.shape, dtype=bool)
    mask[0:5, 0, 0] = mask[6:8, 0, 0] = mask[9:11, 0, 0] = True
    lesions = find_lesions(mask)
    counts = intersect(lesions, labels, regions().indices)
    assert sorted(counts.places[counts.main_place].tolist()) == [3, 4, 5]


def test_a_region_without_voxels_keeps_its_row():
    lesions = find_lesions(np.ones((2, 2, 2), dtype=bool))
    labels = np.full((2, 2, 2), 5, dtype=np.uint8)
    rows = load_rows(intersect(lesions, labels, regions().indices), regions(), 1.0)
    assert [row.region_id for row in rows] == [*range(1, 37), 0, -1]
    assert (rows[3].lesion_volume_ml, rows[3].region_volume_ml, rows[3].load_percent) == (0, 0, None)
    assert rows[4].load_percent == 100
