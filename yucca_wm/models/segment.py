"""Segment lesions, regions and tissue on a subject's scans, with the models that come with this package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.field_of_view import FieldOfView
from yucca_wm.imaging.images import Image, check_same_grid
from yucca_wm.models.alignment import aligned
from yucca_wm.models.border import redraw_border, white_or_grey
from yucca_wm.models.brain import Brain, CoarseOutput, Network, RegionNetwork, find_brain
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.conventions import LESION, TISSUES, WHITE_MATTER
from yucca_wm.models.lesion_rules import plausible_lesions
from yucca_wm.models.positions import shipped_positions
from yucca_wm.models.tissue import likelier_modality, tissue_probability
from yucca_wm.models.tissue_rules import keep_below_tentorium, keep_in_place, keep_whole

VOXELS_AT_ONCE = 100_000

LESION_THRESHOLD = 0.5
"""Probability from which a voxel is lesion."""

BRAIN_ML = (500.0, 2200.0)
"""Range of whole-brain volumes, ventricles included."""


@dataclass(frozen=True)
class Segmentation:
    """Maps [i, j, k] on the grid of the scans, in their files' own order of axes.

    lesions : uint8, 1 in lesions. regions : uint8, labels of the region table, in white matter and lesions.
    tissue : uint8, labels of `TISSUES` without lesions (lesion voxels have the tissue around them).
    lesion_probability : float32. brain_ml : volume of the brain, ventricles included.
    looks_like : modality that the network takes a single scan for, T1 or FLAIR; empty for a pair.
    misfit_mm : mean distance of the regions' centroids from those of the mean head, after the best-fitting affine.
    """

    lesions: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    tissue: NDArray[np.uint8]
    lesion_probability: NDArray[np.float32]
    brain_ml: float
    looks_like: str = ""
    misfit_mm: float = 0.0

    def within(self, window: tuple[slice, slice, slice]) -> Segmentation:
        """The maps cropped to ``window``."""
        return replace(
            self,
            lesions=self.lesions[window].copy(),
            regions=self.regions[window].copy(),
            tissue=self.tissue[window].copy(),
            lesion_probability=self.lesion_probability[window].copy(),
        )


@dataclass(frozen=True)
class Networks:
    """The two networks; ``tissue`` maps a batch [B, channel, x, y] to logits [B, class, x, y].

    computed : device and precision, in words.
    """

    regions: RegionNetwork
    tissue: Network
    computed: str = ""


def segment(networks: Networks, scans: Mapping[str, Image]) -> Segmentation:
    """Segment the scans of one subject.

    Parameters
    ----------
    networks : Networks
        The coarse and the fine network.
    scans : mapping of str to Image
        ``T1`` and ``FLAIR``, or one of them, on one grid [i, j, k].

    Returns
    -------
    Segmentation
        Maps [i, j, k] on that grid.

    Raises
    ------
    InputError
        No whole brain is found in the scans, or their grids differ.
    """
    images = list(scans.values())
    for other in images[1:]:
        check_same_grid(images[0], other)
    grid = Canonical.of(images[0])
    data = {name: np.ascontiguousarray(grid.reordered(image.data), dtype=np.float32) for name, image in scans.items()}
    brain, coarse = find_brain(networks.regions, data, grid)
    shown_ml = brain.volume_ml * brain.share_within(grid)
    if not BRAIN_ML[0] <= shown_ml <= BRAIN_ML[1]:
        raise InputError(
            images[0].name,
            f"shows no whole brain ({shown_ml:.0f} ml of brain found)",
            "check that it is a T1 or FLAIR of a whole head, and its header",
        )
    views = {name: FieldOfView.of(scan) for name, scan in data.items()}
    probability = tissue_probability(networks.tissue, data, views, grid, brain, len(TISSUES))
    keep_below_tentorium(probability, brain, grid)
    keep_in_place(probability, brain, grid)
    tissue = keep_whole(probability, grid)
    found = (probability[LESION] >= LESION_THRESHOLD).numpy()
    lesions = torch.from_numpy(plausible_lesions(found, tissue.numpy(), brain, grid, data.get("FLAIR"), views))
    no_tissue = lesions & (tissue == 0)
    tissue[no_tissue] = 1 + probability[1:LESION, no_tissue].argmax(0)
    coarse = aligned(((tissue == WHITE_MATTER) | lesions).numpy(), coarse, brain, grid)
    regions = _regions(networks.regions, coarse, brain, grid, (white_or_grey(tissue) | lesions).numpy())
    tissue = redraw_border(tissue, probability, regions, coarse, brain, grid)
    regions[~((tissue == WHITE_MATTER) | lesions).numpy()] = 0
    return Segmentation(
        lesions=grid.restored(lesions.numpy()).astype(np.uint8),
        regions=grid.restored(regions),
        tissue=grid.restored(tissue.numpy()).astype(np.uint8),
        lesion_probability=grid.restored(probability[LESION].numpy()),
        brain_ml=brain.volume_ml,
        misfit_mm=shipped_positions().misfit_mm(brain.centroids_mm),
        looks_like=likelier_modality(networks.tissue, next(iter(data.values())), grid, brain) if len(data) == 1 else "",
    )


def _regions(
    network: RegionNetwork, coarse: CoarseOutput, brain: Brain, grid: Canonical, wanted: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Most probable region [x, y, z] of every ``wanted`` [x, y, z] voxel, by its own coordinates; 0 elsewhere."""
    regions = np.zeros(grid.shape, np.uint8)
    points = np.nonzero(wanted)
    if len(points[0]):
        coordinates = brain.at(grid, coarse.coordinates, points)[None, :, :, None, None]
        parts = [
            network.region_logits(torch.zeros_like(part[:, :1]), part) for part in coordinates.split(VOXELS_AT_ONCE, 2)
        ]
        regions[points] = 1 + torch.cat(parts, 2)[0, 1:, :, 0, 0].max(0).indices.numpy()
    return regions
