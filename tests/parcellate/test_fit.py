"""Measures of fit, with values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.atlas.maps import Atlas
from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import Image
from yucca_wm.parcellate.quality import (
    PARTS,
    Fit,
    agreement_by_part,
    network_agreement,
    t1_contrast,
)
from yucca_wm.registration.warp import Field, Warp

from .conftest import turned

GRID = np.diag([2.0, 2, 2, 1])


def image(data: np.ndarray) -> Image:
    return Image(data, GRID)


def test_a_mask_fits_itself_in_all_eight_parts(atlas: Atlas) -> None:
    parts = agreement_by_part(atlas.wm, atlas.wm, Warp(np.eye(4)))
    assert tuple(parts) == PARTS
    assert len(set(PARTS)) == 8
    assert min(parts.values()) > 0.999


def test_how_the_head_lies_changes_nothing(atlas: Atlas) -> None:
    pose = turned((38, -20, 25), (1, 1, 1), (90, -300, 40))
    moved = Image(atlas.wm.data, np.linalg.inv(pose) @ atlas.wm.affine)
    assert min(agreement_by_part(atlas.wm, moved, Warp(pose)).values()) > 0.99


def test_what_is_missing_or_laid_wrongly_shows_in_its_part(atlas: Atlas) -> None:
    """The right hemisphere (x grows to the right; the phantom's first axis runs to the left) is taken away."""
    middle = np.array(np.nonzero(atlas.wm.data)).mean(axis=1)[0]
    x = np.arange(atlas.wm.shape[0])[:, None, None]
    left = Image((atlas.wm.data * (x > middle)).astype(np.uint8), atlas.wm.affine)
    parts = agreement_by_part(atlas.wm, left, Warp(np.eye(4)))
    assert all((value > 0.95) == part.endswith("left") for part, value in parts.items())
    assert all(value < 0.3 for part, value in parts.items() if part.endswith("right"))
    pose = turned((35, 0, 0), (1, 1, 1), (0, 0, 0))
    centre = (atlas.wm.affine @ [*np.array(np.nonzero(atlas.wm.data)).mean(axis=1), 1])[:3]
    pose[:3, 3] = centre - pose[:3, :3] @ centre
    assert min(agreement_by_part(atlas.wm, atlas.wm, Warp(pose)).values()) < 0.9


def test_a_displacement_field_is_followed(atlas: Atlas) -> None:
    """A field that shifts everything by 12 mm undoes a mask that lies 12 mm too far to the left."""
    shifted = atlas.wm.affine.copy()
    shifted[0, 3] -= 12
    subject = Image(atlas.wm.data, shifted)
    lattice = np.diag([10.0, 10, 10, 1])
    lattice[:3, 3] = shifted[:3, 3] + shifted[:3, :3] @ (np.array(atlas.wm.shape) / 2) - 200
    field = Field(
        np.zeros((3, 40, 40, 40), np.float32) + np.array([12, 0, 0], np.float32)[:, None, None, None], lattice
    )
    assert min(agreement_by_part(atlas.wm, subject, Warp(np.eye(4), field)).values()) > 0.99
    assert min(agreement_by_part(atlas.wm, subject, Warp(np.eye(4))).values()) < 0.9


def test_brightness_of_white_matter_beside_what_is_around_it() -> None:
    wm = np.zeros((12, 12, 12), np.uint8)
    wm[4:8, 4:8, 4:8] = 1
    values = np.where(wm > 0, 100.0, 50.0).astype(np.float32)
    assert t1_contrast(image(wm), image(values)) == 1
    assert t1_contrast(image(wm), image(-values)) == 0
    assert t1_contrast(image(wm), image(values * 0)) == 0.5
    values[4:8, 4:8, 4:6] = 0  # half of it is darker than everything around
    assert t1_contrast(image(wm), image(values)) == 0.5
    assert t1_contrast(image(wm * 0 + 1), image(values)) is None


def test_only_the_surroundings_count() -> None:
    wm = np.zeros((30, 5, 5), np.uint8)
    wm[:4] = 1
    values = np.where(wm > 0, 100.0, 200.0).astype(np.float32)
    values[4:6] = 50  # 2 voxels of 2 mm: as far as is looked
    assert t1_contrast(image(wm), image(values)) == 1


def test_another_region_map() -> None:
    labels = np.zeros((10, 1, 1), np.uint8)
    labels[:, 0, 0] = [1, 2, 35, 0, 3, 4, 5, 0, 36, 7]
    network = labels.copy()
    network[[0, 2, 3, 4], 0, 0] = [18, 1, 1, 0]  # 1, 2, 4, 5, 7 are labelled by both; one of them differs
    assert network_agreement(labels, image(network), regions()) == pytest.approx(4 / 5)
    assert network_agreement(labels, image(network * 0), regions()) is None


def test_what_was_not_measured_is_not_written() -> None:
    assert Fit({"a": 0.123456}, starts=7, agreeing=6).as_dict() == {"parts": {"a": 0.1235}, "starts": 7, "agreeing": 6}
