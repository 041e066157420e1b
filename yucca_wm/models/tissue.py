"""Tissue classes and lesions, plane by plane at 1 mm: the fine network.

It sees T1 and FLAIR side by side, or one of them, inside the brain that the coarse network has found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    views = _views(scans, core)
    found = _seen(network, _planes(scans, core, around, views.used), grid)
    shared = views.shared[box] & inside
    if (planes := shared.any((0, 1))).any():  # in these a scan shows a part of the brain only: there both are seen
        together = _planes(scans, core, around & views.shared, views.shown, box)
        chosen = torch.from_numpy(np.flatnonzero(planes))
        both = torch.from_numpy(shared[..., planes])
        found[..., chosen] = torch.where(both, _seen(network, together[chosen], grid), found[..., chosen])
    probability = torch.zeros((classes, *grid.shape), dtype=torch.float32)
    probability[0] = 1
    probability[(slice(None), *box)] = torch.where(torch.from_numpy(inside), found, probability[(slice(None), *box)])
    beyond = torch.from_numpy(distance_mm > LESIONS_WITHIN_MM)
    probability[0][beyond] += probability[LESION][beyond]
    probability[LESION][beyond] = 0
    return probability


def _seen(network: Network, planes: torch.Tensor, grid: Canonical) -> torch.Tensor:
    """Probability [class, x, y, z] of ``planes`` [z, channel, x, y]; thin planes go through the network together."""
    thick = max(1, round(THINNEST_MM / float(grid.spacing_mm[2])))
    found = _through(network, _thickened(planes, thick), grid)
    return found.repeat_interleave(thick, 0)[: len(planes)].permute(1, 2, 3, 0)


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
        found = _through(network, _planes({name: scan}, core, around, {name: field_of_view(scan)})[chosen], grid)
        entropy[name] = float(torch.special.entr(found).sum(1)[inside[chosen]].mean())
    return "T1" if entropy["T1"] < SURER * entropy["FLAIR"] else "FLAIR"


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    return tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(mask))


def _planes(
    scans: Mapping[str, Array],
    core: NDArray[np.bool_],
    around: NDArray[np.bool_],
    used: Mapping[str, NDArray[np.bool_]],
    box: tuple[slice, ...] | None = None,
) -> torch.Tensor:
    """What the network is shown, [z, channel, x, y], in ``box`` (default: that of ``around``).

    used : modality -> where it is used, voxels [x, y, z] or planes [z]; in planes without any it is `ABSENT`.
    """
    box = box or _box(around)
    inside = around[box]
    channels = [np.full(inside.shape, ABSENT, np.float32) for _ in CHANNELS]
    for n, name in enumerate(CHANNELS):
        if name in scans and (core & used[name]).any():
            scaled = np.where(inside, _scaled(scans[name], core & used[name])[box], np.float32(OUTSIDE))
            whole = np.asarray(used[name] if used[name].ndim == 1 else used[name].any((0, 1)))
            channels[n] = np.where(whole[box[2]], scaled, np.float32(ABSENT))
    return torch.from_numpy(np.stack(channels)).permute(3, 0, 1, 2)


@dataclass(frozen=True)
class _Views:
    """Where scans show something.

    shown : modality -> its field of view, voxels [x, y, z]. used : modality -> planes [z] in which it shows as much of
    the brain as any scan. shared : voxels [x, y, z] that all scans show, in planes in which one of them is not used.
    """

    shown: dict[str, NDArray[np.bool_]]
    used: dict[str, NDArray[np.bool_]]
    shared: NDArray[np.bool_]


def _views(scans: Mapping[str, Array], core: NDArray[np.bool_]) -> _Views:
    shown = {name: field_of_view(scan) for name, scan in scans.items()}
    seen = {name: np.asarray((view & core).sum((0, 1)), np.float64) for name, view in shown.items()}
    most = np.max(list(seen.values()), axis=0)
    used = {name: shown[name].any((0, 1)) & (seen[name] >= AS_MUCH * most) for name in scans}
    shared = np.logical_and.reduce(list(shown.values())) & ~np.logical_and.reduce(list(used.values()))
    return _Views(shown, used, shared)


def _masks(brain: Brain, grid: Canonical) -> tuple[NDArray[np.bool_], Array]:
    """Brain tissue on the scan's grid (without furrows), and every voxel's distance to the brain's mask in mm."""
    distance = ndimage.distance_transform_edt(~brain.mask, sampling=SPACING_MM).astype(np.float32)
    both = brain.at(grid, torch.stack([brain.inside, torch.from_numpy(distance)])).numpy()
    return (both[0] > 0.5) & (both[1] < SPACING_MM), both[1]


def _scaled(scan: Array, core: NDArray[np.bool_]) -> Array:
    """Mean 0 and standard deviation 1 over the brain, its brightest and darkest hundredths left out."""
    values = without_extremes(scan[core])
    scaled = (scan - values.mean()) / (values.std() or 1)
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
