"""Rough white matter from a T1."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.errors import InputError
from yucca_wm.images import Image
from yucca_wm.parcellate.mixture import from_t1

from .conftest import centred_grid, phantom_wm, world


def phantom_t1(noise: float = 6.0) -> tuple[Image, np.ndarray]:
    """CSF 30, grey matter 70, white matter 100 inside an ellipsoid; zero outside."""
    shape, affine = centred_grid((3, 3, 3), (-1, -1, 1), 190.0)
    points = world(shape, affine)
    wm = phantom_wm(*points)
    radius = sum((points[axis] / half) ** 2 for axis, half in enumerate((64, 82, 60)))
    values = np.where(wm, 100.0, np.where(radius < 0.85, 70.0, 30.0))
    values += np.random.default_rng(0).normal(0, noise, shape)
    return Image(np.where(radius < 1, np.maximum(values, 1), 0).astype(np.float32), affine), wm & (radius < 1)


def test_the_bright_class_is_found() -> None:
    t1, wm = phantom_t1()
    found = from_t1(t1)
    overlap = 2 * (found.mask.data.astype(bool) & wm).sum() / (found.mask.data.sum() + wm.sum())
    assert overlap > 0.9
    assert "rough" in found.source


def test_a_head_with_its_skull_is_refused() -> None:
    t1, _ = phantom_t1()
    with pytest.raises(InputError, match="does not look skull-stripped"):
        from_t1(t1.with_data(t1.data + 1))


def test_no_contrast_is_refused() -> None:
    t1, _ = phantom_t1()
    with pytest.raises(InputError, match="no contrast"):
        from_t1(t1.with_data((t1.data > 0).astype(np.float32)))
