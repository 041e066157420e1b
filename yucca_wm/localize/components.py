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

    order: Literal["C", "F"] = "F" if mask.flags.f_contiguous else "C"
    inside = np.stack(np.unravel_index(_places(mask.ravel(order=order)), mask.shape, order=order)).T
    if not len(inside):
        return Components(inside, np.zeros(0, dtype=np.intp), 0, 0, 0)
    low, high = inside.min(axis=0), inside.max(axis=0)
    box = mask[tuple(slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))]
    # as bytes: cc3d 4.1's path for booleans fails on lines of voxels (1 x 1 x n)
    labels, found = cc3d.connected_components(box.astype(np.uint8), connectivity=connectivity, return_N=True)
    component = labels[tuple((inside - low).T)].astype(np.intp) - 1
    sizes = np.bincount(component, minlength=found)
    kept = sizes >= min_voxels
    number = np.cumsum(kept) - 1
    of_kept = kept[component]
    return Components(
        voxels=inside[of_kept],
        lesion=number[component[of_kept]],
        count=int(kept.sum()),
        removed_voxels=int(sizes[~kept].sum()),
        removed_lesions=int(found - kept.sum()),
    )


def _places(flat: NDArray[np.bool_]) -> NDArray[np.intp]:
    """`numpy.flatnonzero`, with runs of eight False skipped at once: lesions are rare."""
    whole = flat.size - flat.size % 8
    words = np.flatnonzero(flat[:whole].view(np.uint64) != 0)
    word, bit = np.nonzero(flat[:whole].reshape(-1, 8)[words])
    return np.concatenate([8 * words[word] + bit, whole + np.flatnonzero(flat[whole:])])
