"""Redraw the white/grey border: volume per region from the network, position from network and mean head.

FLAIR hardly shows that border, and T1 and FLAIR show it in different positions. The most probable class of each voxel
would omit thin white matter, so the volume of a region is the sum of its probabilities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from yucca_wm.models.brain import Brain, CoarseOutput
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.conventions import TISSUES, WHITE_MATTER, in_mm
from yucca_wm.models.mean_head import shipped_mean_head
from yucca_wm.models.tissue_rules import NEGLIGIBLE

SHARES = (0.02, 0.98)
"""Limits for the shares of the mean head: 20 heads give no greater certainty."""

GREY = (TISSUES["cortical_grey_matter"], TISSUES["deep_grey_matter"])


def white_or_grey(tissue: torch.Tensor) -> torch.Tensor:
    """Voxels of ``tissue`` that are white or grey matter, bool of the same shape."""
    return (tissue == WHITE_MATTER) | torch.isin(tissue, torch.tensor(GREY))


def redraw_border(
    tissue: torch.Tensor,
    probability: torch.Tensor,
    regions: NDArray[np.uint8],
    coarse: CoarseOutput,
    brain: Brain,
    grid: Canonical,
) -> torch.Tensor:
    """Redraw the border between white and grey matter.

    In each region, the number of white-matter voxels is the sum of the network's probabilities; the voxels with the
    highest product of the odds of network and mean head are chosen.

    Parameters
    ----------
    tissue : torch.Tensor, int, shape (x, y, z)
        Classes of `TISSUES` on ``grid``.
    probability : torch.Tensor, float, shape (class, x, y, z)
        Output of the fine network.
    regions : ndarray, uint8, shape (x, y, z)
        Region of every white- and grey-matter voxel by its coordinates.
    coarse : CoarseOutput
        Output of the coarse network, aligned to this person (`yucca_wm.models.alignment`).
    brain : Brain
        Brain found by that network.
    grid : Canonical
        Grid of the scans.

    Returns
    -------
    torch.Tensor, int, shape (x, y, z)
        ``tissue`` with white and grey matter reassigned.
    """
    white, grey = probability[WHITE_MATTER], torch.stack([probability[k] for k in GREY])
    either = white_or_grey(tissue) & (torch.minimum(white, grey.amax(0)) > NEGLIGIBLE)
    white, grey = white[either], grey[:, either]
    voxels = tuple(axis.numpy() for axis in torch.nonzero(either, as_tuple=True))
    coordinates = brain.at(grid, coarse.coordinates, voxels)
    share = torch.from_numpy(shipped_mean_head().at(in_mm(coordinates.numpy())).clip(*SHARES))
    odds = torch.log(white / grey.amax(0)) + torch.logit(share)
    expected = white / (white + grey.sum(0))
    drawn = torch.tensor(GREY)[grey.argmax(0)]
    most = _most(odds.numpy(), expected.numpy(), regions[voxels])
    drawn[torch.from_numpy(most)] = WHITE_MATTER
    shared = tissue.clone()
    shared[either] = drawn.to(tissue.dtype)
    return shared


def _most(odds: NDArray[Any], expected: NDArray[Any], group: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Indices of the voxels with the highest ``odds`` [voxel] per group, as many as ``expected`` [voxel] sums to."""
    order = np.lexsort((-odds, group))
    sizes = np.bincount(group)
    wanted = np.rint(np.bincount(group, expected)).astype(int)
    of = group[order]
    rank = np.arange(len(order)) - (np.cumsum(sizes) - sizes)[of]
    return order[rank < wanted[of]]
