"""Where lesions can lie: made-up heads with distances by hand, and real lesion masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from nibabel.affines import apply_affine

from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import Image, load
from yucca_wm.models.brain import Brain, find_brain
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.conventions import SIZE
from yucca_wm.models.positions import (
    FEWEST_REGIONS,
    Positions,
    at_the_top,
    centroids,
    lesion_bearing,
    shipped_positions,
)
from yucca_wm.models.shipped import networks
from yucca_wm.training.synthesis.averages import positions_of
from yucca_wm.training.synthesis.heads import COORDINATE_STEP, Head
from yucca_wm.training.synthesis.structures import CEREBRAL_WM, CORTEX

WHITE_MATTER = [region.index for region in regions().white_matter]


def blocks() -> np.ndarray:
    """Region labels [60, 60, 60]: 36 cubes of 6 voxels in a layer, 34 of them a region, in no plane and no line."""
    labels = np.zeros((60, 60, 60), np.uint8)
    for n, label in enumerate(WHITE_MATTER):
        x, y, z = 10 + 6 * (n % 6), 10 + 6 * (n // 6), 20 + 6 * (n % 3)
        labels[x : x + 6, y : y + 6, z : z + 6] = label
    return labels


def head(white_matter: np.ndarray) -> Head:
    structures = np.where(white_matter, CEREBRAL_WM, CORTEX).astype(np.uint8)
    index = np.indices((20, 20, 20)) * COORDINATE_STEP  # the atlas is the head itself: 1 mm a voxel
    none = np.zeros(structures.shape, np.uint8)
    return Head(structures, none.astype(np.uint32), none, blocks(), index.astype(np.float16), 0)


def test_distance_is_to_the_white_matter_that_a_tenth_of_the_heads_has() -> None:
    """A wall of white matter at x = 20; in one head of eleven another at x = 50: a tenth (two) has none."""
    wall, other = np.zeros((2, 60, 60, 60), bool)
    wall[20] = True
    other[[20, 50]] = True
    found = positions_of([head(wall)] * 10 + [head(other)])
    assert found.centroids_mm == pytest.approx(centroids_by_hand())
    points = np.array([[20.0, 30, 30], [23.0, 30, 30], [23.9, 30, 30], [50.0, 30, 30]])
    assert found.can_hold_lesions(points).tolist() == [True, True, False, False]
    assert positions_of([head(other)]).can_hold_lesions(points).tolist() == [True, True, False, True]


def centroids_by_hand() -> np.ndarray:
    return np.array([[12.5 + 6 * (n % 6), 12.5 + 6 * (n // 6), 22.5 + 6 * (n % 3)] for n in range(len(WHITE_MATTER))])


def test_centroids_are_in_the_order_of_the_table_and_absent_ones_are_nan() -> None:
    labels = blocks()
    labels[labels == WHITE_MATTER[4]] = 0
    where = np.nonzero(labels)
    found = centroids(labels[where], np.stack(where, 1) * 2.0)
    expected = 2 * centroids_by_hand()
    expected[4] = np.nan
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert found == pytest.approx(expected, nan_ok=True)


def test_any_pose_comes_to_the_mean_head_and_too_little_of_a_brain_does_not() -> None:
    mean = Positions(centroids_by_hand(), np.zeros(3), np.zeros((2, 2, 2), np.float32))
    pose = np.array([[0.9, -0.3, 0, 40], [0.4, 1.1, 0.1, -7], [0, 0.2, 1.2, 15], [0, 0, 0, 1]])
    person = apply_affine(pose, mean.centroids_mm)
    affine = mean.to_mean_head(person)
    assert affine is not None
    assert affine @ pose == pytest.approx(np.eye(4), abs=1e-9)
    person[FEWEST_REGIONS - 1 :] = np.nan
    assert mean.to_mean_head(person) is None
    scattered = np.random.default_rng(0).permutation(mean.centroids_mm)
    assert mean.to_mean_head(scattered) is None


def test_what_is_written_is_read(tmp_path: Path) -> None:
    shipped = shipped_positions()
    again = Positions.load(shipped.save(tmp_path / "positions.npz"))
    assert np.array_equal(again.distance_mm, shipped.distance_mm)
    assert np.array_equal(again.centroids_mm, shipped.centroids_mm)


@pytest.mark.shared_data
def test_lesions_drawn_by_hand_lie_where_lesions_can(shared_data: Path) -> None:
    """27 patients in MNI space: of all 99.5 % of the volume at least, of every one 95 %; and none in the neck."""
    scan = load(shared_data / "real" / "mslub_mni" / "p26" / "T1.nii.gz")
    grid = Canonical.of(scan)
    brain, _ = find_brain(networks("cpu").regions, {"T1": grid.reordered(scan.data).astype(np.float32)}, grid)
    kept = []
    for file in sorted((shared_data / "real" / "lesion_masks_mni").glob("*.nii.gz")):
        lesions = grid.reordered(load(file).data) > 0
        kept.append(lesion_bearing(brain, grid, np.nonzero(lesions)))
    assert np.concatenate(kept).mean() >= 0.995
    assert min(one.mean() for one in kept) >= 0.95
    below = (np.array([grid.shape[0] // 2]), np.array([grid.shape[1] // 3]), np.array([-20]))
    assert not lesion_bearing(brain, grid, below).any()


def test_the_top_is_that_of_the_mean_head() -> None:
    """A person whose regions lie where those of the mean head do, in voxels of 2 mm, moved by 10 mm in every axis."""
    probability = torch.zeros((37, *SIZE))
    brain, grid = Brain(probability, np.zeros(3)), Canonical.of(Image(np.zeros((9, 9, 9)), np.diag([2.0, 2, 2, 1])))
    points = np.array([[30.0, 40, 60.1], [30.0, 40, 59.9]])  # 2 * 60.1 + 10 is 130.2 mm, 2 * 59.9 + 10 is 129.8 mm
    assert not at_the_top(brain, grid, points).any()  # nothing is known of a brain without regions
    brain.__dict__["centroids_mm"] = shipped_positions().centroids_mm - 10
    assert at_the_top(brain, grid, points).tolist() == [True, False]
