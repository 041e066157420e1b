"""Where white matter ends towards grey matter: by what the scans show, and by where heads have white matter.

FLAIR hardly shows that border, and T1 and FLAIR put it in different places.
"""

from __future__ import annotations

import torch

from yucca_wm.models.believable import LEAST_PROBABILITY, WHITE_MATTER
from yucca_wm.models.brain import Brain, Look
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.mean_head import shipped_mean_head
from yucca_wm.training.synthesis.structures import TISSUES
from yucca_wm.training.synthesis.volumes import in_mm

WEIGHT = 0.5
"""Of the mean head beside the scans, on the scale of log odds."""

SHARES = (0.02, 0.98)
"""The mean of 20 heads is not surer than this."""

GREY = (TISSUES["cortical_grey_matter"], TISSUES["deep_grey_matter"])


def drawn_with_the_mean_head(
    tissue: torch.Tensor, probability: torch.Tensor, look: Look, brain: Brain, grid: Canonical
) -> torch.Tensor:
    """``tissue`` [x, y, z], its white and grey matter shared out again by the odds of both.

    probability : [class, x, y, z] of the fine network. look : aligned to this person.
    """
    white, grey = probability[WHITE_MATTER], torch.maximum(*(probability[k] for k in GREY))
    either = (tissue == WHITE_MATTER) | torch.isin(tissue, torch.tensor(GREY))
    voxels = torch.nonzero(either & (torch.minimum(white, grey) > LEAST_PROBABILITY), as_tuple=True)
    places = brain.at(grid, look.places, tuple(axis.numpy() for axis in voxels))
    share = torch.from_numpy(shipped_mean_head().at(in_mm(places.numpy())).clip(*SHARES))
    odds = torch.log(white[voxels] / grey[voxels]) + WEIGHT * torch.logit(share)
    of_grey = torch.tensor(GREY)[torch.stack([probability[k][voxels] for k in GREY]).argmax(0)]
    shared = tissue.clone()
    shared[voxels] = torch.where(odds > 0, WHITE_MATTER, of_grey).to(tissue.dtype)
    return shared
