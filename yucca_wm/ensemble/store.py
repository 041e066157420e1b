"""The softmax file: a network's class probabilities for every voxel of one image, in about a tenth of the space.

A zip archive (suffix ``.npz``, as in Yucca) that holds ``header.json`` and one member per slab of planes along
the image's first axis. Voxel order, grid and NIfTI header are those of the predicted image. Every member
carries a CRC-32, nothing in the file is ever unpickled, and equal input gives equal bytes.
"""

from __future__ import annotations

import base64
import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path, no_such_file
from yucca_wm.ensemble import codec
from yucca_wm.ensemble.codec import TARGET_SHARE, Slabs, choose_bits
from yucca_wm.ensemble.probabilities import SLAB_VOXELS, Box, Grid
from yucca_wm.imaging.images import MAX_VOXELS

FORMAT, VERSION = "yucca-wm softmax", 2
HEADER = "header.json"
MAX_HEADER_BYTES = 1 << 20
MAX_CLASSES = 256


def write(
    path: str | os.PathLike[str],
    slabs: Slabs,
    grid: Grid,
    classes: tuple[int, ...],
    *,
    box: Box | None = None,
    about: dict[str, Any] | None = None,
    max_share: float = TARGET_SHARE,
) -> Path:
    """Write a softmax file, reading the probabilities slab by slab.

    slabs : function that returns planes lo to hi of the box (any part of it, in any order).
    box : part of the grid that the network saw (default: all); elsewhere nothing is known.
    about : any JSON value, such as model and checkpoint.
    max_share : largest file size, as a share of the same values in float32 (a few bytes per voxel are always allowed).
    """
    box = box or tuple((0, n) for n in grid.shape)  # type: ignore[assignment]
    assert box is not None
    planes, rows, columns = (stop - start for start, stop in box)
    step = max(1, min(planes, SLAB_VOXELS // max(1, rows * columns)))
    starts = range(0, planes, step)
    bits = choose_bits(slabs, starts, planes, max_share)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "shape": list(grid.shape),
        "affine": np.asarray(grid.affine, dtype=float).tolist(),
        "nifti_header": base64.b64encode(grid.nifti_header).decode(),
        "classes": list(classes),
        "box": [list(bounds) for bounds in box],
        "planes_per_slab": step,
        "bits": bits,
        "about": about or {},
    }
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(zipfile.ZipInfo(HEADER), json.dumps(header))
        for number, lo in enumerate(starts):
            values = slabs(lo, min(lo + step, planes))
            archive.writestr(zipfile.ZipInfo(_slab_name(number)), codec.pack(codec.quantise(values, bits)))
    return Path(path)


def write_array(
    path: str | os.PathLike[str], probabilities: NDArray[np.float32], grid: Grid, *, about: dict[str, Any] | None = None
) -> Path:
    """Write probabilities [class, i, j, k] of classes 0, 1, ... from one array in memory."""
    classes = tuple(range(len(probabilities)))
    return write(path, lambda lo, hi: probabilities[:, lo:hi], grid, classes, about=about)


@dataclass(frozen=True)
class SoftmaxFile:
    """A softmax file, read slab by slab; see `open_softmax`."""

    path: Path
    grid: Grid
    classes: tuple[int, ...]
    box: Box
    planes_per_slab: int
    bits: int
    about: dict[str, Any] = field(default_factory=dict)

    def read(self, lo: int, hi: int) -> NDArray[np.float32]:
        """Planes ``lo`` to ``hi`` along the first axis, [class, i, j, k]; zero outside the box. Raises as `add_to`."""
        total = np.zeros((len(self.classes), hi - lo, *self.grid.shape[1:]), np.float32)
        self.add_to(total, lo)
        return total

    def add_to(self, total: NDArray[np.float32], lo: int, weight: float = 1.0) -> None:
        """Add ``weight`` times the planes from ``lo`` on to ``total`` [class, i, j, k].

        Raises InputError if the file is damaged.
        """
        (start, stop), (j0, j1), (k0, k1) = self.box
        first, last = max(lo, start), min(lo + total.shape[1], stop)
        if first >= last:
            return
        scale = np.float32(weight / (2**self.bits - 1))
        step = self.planes_per_slab
        with _archive(self.path) as archive:
            for number in range((first - start) // step, -(-(last - start) // step)):
                slab_lo = start + number * step
                slab_hi = min(slab_lo + step, stop)
                shape = (len(self.classes), slab_hi - slab_lo, j1 - j0, k1 - k0)
                occupied, levels = self._levels(archive, number, shape)
                part = slice(max(first, slab_lo) - slab_lo, min(last, slab_hi) - slab_lo)
                here = total[:, slab_lo - lo + part.start : slab_lo - lo + part.stop, j0:j1, k0:k1]
                scaled = np.empty(here.shape[1:], np.float32)
                for index in np.flatnonzero(occupied[:, part].any(axis=1)):
                    np.multiply(levels[index, part], scale, out=scaled, dtype=np.float32)
                    here[index] += scaled

    def _levels(
        self, archive: zipfile.ZipFile, number: int, shape: tuple[int, ...]
    ) -> tuple[NDArray[np.bool_], NDArray[np.uint16]]:
        try:
            return codec.unpack(archive.read(_slab_name(number)), shape)
        except (
            KeyError,
            ValueError,
            EOFError,
            OSError,
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise _damaged(self.path, error) from error


def open_softmax(path: str | os.PathLike[str]) -> SoftmaxFile:
    """Read the header of a softmax file and check it.

    Raises InputError if it is not a softmax file, is of a newer version, or is damaged.
    """
    path = Path(path)
    with _archive(path) as archive:
        try:
            if archive.getinfo(HEADER).file_size > MAX_HEADER_BYTES:
                raise ValueError("its header is too long")
            content = json.loads(archive.read(HEADER))
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']!r}")
            if content["version"] > VERSION:
                raise InputError(path, f"has format version {content['version']}", "update yucca-wm")
            if content["version"] < VERSION:
                raise InputError(path, "was written by a pre-release version", "predict this case again")
            return _parse(path, content)
        except InputError:
            raise
        except Exception as error:  # JSON, zip and type errors all mean a damaged header
            raise _damaged(path, error) from error


def _parse(path: Path, content: dict[str, Any]) -> SoftmaxFile:
    shape = tuple(int(n) for n in content["shape"])
    affine = np.array(content["affine"], dtype=np.float64)
    classes = tuple(int(label) for label in content["classes"])
    box = tuple((int(start), int(stop)) for start, stop in content["box"])
    bits, step = int(content["bits"]), int(content["planes_per_slab"])
    right = (
        len(shape) == len(box) == 3
        and 0 < int(np.prod(shape, dtype=np.float64)) <= MAX_VOXELS
        and affine.shape == (4, 4)
        and bool(np.isfinite(affine).all())
        and 0 < len(set(classes)) == len(classes) <= MAX_CLASSES
        and all(0 <= start <= stop <= n for (start, stop), n in zip(box, shape, strict=True))
        and 1 <= bits <= 16
        and step >= 1
    )
    if not right:
        raise ValueError("its header does not make sense")
    header = base64.b64decode(content["nifti_header"], validate=True)
    grid = Grid(shape, affine, header)  # type: ignore[arg-type]
    return SoftmaxFile(path, grid, classes, box, step, bits, dict(content["about"]))  # type: ignore[arg-type]


def _slab_name(number: int) -> str:
    return f"slab_{number:04d}"


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise no_such_file(path) from error
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> InputError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return InputError(path, f"is not a softmax file, or is damaged ({reason})", "predict this case again")
