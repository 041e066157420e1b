"""The deformable part follows smooth warps, leaves alone what fits already, and never folds."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.atlas.maps import Atlas
from yucca_wm.parcellate.settings import Interpolation
from yucca_wm.parcellate.transfer import carry, keep_white_matter
from yucca_wm.registration import affine
from yucca_wm.registration.deformable import LEVELS, Level, displacement, refine
from yucca_wm.registration.smoothed_masks import Blurred
from yucca_wm.registration.warp import Field, Warp

from .conftest import Scan, scan, turned

COARSE = LEVELS[:2]


def parcellated(atlas: Atlas, subject: Scan, warp: Warp) -> float:
    labels = carry(atlas.labels, subject.wm, warp, Interpolation.NEAREST)
    return subject.dice(keep_white_matter(labels, subject.wm, 3.0)[0])


def test_a_warp_is_followed_without_folds(atlas: Atlas) -> None:
    subject = scan(turned((5, 4, -6), (1.05, 1, 0.95)), bend_mm=6)
    matrix = affine.register(atlas.wm, subject.wm).matrix
    warp = refine(atlas.wm, subject.wm, matrix, COARSE)
    assert parcellated(atlas, subject, warp) > parcellated(atlas, subject, Warp(matrix)) + 0.015
    assert warp.field is not None
    assert warp.field.folds() == 0
    assert warp.field.jacobian().min() > 0.3


def test_nothing_to_warp_stays_nearly_still(atlas: Atlas) -> None:
    subject = scan(turned((0, 0, 0), (1, 1, 1)))
    matrix = affine.register(atlas.wm, subject.wm).matrix
    warp = refine(atlas.wm, subject.wm, matrix, COARSE)
    assert warp.field is not None
    assert np.sqrt((warp.field.vectors_mm**2).sum(axis=0)).mean() < 1.0
    assert parcellated(atlas, subject, warp) > parcellated(atlas, subject, Warp(matrix)) - 0.01


def test_folds_are_counted() -> None:
    """x + u(x) with u = -1.5 x runs backwards."""
    lattice = np.stack(np.meshgrid(*[np.arange(6.0)] * 3, indexing="ij")).astype(np.float32)
    vectors = np.zeros((3, 6, 6, 6), np.float32)
    vectors[0] = -1.5 * 2 * lattice[0]
    affine = np.diag([2.0, 2, 2, 1])
    assert Field(vectors, affine).folds() == 216
    assert Field(vectors / 3, affine).jacobian() == pytest.approx(0.5)
    assert Field(np.zeros_like(vectors), affine).folds() == 0


def test_a_displacement_leads_from_where_a_mask_is_to_where_the_other_is() -> None:
    """A ball of 18 mm radius, and the same 3 mm further along the first axis and 1.5 mm back along the second."""
    spacing_mm, size = 3.0, 32
    places = np.stack(np.meshgrid(*[np.arange(size) * spacing_mm] * 3, indexing="ij"))
    middle = np.array([46.5, 46.5, 46.5])
    apart = np.array([3.0, -1.5, 0])

    def ball(centre: np.ndarray) -> Blurred:
        radius = np.linalg.norm(places - centre[:, None, None, None], axis=0)
        return Blurred(1 / (1 + np.exp((radius - 18) / 2)).astype(np.float32), spacing_mm, np.zeros(3))

    levels = (Level(spacing_mm, 3, 12, 6, 20), Level(spacing_mm, 1.5, 6, 5, 20))
    found = displacement(ball(middle), ball(middle + apart), levels)
    inside = np.linalg.norm(places - middle[:, None, None, None], axis=0) < 21
    np.testing.assert_allclose(found[:, inside].mean(1), apart, atol=0.4)
