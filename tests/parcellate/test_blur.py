"""Smoothed masks are comparable: the same whatever grid they come from."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.imaging.images import Image
from yucca_wm.registration.smoothed_masks import blur, centre_mm, coarser, crop, edges, trimmed

from .conftest import centred_grid, world


def ball(spacing: tuple[float, float, float], centre: tuple[float, float, float] = (3.0, -2.0, 1.0)) -> Image:
    shape, affine = centred_grid(spacing, (-1, 1, -1), 80.0)
    points = world(shape, affine) - np.array(centre)[:, None, None, None]
    return Image((np.linalg.norm(points, axis=0) < 20).astype(np.uint8), affine)


def test_centre_and_volume_are_kept() -> None:
    mask = ball((1.0, 1.0, 1.0))
    np.testing.assert_allclose(centre_mm(mask), (3, -2, 1), atol=0.02)
    smooth = blur(mask, 2.0, 3.0)
    assert smooth.data.sum() * 8 == pytest.approx(mask.data.sum(), rel=2e-3)
    index = np.array(
        [(smooth.data.sum(tuple({0, 1, 2} - {axis})) * np.arange(n)).sum() for axis, n in enumerate(smooth.data.shape)]
    )
    np.testing.assert_allclose(smooth.origin_mm + 2 * index / smooth.data.sum(), (3, -2, 1), atol=0.05)


def sharpness(spacing: tuple[float, float, float]) -> float:
    """Mean squared slope along z over that along x of a smoothed ball: 1 when it is smoothed alike."""
    x, _, z = blur(ball(spacing), 2.0, 3.0).gradient()
    return float((z**2).sum() / (x**2).sum())


def test_thick_and_thin_slices_come_out_alike() -> None:
    """A voxel of 4 mm blurs with a variance of 4 x 4 / 12 by itself; smoothing takes that into account."""
    assert sharpness((1.0, 1.0, 1.0)) == pytest.approx(1, abs=0.02)
    assert sharpness((1.0, 1.0, 4.0)) == pytest.approx(1, abs=0.06)


def test_coarser_levels_are_samples_of_the_smoothed_fine_one() -> None:
    fine = blur(ball((1.0, 1.0, 1.0)), 2.0, 1.0, 20.0)
    assert coarser(fine, 1, 0) is fine
    direct, made = blur(ball((1.0, 1.0, 1.0)), 2.0, np.sqrt(10.0), 20.0), coarser(fine, 2, 3.0)
    assert made.spacing_mm == 4.0
    offset = np.rint((made.origin_mm - direct.origin_mm) / 2).astype(int)
    middle = tuple(n // 2 for n in made.data.shape)
    there = tuple(2 * m + o for m, o in zip(middle, offset, strict=True))
    assert made.data[middle] == pytest.approx(direct.data[there], abs=0.02)


def test_edges_do_not_see_what_is_uniform() -> None:
    image = blur(ball((1.0, 1.0, 1.0)), 2.0, 1.0, 20.0)
    found = edges(image, 4.0)
    middle = tuple(np.rint((np.array((3, -2, 1)) - image.origin_mm) / 2).astype(int))
    assert image.data[middle] == pytest.approx(1, abs=1e-3)
    assert abs(found.data[middle]) < 0.02
    assert np.abs(found.data).max() > 0.3


def test_trimming_and_cropping_keep_the_place() -> None:
    image = blur(ball((1.0, 1.0, 1.0)), 2.0, 1.0, 20.0)
    box = trimmed(image)
    assert box.data.size < image.data.size / 2
    first = np.rint((box.origin_mm - image.origin_mm) / 2).astype(int)
    inner = image.data[tuple(slice(f, f + n) for f, n in zip(first, box.data.shape, strict=True))]
    np.testing.assert_array_equal(inner, box.data)
    np.testing.assert_allclose(centre_mm(crop(ball((1.0, 2.0, 3.0)), 7.0)), centre_mm(ball((1.0, 2.0, 3.0))))
