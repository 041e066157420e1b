"""Where white matter ends towards grey matter: as much as the scans show, where they and other heads have it.

FLAIR hardly shows that border, and T1 and FLAIR put it in different places. The most probable class of each voxel would
leave out thin white matter: the volume of a region is the sum of probabilities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from yucca_wm.models.believable import LEAST_PROBABILITY, WHITE_MATTER
from yucca_wm.models.brain import Brain, Look
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.conventions import TISSUES, in_mm
from yucca_wm.models.mean_head import shipped_mean_head

SHARES = (0.02, 0.98)
"""The mean of 20 heads is not surer than this."""

GREY = (TISSUES["cortical_grey_matter"], TISSUES["deep_grey_matter"])


def white_or_grey(tissue: torch.Tensor) -> torch.Tensor:
    """Voxels of ``tissue`` that are of either."""
    return (tissue == WHITE_MATTER) | torch.isin(tissue, torch.tensor(GREY))


def drawn_with_the_mean_head(
    tissue: torch.Tensor,
    probability: torch.Tensor,
    regions: NDArray[np.uint8],
    look: Look,
    brain: Brain,
    grid: Canonical,
) -> torch.Tensor:
    """``tissue`` [x, y, z], its white and grey matter shared out again.

    In each region, white matter is as many voxels as the network's probabilities add up to: those with the highest
    odds, of network and mean head multiplied.

    probability : [class, x, y, z] of the fine network. regions : [x, y, z], of all white and grey matter by its place.
    look : aligned to this person.
    """
    white, grey = probability[WHITE_MATTER], torch.stack([probability[k] for k in GREY])
    either = white_or_grey(tissue) & (torch.minimum(white, grey.amax(0)) > LEAST_PROBABILITY)
    white, grey = white[either], grey[:, either]
    voxels = tuple(axis.numpy() for axis in torch.nonzero(either, as_tuple=True))
    places = brain.at(grid, look.places, voxels)
    share = torch.from_numpy(shipped_mean_head().at(in_mm(places.numpy())).clip(*SHARES))
    odds = torch.log(white / grey.amax(0)) + torch.logit(share)
    expected = white / (white + grey.sum(0))
    drawn = torch.tensor(GREY)[grey.argmax(0)]
    most = _most(odds.numpy(), expected.numpy(), regions[voxels])
    drawn[torch.from_numpy(most)] = WHITE_MATTER
    shared = tissue.clone()
    shared[either] = drawn.to(tissue.dtype)
    return shared


def _most(odds: NDArray[Any], expected: NDArray[Any], group: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Of each group those with the highest odds, as many as ``expected`` adds up to."""
    order = np.lexsort((-odds, group))
    sizes = np.bincount(group)
    wanted = np.rint(np.bincount(group, expected)).astype(int)
    of = group[order]
    rank = np.arange(len(order)) - (np.cumsum(sizes) - sizes)[of]
    return order[rank < wanted[of]]
