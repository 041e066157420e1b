"""Find the brain and its regions with the coarse network.

It sees the whole head at 3 mm, in any contrast, with or without skull, and assigns every brain voxel (also grey matter
and ventricles) to one of the atlas's regions. These thick regions are later restricted to the white matter that the
fine network finds (`yucca_wm.models.tissue`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.regions import REMAINDER, regions
from yucca_wm.imaging.field_of_view import FieldOfView
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.conventions import LEAST_SHARE_SHOWN, ROUNDING, SIZE, SPACING_MM, normalised
from yucca_wm.models.positions import centroids

FOREGROUND = 0.1
"""Share of the brightest intensities above which a voxel belongs to the head, for a first guess of its centre."""

TOP_TO_CENTRE_MM = 85.0
"""Distance from the top of the head to the height of the brain's centre, for a first guess."""

SULCUS_MM, STALK_MM = 4.5, 7.5
"""Half the width of gaps that the brain's mask closes, and of thin structures that it leaves out."""

POOLED_TO_MM = 2.0
"""Voxels are averaged first to at most this size."""

NEAR_MM = 6.0
"""The network runs again, centred on the brain, if the previous window was further off than this."""

REMAINDERS = [region.index for region in regions() if region.group == REMAINDER]
"""Labels of the atlas's remainder, left and right."""

Array = NDArray[np.float32]
Network = Callable[[torch.Tensor], torch.Tensor]


class RegionNetwork(Protocol):
    """The coarse network, in its two parts (`yucca_wm.training.networks.compact.CoordinateUNet`)."""

    def locate(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Background logit [B, 1, ...] and atlas coordinates [B, 3, ...] of each voxel of ``x`` [B, 1, ...]."""

    def region_logits(self, outside: torch.Tensor, coordinates: torch.Tensor) -> torch.Tensor:
        """Region logits [B, class, ...] from the background logit and the coordinates."""


@dataclass(frozen=True)
class CoarseOutput:
    """Output of the coarse network, on a grid of 3 mm.

    outside : float [x, y, z], background logit.
    coordinates : float [3, x, y, z], atlas coordinates in units of `COORDINATE_UNIT_MM` around `ATLAS_CENTRE_MM`.
    """

    outside: torch.Tensor
    coordinates: torch.Tensor

    def brain(self, network: RegionNetwork, centre_mm: NDArray[np.float64]) -> Brain:
        """The brain and its regions at these coordinates. centre_mm : [3], as in `Brain`."""
        with torch.inference_mode():
            logits = network.region_logits(self.outside[None, None], self.coordinates[None])
        return Brain(torch.softmax(logits.float(), 1)[0], centre_mm)


@dataclass(frozen=True)
class Brain:
    """The brain and its regions.

    probability : float32 [region, x, y, z] on a grid of 3 mm; index 0 is outside the brain.
    centre_mm : [3], centre of that grid, in mm along the axes of the `Canonical` grid from its first voxel.
    """

    probability: torch.Tensor
    centre_mm: NDArray[np.float64]

    @property
    def inside(self) -> torch.Tensor:
        """Probability [x, y, z] that a voxel belongs to the brain."""
        return 1 - self.probability[0]

    @property
    def remainder(self) -> torch.Tensor:
        """Share [1, x, y, z] of the atlas's remainder (cerebellum, brainstem, deep grey matter) in the brain."""
        return (self.probability[REMAINDERS].sum(0) / self.inside.clamp(min=1e-3))[None]

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """The brain [x, y, z], with sulci closed and parts on thin stalks (eyes, muscles) removed."""
        inside = self.inside.numpy() > 0.5
        near = ndimage.distance_transform_edt(~inside, sampling=SPACING_MM) <= SULCUS_MM
        closed = ndimage.distance_transform_edt(np.pad(near, 1), sampling=SPACING_MM)[1:-1, 1:-1, 1:-1] > SULCUS_MM
        core = ndimage.distance_transform_edt(np.pad(closed, 1), sampling=SPACING_MM)[1:-1, 1:-1, 1:-1] > STALK_MM
        parts, n = ndimage.label(core)
        if n == 0:
            return np.zeros_like(inside)
        core = parts == np.bincount(parts.ravel())[1:].argmax() + 1
        around = ndimage.distance_transform_edt(~core, sampling=SPACING_MM) <= STALK_MM + SPACING_MM / 2
        return np.asarray(closed & around)

    @property
    def volume_ml(self) -> float:
        """Volume of the brain in ml, ventricles included."""
        return float(((self.inside.numpy() > 0.5) & self.mask).sum()) * SPACING_MM**3 / 1000

    @cached_property
    def centroids_mm(self) -> NDArray[np.float64]:
        """Centroid [region, 3] of each white-matter region, in mm as ``centre_mm``; NaN for absent regions."""
        labels = self.probability.max(0).indices.numpy()[np.nonzero(self.mask)]
        return centroids(labels, self._voxels_mm)

    @property
    def _voxels_mm(self) -> NDArray[np.float64]:
        """Positions [voxel, 3] of the voxels of `mask`, in mm as ``centre_mm``."""
        voxels = np.stack(np.nonzero(self.mask), 1)
        return (voxels - (np.array(SIZE) - 1) / 2) * SPACING_MM + self.centre_mm

    def share_within(self, grid: Canonical) -> float:
        """Share of the brain that lies within the scan; 0 if there is no brain."""
        voxels = self._voxels_mm / grid.spacing_mm
        inside = np.all((voxels > -0.5) & (voxels < np.array(grid.shape) - 0.5), axis=1)
        return float(inside.mean()) if len(inside) else 0.0

    def at(
        self, grid: Canonical, values: torch.Tensor, points: tuple[NDArray[np.intp], ...] | None = None
    ) -> torch.Tensor:
        """``values`` [channel, x, y, z] of the coarse grid at the voxels of ``grid``, linearly interpolated.

        points : indices of the voxels wanted (result [channel, points]); None: all ([channel, x, y, z]).
        """
        axes = [
            torch.from_numpy(((np.arange(n) * spacing - centre) / SPACING_MM * 2 / size).astype(np.float32))
            for n, spacing, centre, size in zip(grid.shape, grid.spacing_mm, self.centre_mm, SIZE, strict=True)
        ]
        if points is None:
            x, y, z = torch.meshgrid(*axes, indexing="ij")
        else:
            x, y, z = (axis[torch.from_numpy(index)][:, None, None] for axis, index in zip(axes, points, strict=True))
        where = torch.stack([z, y, x], -1)[None]
        found = F.grid_sample(values[None], where, mode="bilinear", padding_mode="border", align_corners=False)[0]
        return found if points is None else found[:, :, 0, 0]


def find_brain(network: RegionNetwork, scans: Mapping[str, Array], grid: Canonical) -> tuple[Brain, CoarseOutput]:
    """Find the brain and its regions from the mean of the network's outputs on all scans.

    A scan that ends within the brain, where another does not, is left out: its regions are also wrong far from its end.

    Parameters
    ----------
    network : RegionNetwork
        The coarse network.
    scans : mapping of str to ndarray, float32, shape (x, y, z)
        Modality -> intensities on ``grid``.
    grid : Canonical
        Grid of the scans.

    Returns
    -------
    brain : Brain
        The brain and its regions.
    coarse : CoarseOutput
        The mean output.
    """
    centre = _first_guess(next(iter(scans.values())), grid)
    for _ in range(3):
        outputs = [_coarse_output(network, scan, grid, centre) for scan in scans.values()]
        coarse = _mean_output(outputs)
        brain = coarse.brain(network, centre)
        showing = _showing_the_brain(outputs, brain.inside > 0.5)
        if len(showing) < len(outputs):
            coarse = _mean_output(showing)
            brain = coarse.brain(network, centre)
        inside = torch.nonzero(brain.inside > 0.5).double().numpy()
        if len(inside) == 0:
            break
        moved = (inside.mean(0) - (np.array(SIZE) - 1) / 2) * SPACING_MM
        if np.linalg.norm(moved) <= NEAR_MM:
            break
        centre = centre + moved
    return brain, coarse


def _first_guess(scan: Array, grid: Canonical) -> NDArray[np.float64]:
    """First guess [3] of the brain's centre in mm: middle of the head in x and y, height from the top of the head."""
    head = scan > FOREGROUND * np.percentile(scan[scan > 0], 99) if (scan > 0).any() else np.ones(scan.shape, bool)
    area_mm2 = head.sum((0, 1)) * grid.spacing_mm[0] * grid.spacing_mm[1]
    planes = np.flatnonzero(area_mm2 > 1000)
    top = planes[-1] if len(planes) else scan.shape[2] - 1
    height = max(top * grid.spacing_mm[2] - TOP_TO_CENTRE_MM, 0.0)
    near = slice(max(0, int((height - 40) / grid.spacing_mm[2])), int(top) + 1)
    x, y, _ = np.nonzero(head[:, :, near]) if head[:, :, near].any() else np.nonzero(head)
    return np.array([x.mean() * grid.spacing_mm[0], y.mean() * grid.spacing_mm[1], height])


def _showing_the_brain(
    outputs: list[tuple[CoarseOutput, torch.Tensor]], inside: torch.Tensor
) -> list[tuple[CoarseOutput, torch.Tensor]]:
    """The ``outputs`` (as in `_mean_output`) of scans that show at least `LEAST_SHARE_SHOWN` of what the scan that
    shows most of the brain does.

    inside : the brain, bool [x, y, z].
    """
    seen = [float((inside & (view > 0)).sum()) for _, view in outputs]
    return [output for output, much in zip(outputs, seen, strict=True) if much >= LEAST_SHARE_SHOWN * max(seen)]


def _mean_output(outputs: list[tuple[CoarseOutput, torch.Tensor]]) -> CoarseOutput:
    """Mean output over the scans whose field of view contains the voxel.

    outputs : for each scan its output, and 1 within its field of view (else 0), [x, y, z].
    """
    shown = torch.stack([view for _, view in outputs])
    weight = torch.where(shown.any(0), shown, torch.ones_like(shown))
    weight = weight / weight.sum(0)
    outside = torch.stack([coarse.outside * w for (coarse, _), w in zip(outputs, weight, strict=True)]).sum(0)
    coordinates = torch.stack([coarse.coordinates * w for (coarse, _), w in zip(outputs, weight, strict=True)]).sum(0)
    return CoarseOutput(outside, coordinates)


def _coarse_output(
    network: RegionNetwork, scan: Array, grid: Canonical, centre_mm: NDArray[np.float64]
) -> tuple[CoarseOutput, torch.Tensor]:
    """Output for one scan, and 1 within its field of view (else 0), [x, y, z]."""
    coarse = on_coarse_grid(scan, grid, centre_mm).numpy()
    with torch.inference_mode():
        outside, coordinates = network.locate(torch.from_numpy(normalised(coarse))[None, None])
    return CoarseOutput(outside[0, 0], coordinates[0]), torch.from_numpy(FieldOfView.of(coarse).voxels()).float()


def on_coarse_grid(scan: Array, grid: Canonical, centre_mm: NDArray[np.float64]) -> torch.Tensor:
    """``scan`` [x, y, z] on the coarse grid; small voxels are averaged first, so that none is skipped; 0 outside."""
    factors = [max(1, int(POOLED_TO_MM / spacing + ROUNDING)) for spacing in grid.spacing_mm]
    volume = torch.from_numpy(np.ascontiguousarray(scan))[None, None]
    volume = F.avg_pool3d(volume, factors, ceil_mode=False) if max(factors) > 1 else volume
    axes = []
    for n, factor, spacing, centre, pooled in zip(
        SIZE, factors, grid.spacing_mm, centre_mm, volume.shape[2:], strict=True
    ):
        place_mm = centre + (torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * SPACING_MM
        index = (place_mm / spacing - (factor - 1) / 2) / factor
        axes.append(((index + 0.5) * 2 / pooled - 1).float())
    x, y, z = torch.meshgrid(*axes, indexing="ij")
    where = torch.stack([z, y, x], -1)[None]
    return F.grid_sample(volume, where, mode="bilinear", padding_mode="zeros", align_corners=False)[0, 0]
