"""The stand-in parcellation: sides mirror each other, every region is there, names say what it is."""

from __future__ import annotations

import numpy as np

from yucca_wm.core.regions import regions
from yucca_wm.demo import standin
from yucca_wm.demo.anatomy import Anatomy


def test_left_is_the_mirror_of_right(brain: Anatomy) -> None:
    """The template is symmetric with the midline on a voxel centre, so label k must mirror label k + 17."""
    swapped = np.arange(37)
    for label, other in regions().mirrored().items():
        swapped[label] = other
    half = brain.regions.shape[0] // 2
    np.testing.assert_array_equal(brain.regions[:half], swapped[brain.regions[:half:-1]])


def test_left_regions_lie_left_in_the_world(brain: Anatomy) -> None:
    x = brain.affine[0, 0] * np.arange(brain.regions.shape[0]) + brain.affine[0, 3]
    for label in range(1, 18):
        assert x[np.nonzero(brain.regions == label)[0]].max() <= 0
        assert x[np.nonzero(brain.regions == label + 17)[0]].min() > 0


def test_every_region_has_white_matter(brain: Anatomy) -> None:
    volume_ml = np.bincount(brain.regions[brain.cerebral_wm > 0.5], minlength=37) * 8 / 1000
    assert volume_ml[1:].min() > 2


def test_cerebellum_and_brainstem_are_remainder() -> None:
    affine = np.eye(4)
    affine[:3, 3] = (20, -64, -38)
    cells = standin.cells((12, 8, 4), affine)
    assert set(np.unique(standin.labels(cells))) == {36}
    assert not standin.is_cerebral(cells).any()


def test_names_say_stand_in() -> None:
    table = standin.table()
    assert table.indices == regions().indices
    assert all(region.name.startswith("standin_") for region in table)
