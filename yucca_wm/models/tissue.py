"""Segment tissue classes and lesions with the fine network, plane by plane at 1 mm.

Its input is T1 and FLAIR as two channels, or one of them, inside the brain that the coarse network has found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.imaging.field_of_view import FieldOfView
from yucca_wm.models.brain import Brain, Network
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.conventions import (
    ABSENT,
    LARGEST,
    LEAST_SHARE_SHOWN,
    LESION,
    OUTSIDE_BRAIN,
    SPACING_MM,
    without_extremes,
)

CHANNELS = ("T1", "FLAIR")
PIXEL_MM = 1.0
THINNEST_MM = 0.8
"""Thinner planes are averaged in twos, threes, ..."""

AROUND_MM = 5.0
"""Margin around the brain within which the network sees the scan: fluid, not scalp."""

LESIONS_WITHIN_MM = 1.5
"""Voxels further from the brain than this are never lesion."""

MARGIN = 8
"""Pixels around the brain mask that are also passed to the network."""

PLANES_AT_ONCE = 4

PLANES_LOOKED_AT = 12
"""Minimum number of planes of a whole brain used by `likelier_modality`."""

T1_ENTROPY_RATIO = 0.78
"""Ratio of entropy as a T1 to entropy as a FLAIR below which a scan is a T1: 20 T1 have 0.51 to 0.75, 14 FLAIR 0.92 to
1.96, and 0.74 to 0.93 with much noise added."""

FILL = 0.0
"""Value of a plane's voxels that a scan does not show: the brain's mean, at which no edge is seen."""

Array = NDArray[np.float32]


def tissue_probability(
    network: Network,
    scans: Mapping[str, Array],
    views: Mapping[str, FieldOfView],
    grid: Canonical,
    brain: Brain,
    classes: int,
) -> torch.Tensor:
    """Probabilities of tissue classes and lesions.

    Parameters
    ----------
    network : Network
        The fine network: planes [z, channel, x, y] -> logits [z, class, x, y].
    scans : mapping of str to ndarray, float32, shape (x, y, z)
        Modality (T1, FLAIR) -> intensities on ``grid``; one may be missing.
    views : mapping of str to FieldOfView
        Modality -> field of view of its scan.
    grid : Canonical
        Grid of the scans.
    brain : Brain
        Brain found by the coarse network.
    classes : int
        Number of classes.

    Returns
    -------
    torch.Tensor, float32, shape (class, x, y, z)
        Probabilities on ``grid``; class 0 has probability 1 further than `AROUND_MM` from the brain.
    """
    core, distance_mm = _masks(brain, grid)
    around = distance_mm <= AROUND_MM
    box = _box(around)
    inside = around[box]
    shares = _shares(views, core)
    found = _seen(network, _planes(scans, core, box, inside, shares.used, shares.measured), grid)
    part = shares.part[box] & inside
    planes = np.asarray(part.any((0, 1)))
    if planes.any():  # a scan shows only a part of the brain here: use both in that part
        together = _planes(scans, core, box, inside, shares.shown, shares.shown)
        chosen = _whole_groups(planes, _averaged(grid))
        there, at = torch.from_numpy(part[..., chosen]), torch.from_numpy(chosen)
        found[..., at] = torch.where(there, _seen(network, together[at], grid), found[..., at])
    probability = torch.zeros((classes, *grid.shape), dtype=torch.float32)
    probability[0] = 1
    probability[(slice(None), *box)] = torch.where(torch.from_numpy(inside), found, probability[(slice(None), *box)])
    beyond = torch.from_numpy(distance_mm > LESIONS_WITHIN_MM)
    probability[0][beyond] += probability[LESION][beyond]
    probability[LESION][beyond] = 0
    return probability


def _seen(network: Network, planes: torch.Tensor, grid: Canonical) -> torch.Tensor:
    """Probability [class, x, y, z] of ``planes`` [z, channel, x, y]; neighbouring thin planes are averaged first."""
    thick = _averaged(grid)
    found = _through(network, _thickened(planes, thick), grid)
    return found.repeat_interleave(thick, 0)[: len(planes)].permute(1, 2, 3, 0)


def _averaged(grid: Canonical) -> int:
    """How many neighbouring planes are averaged."""
    return max(1, round(THINNEST_MM / float(grid.spacing_mm[2])))


def _whole_groups(planes: NDArray[np.bool_], thick: int) -> NDArray[np.intp]:
    """Indices of all ``planes`` [z], and of those that are averaged with them."""
    groups = np.unique(np.flatnonzero(planes) // thick)
    chosen = (groups[:, None] * thick + np.arange(thick)).ravel()
    return chosen[chosen < len(planes)]


def likelier_modality(network: Network, scan: Array, grid: Canonical, brain: Brain) -> str:
    """Modality that the network takes a scan for: with the wrong one its output is less certain.

    Compares the mean entropy within the brain, on a subset of planes.

    Parameters
    ----------
    network : Network
        The fine network.
    scan : ndarray, float32, shape (x, y, z)
        Intensities on ``grid``.
    grid : Canonical
        Grid of the scan.
    brain : Brain
        Brain found by the coarse network.

    Returns
    -------
    str
        One of `CHANNELS`.
    """
    core, distance_mm = _masks(brain, grid)
    around = distance_mm <= AROUND_MM
    box = _box(around)
    used = dict.fromkeys(CHANNELS, (scan != 0).any((0, 1)))
    inside = torch.from_numpy(core[box]).permute(2, 0, 1)  # [z, x, y]
    seen = torch.nonzero(inside.flatten(1).any(1))[:, 0]
    chosen = seen[:: max(1, len(seen) // PLANES_LOOKED_AT)]
    entropy = {}
    for name in CHANNELS:
        found = _through(network, _planes({name: scan}, core, box, around[box], used, used)[chosen], grid)
        entropy[name] = float(torch.special.entr(found).sum(1)[inside[chosen]].mean())
    return "T1" if entropy["T1"] < T1_ENTROPY_RATIO * entropy["FLAIR"] else "FLAIR"


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    return tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(mask))


def _planes(
    scans: Mapping[str, Array],
    core: NDArray[np.bool_],
    box: tuple[slice, ...],
    inside: NDArray[np.bool_],
    used: Mapping[str, NDArray[np.bool_]],
    measured: Mapping[str, NDArray[np.bool_]],
) -> torch.Tensor:
    """Input of the network, [z, channel, x, y], in ``box``. inside : voxels of the box that are seen, bool [x, y, z].

    used : modality -> voxels [x, y, z] or planes [z] in which it is used; planes without any are `ABSENT`, other voxels
    are `FILL`. measured : modality -> voxels or planes whose intensities it is scaled by.
    """
    channels = [np.full(inside.shape, ABSENT, np.float32) for _ in CHANNELS]
    for n, name in enumerate(CHANNELS):
        if name in scans and (core & measured[name]).any():
            scaled = _scaled(scans[name], core & measured[name])[box]
            if used[name].ndim == 3:
                scaled = np.where(used[name][box], scaled, np.float32(FILL))
            whole = np.asarray(used[name] if used[name].ndim == 1 else used[name].any((0, 1)))
            channels[n] = np.where(
                whole[box[2]], np.where(inside, scaled, np.float32(OUTSIDE_BRAIN)), np.float32(ABSENT)
            )
    return torch.from_numpy(np.stack(channels)).permute(3, 0, 1, 2)


@dataclass(frozen=True)
class _Shares:
    """Which scan is used where.

    shown : modality -> field of view, bool [x, y, z]. used : modality -> planes, bool [z], in which it shows as much of
    the brain as any scan. part : voxels, bool [x, y, z], that a scan shows in planes in which it is not used.
    measured : modality -> voxels or planes whose intensities it is scaled by.
    """

    shown: dict[str, NDArray[np.bool_]]
    used: dict[str, NDArray[np.bool_]]
    part: NDArray[np.bool_]
    measured: dict[str, NDArray[np.bool_]]


def _shares(views: Mapping[str, FieldOfView], core: NDArray[np.bool_]) -> _Shares:
    shown = {name: view.voxels() for name, view in views.items()}
    seen = {name: np.asarray((view & core).sum((0, 1)), np.float64) for name, view in shown.items()}
    most = np.max(list(seen.values()), axis=0)
    used = {name: shown[name].any((0, 1)) & (seen[name] >= LEAST_SHARE_SHOWN * most) for name in shown}
    parts = {name: shown[name] & ~used[name] for name in shown}
    measured = used | {name: shown[name] for name, part in parts.items() if (part & core).any()}
    return _Shares(shown, used, np.logical_or.reduce(list(parts.values())), measured)


def _masks(brain: Brain, grid: Canonical) -> tuple[NDArray[np.bool_], Array]:
    """Brain tissue (without sulci), bool [x, y, z] on ``grid``, and distance [x, y, z] to the brain's mask in mm."""
    distance = ndimage.distance_transform_edt(~brain.mask, sampling=SPACING_MM).astype(np.float32)
    both = brain.at(grid, torch.stack([brain.inside, torch.from_numpy(distance)])).numpy()
    return (both[0] > 0.5) & (both[1] < SPACING_MM), both[1]


def _scaled(scan: Array, core: NDArray[np.bool_]) -> Array:
    """``scan`` [x, y, z] scaled to mean 0 and standard deviation 1 over the brain, without extremes of 1 %."""
    values = without_extremes(scan[core])
    scaled = (scan - values.mean()) / (values.std() or 1)
    return np.clip(scaled, OUTSIDE_BRAIN, LARGEST).astype(np.float32)


def _thickened(planes: torch.Tensor, thick: int) -> torch.Tensor:
    """Means of ``thick`` neighbouring planes [z, channel, x, y], fewer at the end. `ABSENT` planes of a channel are
    ignored if there are others."""
    if thick == 1:
        return planes
    given = (planes != ABSENT).flatten(2).any(2)[..., None, None].float()  # [z, channel, 1, 1]
    parts = zip((planes * given).split(thick), given.split(thick), strict=True)
    return torch.stack([part.sum(0) / of.sum(0).clamp(min=1) for part, of in parts])


def _through(network: Network, planes: torch.Tensor, grid: Canonical) -> torch.Tensor:
    """Probability [z, class, x, y] of ``planes`` [z, channel, x, y], resampled to 1 mm for the network.

    The mean of two passes, one with left and right exchanged, so that no side is favoured.
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
            x = torch.where(given, OUTSIDE_BRAIN, ABSENT).expand(-1, -1, *padded).clone()
            x[:, :, border[0] // 2 : border[0] // 2 + at_1mm[0], border[1] // 2 : border[1] // 2 + at_1mm[1]] = small
            logits = (network(x) + network(x.flip(2)).flip(2)).float() / 2
            logits = logits[:, :, border[0] // 2 :, border[1] // 2 :][:, :, : at_1mm[0], : at_1mm[1]]
            found.append(torch.softmax(F.interpolate(logits, size=size, mode="bilinear", align_corners=False), 1))
    return torch.cat(found)
