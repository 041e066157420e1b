"""Softmax files small enough to damage byte by byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from yucca_wm.ensemble import codec, store
from yucca_wm.ensemble.probabilities import Grid

AFFINE = np.array([[-1.0, 0, 0, 20], [0, -1.2, 0, 30], [0, 0, 3, -10], [0, 0, 0, 1]])
SHAPE = (14, 12, 6)


def make_probabilities(seed: int, classes: int = 5, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Softmax of smooth random logits [class, i, j, k]."""
    noise = np.random.default_rng(seed).standard_normal((classes, *shape))
    return codec.softmax(25 * gaussian_filter(noise, (0, 1.5, 1.5, 1.0)))


def make_grid(shape: tuple[int, int, int] = SHAPE, affine: np.ndarray = AFFINE) -> Grid:
    image = nib.Nifti1Image(np.zeros(shape, np.float32), affine)
    image.set_sform(affine, 2)
    image.set_qform(affine, 1)
    image.header["descrip"] = b"a scan"
    return Grid.of_nifti(image)


@pytest.fixture
def probabilities() -> Callable[..., np.ndarray]:
    return make_probabilities


@pytest.fixture
def grid() -> Callable[..., Grid]:
    return make_grid


@pytest.fixture
def softmax_folder(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder of softmax files: cases by name, each with its seed."""

    def make(name: str, **seeds: int) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for case, seed in seeds.items():
            store.write_array(folder / f"{case}.npz", make_probabilities(seed), make_grid())
        return folder

    return make
