"""Tissue classes and lesions, plane by plane at 1 mm: the fine network.

It sees T1 and FLAIR side by side, or one of them, inside the brain that the coarse network has found.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.models.brain import Brain, Network
from yucca_wm.models.canonical import Canonical, field_of_view
from yucca_wm.models.conventions import ABSENT, AS_MUCH, LARGEST, LESION, OUTSIDE, SPACING_MM, without_extremes

CHANNELS = ("T1", "FLAIR")
PIXEL_MM = 1.0
THINNEST_MM = 0.8
"""Thinner planes than this are averaged by twos, threes, ..."""

AROUND_MM = 5.0
"""How far around the brain the network sees: the fluid, not the scalp."""

LESIONS_WITHIN_MM = 1.5
"""Further from the brain than this nothing is a lesion."""

MARGIN = 8
"""Pixels around the brain mask that go through the network with it."""

PLANES_AT_ONCE = 4

PLANES_LOOKED_AT = 12
"""At least, of a whole brain."""

SURER = 0.78
"""Entropy as a T1 over entropy as a FLAIR, below which a scan is a T1: 20 T1 have .51 to .75, 14 FLAIR .92 to 1.96, and
.74 to .93 with much noise added."""

Array = NDArray[np.float32]


def tissue_probability(
    network: Network, scans: Mapping[str, Array], grid: Canonical, brain: Brain, classes: int
) -> torch.Tensor:
    """Probability [class, x, y, z] on ``grid``; outside the brain's surroundings class 0 has all of it.

    scans : modality (T1, FLAIR) -> intensities [x, y, z] on ``grid``; one may be missing.
    """
    core, distance_mm = _masks(brain, grid)
    around = distance_mm <= AROUND_MM
    box = _box(around)
    inside = around[box]
    planes = _planes(scans, core, around)
    thick = max(1, round(THINNEST_MM / float(grid.spacing_mm[2])))
    found = _through(network, _thickened(planes, thick), grid)
    found = found.repeat_interleave(thick, 0)[: len(planes)].permute(1, 2, 3, 0)
    probability = torch.zeros((classes, *grid.shape), dtype=torch.float32)
    probability[0] = 1
    probability[(slice(None), *box)] = torch.where(torch.from_numpy(inside), found, probability[(slice(None), *box)])
    beyond = torch.from_numpy(distance_mm > LESIONS_WITHIN_MM)
    probability[0][beyond] += probability[LESION][beyond]
    probability[LESION][beyond] = 0
    return probability


def surer_as(network: Network, scan: Array, grid: Canonical, brain: Brain) -> str:
    """Which of `CHANNELS` the network takes a scan for: as the wrong one, it is less sure of all it sees.

    scan : intensities [x, y, z] on ``grid``; some planes are looked at, by the mean entropy within the brain.
    """
    core, distance_mm = _masks(brain, grid)
    around = distance_mm <= AROUND_MM
    inside = torch.from_numpy(core[_box(around)]).permute(2, 0, 1)  # [z, x, y]
    seen = torch.nonzero(inside.flatten(1).any(1))[:, 0]
    chosen = seen[:: max(1, len(seen) // PLANES_LOOKED_AT)]
    entropy = {}
    for name in CHANNELS:
        found = _through(network, _planes({name: scan}, core, around)[chosen], grid)
        entropy[name] = float(torch.special.entr(found).sum(1)[inside[chosen]].mean())
    return "T1" if entropy["T1"] < SURER * entropy["FLAIR"] else "FLAIR"


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    return tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(mask))


def _planes(scans: Mapping[str, Array], core: NDArray[np.bool_], around: NDArray[np.bool_]) -> torch.Tensor:
    """What the network sees, [z, channel, x, y], of the box of ``around``."""
    box = _box(around)
    inside = around[box]
    channels = [np.full(inside.shape, ABSENT, np.float32) for _ in CHANNELS]
    views = _views(scans, core)
    for n, name in enumerate(CHANNELS):
        if name in scans:
            scaled = np.where(inside, _scaled(scans[name], core & views[name])[box], np.float32(OUTSIDE))
            channels[n] = np.where(views[name][box[2]], scaled, np.float32(ABSENT))
    return torch.from_numpy(np.stack(channels)).permute(3, 0, 1, 2)


def _views(scans: Mapping[str, Array], core: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Modality -> planes [z] that it is used in: not those in which another scan shows more of the brain."""
    views = {name: field_of_view(scan) for name, scan in scans.items()}
    seen = {name: np.asarray((view & core).sum((0, 1)), np.float64) for name, view in views.items()}
    most = np.max(list(seen.values()), axis=0)
    return {name: views[name].any((0, 1)) & (seen[name] >= AS_MUCH * most) for name in scans}


def _masks(brain: Brain, grid: Canonical) -> tuple[NDArray[np.bool_], Array]:
    """Brain tissue on the scan's grid (without furrows), and every voxel's distance to the brain's mask in mm."""
    distance = ndimage.distance_transform_edt(~brain.mask, sampling=SPACING_MM).astype(np.float32)
    both = brain.at(grid, torch.stack([brain.inside, torch.from_numpy(distance)])).numpy()
    return (both[0] > 0.5) & (both[1] < SPACING_MM), both[1]


def _scaled(scan: Array, core: NDArray[np.bool_]) -> Array:
    """Mean 0 and standard deviation 1 over the brain, its brightest and darkest hundredths left out."""
    values = without_extremes(scan[core])
    scaled = (scan - values.mean()) / (values.std() + 1e-6)
    return np.clip(scaled, OUTSIDE, LARGEST).astype(np.float32)


def _thickened(planes: torch.Tensor, thick: int) -> torch.Tensor:
    """Means of ``thick`` neighbouring planes [z, channel, x, y]; the last may be of fewer. Of a channel's planes, those
    that are `ABSENT` do not count where there are others."""
    if thick == 1:
        return planes
    given = (planes != ABSENT).flatten(2).any(2)[..., None, None].float()  # [z, channel, 1, 1]
    parts = zip((planes * given).split(thick), given.split(thick), strict=True)
    return torch.stack([part.sum(0) / of.sum(0).clamp(min=1) for part, of in parts])


def _through(network: Network, planes: torch.Tensor, grid: Canonical) -> torch.Tensor:
    """Probability [z, class, x, y] of ``planes`` [z, channel, x, y], which go through the network at 1 mm.

    They go through it twice, once with left and right exchanged: no side is favoured.
    """
    size = tuple(planes.shape[2:])
    at_1mm = [max(32, round(n * spacing / PIXEL_MM)) for n, spacing in zip(size, grid.spacing_mm[:2], strict=True)]
    padded = [-(-(n + 2 * MARGIN) // 16) * 16 for n in at_1mm]
    border = [p - n for p, n in zip(padded, at_1mm, strict=True)]
    found = []
    with torch.inference_mode():
        for part in planes.split(PLANES_AT_ONCE):
            small = F.interpolate(part, size=at_1mm, mode="bilinear", antialias=True, align_corners=False)
            given = (part != ABSENT).flatten(2).any(2)[:, :, None, None]
            x = torch.where(given, OUTSIDE, ABSENT).expand(-1, -1, *padded).clone()
            x[:, :, border[0] // 2 : border[0] // 2 + at_1mm[0], border[1] // 2 : border[1] // 2 + at_1mm[1]] = small
            logits = (network(x) + network(x.flip(2)).flip(2)).float() / 2
            logits = logits[:, :, border[0] // 2 :, border[1] // 2 :][:, :, : at_1mm[0], : at_1mm[1]]
            found.append(torch.softmax(F.interpolate(logits, size=size, mode="bilinear", align_corners=False), 1))
    return torch.cat(found)
