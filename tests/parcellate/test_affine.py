"""The affine finds known transforms, wherever the header puts the image."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.atlas.maps import Atlas
from yucca_wm.imaging.images import Image
from yucca_wm.parcellate.case import label
from yucca_wm.parcellate.settings import Settings
from yucca_wm.parcellate.white_matter import WhiteMatter
from yucca_wm.registration import affine

from .conftest import Scan, scan, turned

POSE = turned((8, -6, 10), (1.1, 0.95, 1.05))


def regions_of(atlas: Atlas, wm: Image) -> np.ndarray:
    return label(atlas, WhiteMatter(wm, "mask"), Settings()).regions


@pytest.fixture(scope="module")
def subject() -> Scan:
    return scan(POSE)


@pytest.mark.parametrize(
    ("pose", "spacing"),
    [
        (turned((0, 0, 0), (1, 1, 1)), (2, 2, 4)),
        (turned((14, -8, 12), (0.9, 1.1, 1.0)), (2, 2, 2)),
        (turned((-10, 8, -12), (1.15, 1.0, 1.1)), (2, 2, 4)),
    ],
)
def test_a_known_affine_is_found_within_a_voxel(atlas: Atlas, pose: np.ndarray, spacing: tuple) -> None:
    subject = scan(pose, spacing)
    found = affine.register(atlas.wm, subject.wm).matrix
    # the phantom's atlas lies (30, 20, -40) mm from where its labels were drawn
    points = subject.wm.affine @ np.vstack([np.array(np.nonzero(subject.wm.data)), np.ones(subject.wm.data.sum())])
    error = (found @ points)[:3] - (pose @ points)[:3] - np.array([[30.0], [20], [-40]])
    assert np.sqrt((error**2).sum(axis=0).mean()) < 2.0
    assert subject.dice(regions_of(atlas, subject.wm)) > 0.9


@pytest.mark.parametrize("axes", ["RAS", "LAS", "PIR", "SRA"])
def test_a_reoriented_copy_gives_the_same_labels(atlas: Atlas, subject: Scan, axes: str) -> None:
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(subject.wm.affine), nib.orientations.axcodes2ornt(axes)
    )
    data = nib.orientations.apply_orientation(subject.wm.data, turn)
    moved = subject.wm.affine @ nib.orientations.inv_ornt_aff(turn, subject.wm.shape)
    assert "".join(nib.aff2axcodes(moved)) == axes
    labels = regions_of(atlas, Image(data, moved))
    as_is = nib.orientations.apply_orientation(regions_of(atlas, subject.wm), turn)
    assert (labels != as_is).sum() <= 0.001 * subject.wm.data.sum()


def test_an_origin_500_mm_away_gives_the_same_labels(atlas: Atlas, subject: Scan) -> None:
    far = subject.wm.affine.copy()
    far[:3, 3] += (500, -500, 500)
    labels = regions_of(atlas, Image(subject.wm.data, far))
    assert (labels != regions_of(atlas, subject.wm)).sum() <= 0.001 * subject.wm.data.sum()


def test_left_in_the_world_gets_left_labels(atlas: Atlas, subject: Scan) -> None:
    """Not by index: the phantom's first voxel axis runs to the left."""
    labels = regions_of(atlas, subject.wm)
    x = subject.wm.affine[0, 0] * np.arange(labels.shape[0]) + subject.wm.affine[0, 3]
    left = labels[x < x.mean() - 25]
    right = labels[x > x.mean() + 25]
    assert set(np.unique(left)) <= set(range(18))
    assert set(np.unique(right)) <= {0, *range(18, 35)}
    assert (left > 0).sum() > 1000


def test_a_head_straight_in_an_oblique_grid(atlas: Atlas) -> None:
    """The header is turned by 42 degrees and the head with it: the start in the grid's frame finds it."""
    straight = scan(POSE)
    turn = turned((42, 0, 0), (1, 1, 1), (0, 0, 0))
    oblique = Image(straight.wm.data, turn @ straight.wm.affine)
    assert np.degrees(np.arccos((np.trace(affine.grid_rotation(oblique)) - 1) / 2)) == pytest.approx(42, abs=0.1)
    assert straight.dice(regions_of(atlas, oblique)) > 0.9


def test_the_cost_falls_and_is_returned(atlas: Atlas, subject: Scan) -> None:
    from yucca_wm.registration.smoothed_masks import blur

    pair = blur(atlas.wm, 8, 6), blur(subject.wm, 8, 6)
    start = affine.centred(atlas.wm, subject.wm)
    costs = [affine.gauss_newton(*pair, start, steps)[1] for steps in (0, 2, 8)]
    assert costs[0] > costs[1] > costs[2]
