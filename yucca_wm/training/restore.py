"""Restore logits from a network's grid to the image's own voxels, a few planes at a time.

Yucca reorients, crops, transposes, resamples and pads an image before prediction
(``yucca.functional.preprocessing.preprocess_case_for_inference``). Its own inverse holds several copies of all
classes on the full grid; here each plane of the image is restored on request, through the same linear
interpolation of logits, so the network's output is the only full-size array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nibabel as nib
import numpy as np
import torch
from nibabel import orientations
from numpy.typing import NDArray

from yucca_wm.ensemble.probabilities import SLAB_VOXELS, Box, Grid


class RestoredLogits:
    """Logits of one case, readable in the voxel order of its image.

    logits : [class, x, y, z] on the network's grid (transposed, resampled, padded).
    properties : record of Yucca's preprocessing.
    transpose : Yucca's ``transpose_forward``.
    grid : grid of the image (default: derived from the properties).

    `box` is the part of the image that the network saw. Outside it nothing is known, and the label is background.
    """

    def __init__(
        self,
        logits: torch.Tensor,
        properties: dict[str, Any],
        transpose: Sequence[int] = (0, 1, 2),
        grid: Grid | None = None,
    ) -> None:
        metadata = properties["nifti_metadata"]
        uncropped = [int(n) for n in properties["uncropped_shape"]]
        bounds = properties.get("nonzero_box")
        if bounds is None:
            bounds = [edge for n in uncropped for edge in (0, n - 1)]
        inner = [(int(bounds[2 * axis]), min(int(bounds[2 * axis + 1]) + 1, uncropped[axis])) for axis in range(3)]
        moves = np.array([[0, 1], [1, 1], [2, 1]])
        if metadata["reoriented"]:
            moves = orientations.ornt_transform(
                orientations.axcodes2ornt(metadata["final_direction"]),
                orientations.axcodes2ornt(metadata["original_orientation"]),
            )
        self.grid = grid or _grid_before_reorientation(metadata, uncropped, moves)
        self.about: dict[str, Any] = {}
        self._logits = logits
        self._pad = [int(n) for n in properties["padding"]]
        self._resampled = [int(n) for n in properties["resampled_transposed_shape"]]
        source = [int(np.flatnonzero(moves[:, 0] == axis)[0]) for axis in range(3)]  # image axis -> RAS axis
        self._axes = [list(transpose).index(axis) for axis in source]  # image axis -> the network's axis
        self._flips = [moves[axis, 1] < 0 for axis in source]
        self._target = [inner[axis][1] - inner[axis][0] for axis in transpose]  # the network's axes before resampling
        self.box: Box = tuple(  # type: ignore[assignment]
            (uncropped[axis] - inner[axis][1], uncropped[axis] - inner[axis][0]) if flip else inner[axis]
            for axis, flip in zip(source, self._flips, strict=True)
        )
        if self.grid.shape != tuple(uncropped[axis] for axis in source):
            raise ValueError(f"the image's shape {self.grid.shape} is not the preprocessed one's {uncropped}")

    @property
    def n_classes(self) -> int:
        return int(self._logits.shape[0])

    def planes(self, lo: int, hi: int) -> torch.Tensor:
        """Logits of planes ``lo`` to ``hi`` along the first axis of the box: float32 [class, i, j, k]."""
        main = self._axes[0]
        wanted = torch.arange(lo, hi)
        if self._flips[0]:
            wanted = self._target[main] - 1 - wanted
        slab = self._logits
        for axis in range(3):
            if axis != main:
                slab = slab.narrow(1 + axis, self._pad[2 * axis], self._resampled[axis])
        slab = _interpolate_rows(slab, 1 + main, wanted, self._pad[2 * main], self._resampled[main], self._target[main])
        slab = slab.movedim(1 + main, 1)
        others = [axis for axis in range(3) if axis != main]
        size = tuple(self._target[axis] for axis in others)
        if tuple(slab.shape[2:]) != size:
            slab = torch.nn.functional.interpolate(slab, size=size, mode="bilinear")
        if self._axes[1] > self._axes[2]:
            slab = slab.transpose(2, 3)
        flipped = [1 + axis for axis in (1, 2) if self._flips[axis]]
        return torch.flip(slab, flipped) if flipped else slab

    def probabilities(self, lo: int, hi: int) -> NDArray[np.float32]:
        """Softmax of `planes`."""
        return np.asarray(torch.softmax(self.planes(lo, hi), dim=0).cpu().numpy(), dtype=np.float32)

    def labels(self) -> NDArray[np.uint8]:
        """The likeliest class of every voxel of the image [i, j, k]; background outside the box.

        Raises ValueError for NaN: a network that gives it has diverged, and no label would be right.
        """
        out = np.zeros(self.grid.shape, np.uint8)
        (start, stop), *rest = self.box
        step = max(1, SLAB_VOXELS // max(1, int(np.prod([b - a for a, b in rest]))))
        for lo in range(start, stop, step):
            hi = min(lo + step, stop)
            top, likeliest = self.planes(lo - start, hi - start).max(dim=0)
            if bool(top.isnan().any()):
                raise ValueError("the network's output is not a number")
            out[(slice(lo, hi), *(slice(a, b) for a, b in rest))] = likeliest.to(torch.uint8).cpu().numpy()
        return out


def _interpolate_rows(
    volume: torch.Tensor, axis: int, wanted: torch.Tensor, offset: int, length: int, target: int
) -> torch.Tensor:
    """Rows ``wanted`` (of ``target``) of the ``length`` rows after ``offset``, as torch's linear ``interpolate``."""
    if length == target:
        return volume.index_select(axis, (wanted + offset).to(volume.device)).float()
    position = ((wanted + 0.5) * (length / target) - 0.5).clamp(min=0)
    below = position.floor().long().clamp(max=length - 1)
    above = (below + 1).clamp(max=length - 1)
    share = (position - below).float().to(volume.device)
    share = share.reshape([-1 if number == axis else 1 for number in range(volume.ndim)])
    rows = [volume.index_select(axis, (row + offset).to(volume.device)).float() for row in (below, above)]
    return rows[0] + (rows[1] - rows[0]) * share


def _grid_before_reorientation(metadata: dict[str, Any], shape: Sequence[int], moves: NDArray[Any]) -> Grid:
    affine = np.eye(4) if metadata["affine"] is None else np.asarray(metadata["affine"], dtype=np.float64)
    header = nib.Nifti1Header(metadata["header"]) if metadata.get("header") else nib.Nifti1Header()
    image = nib.Nifti1Image(np.broadcast_to(np.uint8(0), tuple(shape)), affine, header, dtype=np.uint8)
    image = image.as_reoriented(moves)
    return Grid.of_nifti(image)
