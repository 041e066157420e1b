"""Read softmax files as plain Yucca writes them, without executing anything in them.

Such a file is a ``.npz`` with ``data``, float32 [class, x, y, z] in the orientation of Yucca's plan, and
``properties``, a pickled dictionary. Only the few names that pickled numpy arrays need are resolved; any other name in
the pickle is refused.
"""

from __future__ import annotations

import io
import pickle
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel import orientations
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.ensemble.probabilities import Grid

MAX_PROPERTIES_BYTES = 16 << 20
_NUMPY_CORE = {"numpy.core.multiarray", "numpy._core.multiarray"}
_ALLOWED = {(module, name) for module in _NUMPY_CORE for name in ("_reconstruct", "scalar")} | {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class PlainSoftmax:
    """One file written by plain Yucca; its values are kept in a temporary file on disk, not in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                values = _values(archive)
                properties = _properties(archive)
            metadata = properties["nifti_metadata"]
            self.grid, self._values = _in_image_order(values, metadata)
        except InputError:
            raise
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(
                path, f"is not a softmax file of Yucca's, or is damaged ({reason})", "predict this case again"
            ) from error
        self.classes = tuple(range(len(self._values)))

    def add_to(self, total: NDArray[np.float32], lo: int, weight: float = 1.0) -> None:
        """Add ``weight`` times the planes from ``lo`` on to ``total`` [class, i, j, k]."""
        for index in range(len(total)):
            total[index] += np.asarray(self._values[index, lo : lo + total.shape[1]]) * np.float32(weight)


class _NumpyOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"its pickle asks for {module}.{name}, which is refused")
        return super().find_class(module, name)


def _values(archive: zipfile.ZipFile) -> NDArray[np.float32]:
    """The probabilities, unpacked to a temporary file that is deleted with the array."""
    with tempfile.TemporaryFile() as unpacked:
        with archive.open("data.npy") as stream:
            shutil.copyfileobj(stream, unpacked, 1 << 22)
        unpacked.seek(0)
        version = np.lib.format.read_magic(unpacked)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = reader(unpacked)
        if len(shape) != 4 or dtype.kind != "f":
            raise ValueError(f"its values have shape {shape} and type {dtype}")
        order = "F" if fortran else "C"
        return np.memmap(unpacked, dtype, "r", unpacked.tell(), shape, order)  # type: ignore[call-overload]


def _properties(archive: zipfile.ZipFile) -> dict[str, Any]:
    if archive.getinfo("properties.npy").file_size > MAX_PROPERTIES_BYTES:
        raise ValueError("its properties are too long")
    stream = io.BytesIO(archive.read("properties.npy"))
    np.lib.format.read_magic(stream)
    np.lib.format.read_array_header_1_0(stream)
    pickled = _NumpyOnly(stream).load()
    properties = pickled.item() if isinstance(pickled, np.ndarray) else pickled
    if not isinstance(properties, dict):
        raise ValueError("its properties are not a dictionary")
    return properties


def _in_image_order(values: NDArray[np.float32], metadata: dict[str, Any]) -> tuple[Grid, NDArray[np.float32]]:
    header = nib.Nifti1Header(metadata["header"]) if metadata.get("header") else nib.Nifti1Header()
    outline: Any = nib.Nifti1Image(
        np.broadcast_to(np.uint8(0), values.shape[1:]), metadata["affine"], header, dtype=np.uint8
    )
    if metadata["reoriented"]:
        moves = orientations.ornt_transform(
            orientations.axcodes2ornt(metadata["final_direction"]),
            orientations.axcodes2ornt(metadata["original_orientation"]),
        )
        outline = outline.as_reoriented(moves)
        moves = np.vstack([[[0, 1]], moves + np.array([1, 0])])
        values = orientations.apply_orientation(values, moves)
    return Grid.of_nifti(outline), values
