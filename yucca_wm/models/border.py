"""Where white matter ends towards grey matter: as much as the scans show, where they and other heads have it.

FLAIR hardly shows that border, and T1 and FLAIR put it in different places. The most probable class of each voxel would
leave out thin white matter: its volume is the sum of probabilities.
"""

from __future__ import annotations

import torch

from yucca_wm.models.believable import LEAST_PROBABILITY, WHITE_MATTER
from yucca_wm.models.brain import Brain, Look
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.mean_head import shipped_mean_head
from yucca_wm.training.synthesis.structures import TISSUES
from yucca_wm.training.synthesis.volumes import in_mm

SHARES = (0.02, 0.98)
"""The mean of 20 heads is not surer than this."""

GREY = (TISSUES["cortical_grey_matter"], TISSUES["deep_grey_matter"])


def drawn_with_the_mean_head(
    tissue: torch.Tensor, probability: torch.Tensor, look: Look, brain: Brain, grid: Canonical
) -> torch.Tensor:
    """``tissue`` [x, y, z], its white and grey matter shared out again.

    White matter is as many voxels as the network's probabilities add up to: those with the highest odds, of network
    and mean head multiplied.

    probability : [class, x, y, z] of the fine network. look : aligned to this person.
    """
    white, grey = probability[WHITE_MATTER], torch.stack([probability[k] for k in GREY])
    either = (tissue == WHITE_MATTER) | torch.isin(tissue, torch.tensor(GREY))
    either &= torch.minimum(white, grey.amax(0)) > LEAST_PROBABILITY
    white, grey = white[either], grey[:, either]
    voxels = tuple(axis.numpy() for axis in torch.nonzero(either, as_tuple=True))
    places = brain.at(grid, look.places, voxels)
    share = torch.from_numpy(shipped_mean_head().at(in_mm(places.numpy())).clip(*SHARES))
    odds = torch.log(white / grey.amax(0)) + torch.logit(share)
    n_white = round(float((white / (white + grey.sum(0))).sum(dtype=torch.float64)))
    drawn = torch.tensor(GREY)[grey.argmax(0)]
    drawn[odds.argsort(descending=True, stable=True)[:n_white]] = WHITE_MATTER
    shared = tissue.clone()
    shared[either] = drawn.to(tissue.dtype)
    return shared
