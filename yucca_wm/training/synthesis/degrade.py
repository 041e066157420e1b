"""Effects of a scanner: uneven coils, blur, noise, ghosts. For planes [x, y] and volumes [x, y, z] alike."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float32]


def smooth_field(shape: tuple[int, ...], nodes: int, random: np.random.Generator) -> Array:
    """A smooth random field of mean 0 and standard deviation about 1; about ``nodes`` bumps along the longest axis."""
    coarse = [max(2, round(nodes * n / max(shape))) for n in shape]
    values = torch.from_numpy(random.standard_normal(coarse).astype(np.float32))[None, None]
    mode = "bicubic" if len(shape) == 2 else "trilinear"
    field: Array = F.interpolate(values, size=shape, mode=mode, align_corners=True)[0, 0].numpy()
    return field


def uneven(image: Array, random: np.random.Generator) -> Array:
    """Apply the bias field of a coil: a smooth factor around 1."""
    strength = random.uniform(0.0, 0.25)
    return image * np.exp(strength * smooth_field(image.shape, int(random.integers(2, 5)), random))


def blurred(image: Array, sigma: NDArray[np.float64]) -> Array:
    """Apply a Gaussian blur of ``sigma`` voxels along each axis."""
    for axis, value in enumerate(sigma):
        if value > 0.25:
            image = ndimage.gaussian_filter1d(image, value, axis=axis, truncate=2.5, mode="nearest")
    return image


def noisy(image: Array, random: np.random.Generator) -> Array:
    """Add Rician noise: the magnitude of a complex signal with Gaussian noise in both parts."""
    sigma = random.uniform(0.0, 0.07) if random.random() < 0.9 else random.uniform(0.05, 0.12)
    real = image + sigma * random.standard_normal(image.shape, dtype=np.float32)
    return np.hypot(real, sigma * random.standard_normal(image.shape, dtype=np.float32))


def ghosted(image: Array, random: np.random.Generator) -> Array:
    """Add copies of the image displaced along an axis, as movement between phase-encoding steps leaves them."""
    axis, shift = int(random.integers(2)), int(random.integers(8, max(9, image.shape[0] // 3)))
    strength = random.uniform(0.0, 0.06)
    return image + strength * (np.roll(image, shift, axis) + np.roll(image, -shift, axis))
