"""Lesions as connected components, kept as a list of voxels: lesions fill a thousandth of a head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Connectivity = Literal[6, 18, 26]
"""Voxels belong to one lesion when they share a face (6), also an edge (18), also a corner (26)."""


@dataclass(frozen=True)
class Components:
    """The lesions of one subject.

    voxels : [n, 3] array indices of the lesion voxels that are kept.
    lesion : [n] the lesion each voxel belongs to, 0 .. count-1.
    count : number of lesions kept.
    removed_voxels, removed_lesions : what fell below the minimum size.
    """

    voxels: NDArray[np.intp]
    lesion: NDArray[np.intp]
    count: int
    removed_voxels: int
    removed_lesions: int


def find_lesions(mask: NDArray[Any], *, connectivity: Connectivity = 26, min_voxels: int = 1) -> Components:
    """Connected components of a 3D boolean ``mask`` that have at least ``min_voxels`` voxels."""
    import cc3d

    box = _bounding_box(mask)
    # as bytes: cc3d 4.1's path for booleans fails on lines of voxels (1 x 1 x n)
    labels, found = cc3d.connected_components(mask[box].astype(np.uint8), connectivity=connectivity, return_N=True)
    inside = np.nonzero(labels)
    component = labels[inside].astype(np.intp) - 1
    voxels = np.stack(inside, axis=1) + [axis.start for axis in box]
    sizes = np.bincount(component, minlength=found)
    kept = sizes >= min_voxels
    number = np.cumsum(kept) - 1
    of_kept = kept[component]
    return Components(
        voxels=voxels[of_kept],
        lesion=number[component[of_kept]],
        count=int(kept.sum()),
        removed_voxels=int(sizes[~kept].sum()),
        removed_lesions=int(found - kept.sum()),
    )


def _bounding_box(mask: NDArray[Any]) -> tuple[slice, ...]:
    box = []
    for axis in range(3):
        profile = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(int(profile[0]), int(profile[-1]) + 1) if profile.size else slice(0, 1))
    return tuple(box)
