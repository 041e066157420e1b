"""The image type of the package: a 3D array with its world position; loading checks what could mislead later."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError, NotWholeNumbersError, UnknownLabelsError, some_of
from yucca_wm.core.files import atomic_path
from yucca_wm.imaging import reading
from yucca_wm.imaging.header import FORM_TOLERANCE_MM, corners_mm, forms_apart_mm, header_notes
from yucca_wm.imaging.label_names import state_names
from yucca_wm.imaging.nifti import MAX_VOXELS as MAX_VOXELS
from yucca_wm.imaging.nifti import read_nifti

GRID_TOLERANCE_MM = 0.1
"""Two grids are the same if no voxel corner moves by more than this (headers jitter at 1e-4 mm)."""

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK's world (LPS) <-> ours (RAS)."""

TIE_MM = 1e-4
"""Smaller than any difference in position that files can express."""

MAX_LABEL = 2**16 - 1
"""Larger values mean that a file is not a label map; counting them would take memory for each."""


@dataclass(frozen=True)
class Image:
    """A 3D image.

    data : array [i, j, k] in the file's own voxel order.
    affine : 4x4 float64, voxel index -> world mm, RAS+ (x grows to the subject's right).
    path : file it was read from, for messages.
    header : the NIfTI header it came with, kept when a derived image is saved.
    called : name in messages of an image without a path.
    of_file : the file that an image in memory belongs to, as it states; it identifies the subject.
    record : what this package attached to an image in memory that it made (`yucca_wm.core.predictions.EXTRA`).
    """

    data: NDArray[Any]
    affine: NDArray[np.float64]
    path: Path | None = None
    header: nib.Nifti1Header | None = field(default=None, repr=False)
    called: str = "image"
    of_file: Path | None = None
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Voxel size along each array axis, in mm."""
        return np.asarray(voxel_sizes(self.affine), np.float64)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in ml."""
        return self.voxel_volume_mm3 / 1000

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel in mm3, from the determinant (right for oblique and sheared grids)."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def voxels_sha256(self) -> str:
        """Checksum of shape and values, whatever file, type and order of axes they are stored in."""
        ordered = nib.apply_orientation(self.data, nib.io_orientation(self.affine))
        values = np.ascontiguousarray(ordered, dtype=np.float32)
        return hashlib.sha256(f"{values.shape}".encode() + values.tobytes()).hexdigest()

    @property
    def header_notes(self) -> list[str]:
        """Doubts about the header: two different affines, two different voxel sizes."""
        return header_notes(self.header, self.affine) if self.header is not None else []

    @property
    def name(self) -> str:
        return str(self.path) if self.path is not None else self.called

    def with_data(self, data: NDArray[Any]) -> Image:
        """A copy with the same grid and header but other values."""
        if data.shape != self.data.shape:
            raise ValueError(f"shape {data.shape} differs from the grid's {self.data.shape}")
        return replace(self, data=data, path=None)


Source = Path | Image
"""An image of a subject: a file still to be read, or an image in memory (`yucca_wm.imaging.image_input`)."""


def file_of(source: Source) -> Path | None:
    """The file that it is, or belongs to; None for an image in memory without one."""
    return source.of_file if isinstance(source, Image) else source


def name_of(source: str | os.PathLike[str] | Image) -> str:
    """Name of the image in messages."""
    return source.name if isinstance(source, Image) else str(source)


def load(path: str | os.PathLike[str] | Image) -> Image:
    """Read a 3D NIfTI (or FreeSurfer) image in its stored type (scaled values become float32).

    path : file, or an image that has been read already.

    Where sform and qform disagree, the one chosen on the command line counts (`reading`), else the sform if they differ
    by less than half the shortest side of a voxel; remaining doubts are left as a note there.

    Raises
    ------
    InputError : file missing, not NIfTI, truncated, not 3D (a trailing axis of 1 is dropped), not real numbers,
        NaN or infinite values, a singular affine, voxels too small or too large for a head, or
        sform and qform that disagree by more than that.
    """
    image = path if isinstance(path, Image) else _load(Path(path))
    return image if image.data.flags.writeable else replace(image, data=image.data.copy(order="K"))


def _load(path: Path) -> Image:
    """`load` without the copy: the array may be read-only."""
    data, affine, header = read_nifti(path, reading.headers().form)
    image = checked_values(Image(data, affine, path, header))
    reading.note(*(f"{path}: {doubt}" for doubt in image.header_notes))
    return image


def checked_values(image: Image) -> Image:
    """The image in the machine's byte order, with fractions as float32.

    Raises InputError for NaN or infinite values.
    """
    data = image.data
    if data.dtype.kind == "f":
        with np.errstate(over="ignore"):  # a value that float32 cannot hold becomes infinite
            data = data.astype(np.float32, copy=False)
        if not np.isfinite(data).all():
            raise InputError(image.name, "holds NaN or infinite values", "clean it, for instance with fslmaths -nan")
    return replace(image, data=np.asarray(data, dtype=data.dtype.newbyteorder("=")))


def load_labels(path: str | os.PathLike[str] | Image, allowed: Iterable[int] | None = None) -> Image:
    """Read a label map as integers.

    path : file, or an image that has been read already.

    Raises InputError as `load`, and for values that are not whole numbers, negative, above MAX_LABEL, or not in
    ``allowed``.
    """
    return labels_of(path if isinstance(path, Image) else _load(Path(path)), allowed)


def labels_of(image: Image, allowed: Iterable[int] | None = None) -> Image:
    """Convert an image to a label map: its values as the smallest unsigned integers that hold them.

    Raises InputError as `load_labels`.
    """
    data, name = image.data, image.name
    if data.dtype.kind == "f":
        rounded = np.rint(data)
        if np.abs(data - rounded).max(initial=0) > 1e-3:
            raise NotWholeNumbersError(name, "holds values that are not whole numbers", "a label map is needed here")
        data = rounded
    low, high = int(data.min()), int(data.max())
    if low < 0:
        raise InputError(name, f"holds the negative label {low}")
    if high > MAX_LABEL:
        raise InputError(name, f"holds the label {high}", f"labels go up to {MAX_LABEL}: is it a scan?")
    smallest = np.min_scalar_type(high)
    data = data.astype(smallest, copy=data.dtype != smallest or not data.flags.writeable)
    known = set(range(high + 1) if allowed is None else allowed)
    if not known.issuperset(range(low, high + 1)):
        unknown = sorted(set(np.flatnonzero(count_labels(data)).tolist()) - known)
        if unknown:
            shown = some_of(unknown)
            raise UnknownLabelsError(
                name, f"holds labels that are not in the table: {shown}", "check that it is the right file"
            )
    return replace(image, data=data)


def count_labels(labels: NDArray[Any], largest: int = 0) -> NDArray[np.intp]:
    """Number of voxels of each label, [max(``largest``, largest label in ``labels``) + 1]."""
    counts = np.bincount(_without_background(labels).astype(np.intp, copy=False), minlength=largest + 1)
    counts[0] = labels.size - counts[1:].sum()
    return counts


def _without_background(values: NDArray[Any]) -> NDArray[Any]:
    """The values in memory order without most zeros: runs of them, most of a label map, are skipped in 8-byte words."""
    flat = values.ravel(order="K")
    per_word = 8 // flat.itemsize
    if per_word < 2:
        return flat
    whole = flat.size - flat.size % per_word
    words = flat[:whole].view(np.uint64)
    return np.concatenate([words[words != 0].view(flat.dtype), flat[whole:]])


def save(image: Image, path: str | os.PathLike[str], names: Mapping[int, str] | None = None) -> Path:
    """Write ``image`` atomically as NIfTI in its array's type, with its own grid, form codes and units.

    names : label -> name of a label map; they are stated in its header (`yucca_wm.imaging.label_names`).
    """
    nifti = as_nifti(image, names)
    with atomic_path(path) as temporary:
        nib.save(nifti, temporary)
    return Path(path)


def as_written(image: Image) -> Image:
    """``image`` as it would be read back from its file: NIfTI stores affines in single precision."""
    return replace(image, affine=image.affine.astype(np.float32).astype(np.float64))


def as_nifti(image: Image, names: Mapping[int, str] | None = None) -> nib.Nifti1Image:
    """``image`` as a nibabel image: in its array's type, with its own grid, form codes and units (mm), and with
    ``names`` as in `save`."""
    header = image.header.copy() if image.header is not None else nib.Nifti1Header()
    header.set_data_dtype(image.data.dtype)
    header["scl_slope"], header["scl_inter"], header["cal_max"], header["cal_min"] = 1, 0, 0, 0
    sform_code = int(header["sform_code"]) or 1
    qform_code = int(header["qform_code"]) if image.header is not None else 1
    nifti = nib.Nifti1Image(image.data, None, header)
    nifti.set_sform(image.affine, sform_code)
    nifti.set_qform(image.affine, qform_code)
    if forms_apart_mm(nifti.header) > FORM_TOLERANCE_MM:  # a qform cannot hold shear
        nifti.set_qform(image.affine, 0)
    nifti.header.set_xyzt_units("mm")
    state_names(nifti.header, names or {})
    return nifti


def same_grid(first: Image, second: Image) -> bool:
    """Whether two images have equal shape and every voxel at the same world position, within GRID_TOLERANCE_MM."""
    if first.shape != second.shape:
        return False
    moved = corners_mm(first.shape, first.affine) - corners_mm(second.shape, second.affine)
    return bool(np.abs(moved).max() <= GRID_TOLERANCE_MM)


def check_same_grid(first: Image, second: Image) -> None:
    """Raise InputError naming both images and how their grids differ, unless `same_grid`."""
    if first.shape != second.shape:
        raise InputError(second.name, f"has shape {second.shape} but {first.name} has {first.shape}", "resample one")
    if not same_grid(first, second):
        moved = corners_mm(first.shape, first.affine) - corners_mm(second.shape, second.affine)
        raise InputError(
            second.name,
            f"lies up to {np.linalg.norm(moved, axis=1).max():.3g} mm away from {first.name} (affines differ)",
            "resample one to the other",
        )


def decided(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """``affine`` shifted by a negligible amount, so that a point midway between two voxels belongs to the one on its
    right, front and top, however files store their axes."""
    moved = affine.copy()
    moved[:3, 3] += TIE_MM
    return moved


def resample(image: Image, like: Image, *, order: int = 0, to_image: NDArray[np.float64] | None = None) -> Image:
    """``image`` resampled on the grid of ``like``, [i, j, k]; 0 outside its own grid.

    The outermost voxels extend beyond their centres as all others do: labels by half a voxel; scans fade within one.

    order : 0 nearest neighbour (labels), in the type of ``image``; 1 linear (scans), float32.
    to_image : 4x4, world of ``like`` -> world of ``image``, mm; None: the two worlds are the same.
    """
    from scipy.ndimage import affine_transform

    places = like.affine if to_image is None else to_image @ like.affine
    matrix = np.linalg.inv(image.affine) @ (decided(places) if order == 0 else places)
    data = affine_transform(
        image.data if order == 0 else image.data.astype(np.float32),
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=like.shape,
        order=order,
        mode="grid-constant",
        cval=0,
    )
    return replace(like, data=data, path=image.path, called=image.called, of_file=image.of_file)
