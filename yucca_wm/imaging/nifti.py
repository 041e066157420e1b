"""Reading of NIfTI files with nothing taken on trust: a damaged file gives one clear error, never wrong voxels."""

from __future__ import annotations

import gzip
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError, by_axis
from yucca_wm.core.files import UNREAD, no_such_file
from yucca_wm.imaging.gzip_archive import inflate
from yucca_wm.imaging.header import UNIT_NAMES, checked_affine, first_line, in_millimetres

MAX_VOXELS = 2**31
"""Larger grids are refused: no brain image has one, but a damaged header may claim it."""

MGH_SUFFIXES = (".mgz", ".mgh")
"""FreeSurfer's formats."""

GOOD_RAS = slice(28, 30)
"""Header bytes that are 0 where the position is not stated; nibabel then makes one up and sets them."""

FORM_CODES = frozenset(range(6))
"""Codes of sform and qform that the standard defines."""


GZIP = b"\x1f\x8b"
POINTERS = (b"version https://git-lfs", b"/annex/objects/")
"""Beginnings of files of git-lfs and git-annex that stand for a file stored elsewhere."""

HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
"""First number of a NIfTI file (the size of its header in bytes) -> header class."""


def read_nifti(path: Path, form: str | None = None) -> tuple[NDArray[Any], NDArray[np.float64], Any]:
    """Voxels [i, j, k] in their stored type (scaled values as floats), affine 4x4 (index -> world mm) and header.

    The voxels may be a read-only view of the file's content. Lengths are in millimetres, in the header too, whatever
    the file's unit. FreeSurfer's .mgz and .mgh come with an equivalent NIfTI header.

    form : which affine (`HeaderForm`) to use if sform and qform disagree; None: the sform where they differ by less
        than half a voxel, else an error.

    Raises InputError as `yucca_wm.imaging.images.load`.
    """
    if not path.is_file():
        raise no_such_file(path)
    _check_content(path)
    archive: bytes | None = None
    mgh: Any = None
    try:
        if path.name.lower().endswith(MGH_SUFFIXES):
            mgh, stated = _mgh(path)
            header = nifti_header(mgh, stated=stated)
        elif path.name.lower().endswith(".nii.gz"):
            archive = path.read_bytes()
            header = _header(path, gzip.GzipFile(fileobj=BytesIO(archive)))
        else:
            header = _header_of_file(path)
        full_shape = shape = header.get_data_shape()
        unit = int(header["xyzt_units"]) % 8
        header = in_millimetres(header)
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    except InputError:
        raise
    except Exception as error:  # nibabel raises many types for broken headers
        if path.name.lower().endswith(UNREAD):
            raise InputError(path, "is in a format that is not read", "convert it to .nii.gz") from error
        raise InputError(path, f"is not a readable NIfTI image ({first_line(error)})") from error
    shape = without_trailing_axes(shape)
    check_shape(path, shape, full_shape)
    affine = checked_affine(path, affine, header, UNIT_NAMES.get(unit, ""), form)
    check_type(path, header.get_data_dtype())
    try:
        if mgh is not None:
            data = np.asanyarray(mgh.dataobj).reshape(shape)
        else:
            data = (_voxels_of_file(path) if archive is None else _voxels(header, archive)).reshape(shape)
    except Exception as error:  # zlib, EOF, OS and value errors all mean a damaged file
        raise InputError(path, f"is damaged or cut short ({first_line(error)})", "copy it again") from error
    return data, affine, header


def _check_content(path: Path) -> None:
    """Raise InputError for an empty file, one that stands for a file stored elsewhere, and a wrong suffix."""
    try:
        with path.open("rb") as stream:
            start = stream.read(64)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    if not start:
        raise InputError(path, "is empty", "copy or fetch it again")
    if start.startswith(POINTERS):
        raise InputError(path, "only says where the file is stored", "fetch it (datalad get, git lfs pull)")
    name, packed = path.name.lower(), start.startswith(GZIP)
    sizes = {int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")}
    if name.endswith(".nii.gz") and not packed and sizes & HEADERS.keys():
        raise InputError(path, "is not compressed", f"call it {path.name[:-3]}")
    if name.endswith(".nii") and packed:
        raise InputError(path, "is compressed", f"call it {path.name}.gz")


def without_trailing_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """``shape`` without trailing axes of length 1 after the third."""
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def check_shape(name: str | Path, shape: tuple[int, ...], full_shape: tuple[int, ...]) -> None:
    """Raise InputError for an array that is not 3D, or too large. full_shape : the shape to show in the message."""
    if len(shape) != 3 or min(shape) < 1:
        raise InputError(name, f"has shape {full_shape}, a 3D image is needed", "extract one volume")
    if np.prod(shape, dtype=np.float64) > MAX_VOXELS:
        raise InputError(name, f"claims {' x '.join(map(str, shape))} voxels", "its header is damaged")


def check_type(name: str | Path, kind: np.dtype[Any]) -> None:
    """Raise InputError for values that are not real numbers."""
    if kind.kind not in "iufb":
        raise InputError(name, f"holds values of type {kind}, real numbers are needed")


def _header(path: Path, stream: IO[bytes] | gzip.GzipFile) -> Any:
    """Read the header at the beginning of ``stream``.

    Raises InputError for what nibabel would repair silently: voxels of 0 mm, unknown form codes, a wrong size.
    """
    block = stream.read(max(HEADERS))
    sizes = {int.from_bytes(block[:4], "little"), int.from_bytes(block[:4], "big")}
    size = next(iter(sizes & HEADERS.keys()), None)
    if size is None or len(block) < size:
        raise InputError(path, "is not a readable NIfTI image (it does not begin with a NIfTI header)")
    header = HEADERS[size](block[:size], check=False)
    if header.get_data_dtype().itemsize == 0:
        raise InputError(path, "is not a readable NIfTI image (its voxels have no type)")
    if not (header["pixdim"][1:4] > 0).all():
        raise InputError(path, f"has voxels of {by_axis(header['pixdim'][1:4])} mm", "repair its header")
    if not {int(header["sform_code"]), int(header["qform_code"])} <= FORM_CODES:
        raise InputError(path, "has an unknown sform or qform code", "repair its header")
    stream.seek(0)
    return HEADERS[size].from_fileobj(stream)


def _header_of_file(path: Path) -> Any:
    """Header of a file that is not an archive, in a format that nibabel treats as NIfTI."""
    if path.name.lower().endswith(".nii"):
        with path.open("rb") as stream:
            _header(path, stream)
    nifti = nib.load(path)
    if not isinstance(nifti, nib.Nifti1Pair):
        raise InputError(path, f"is {type(nifti).__name__}, not NIfTI", "convert it to .nii.gz")
    return nifti.header


def _voxels_of_file(path: Path) -> NDArray[Any]:
    """Scaled values of a file that is not an archive."""
    nifti: Any = nib.load(path, mmap=False)  # what was read must not change with the file
    with np.errstate(all="ignore"):  # values that overflow are refused as infinite
        return np.asanyarray(nifti.dataobj)


def _voxels(header: Any, archive: bytes) -> NDArray[Any]:
    """Scaled values. An archive is inflated at once: faster than nibabel's stream, and its checksum is verified."""
    shape, kind, offset = header.get_data_shape(), header.get_data_dtype(), int(header.get_data_offset())
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    plain = header.get_slope_inter() in ((None, None), (1, 0))  # as in label maps: only the voxels are needed
    skipped = offset if plain else 0
    content = inflate(archive, skipped, offset + size)
    if skipped + len(content) < offset + size:
        raise EOFError(f"it holds {skipped + len(content)} of {offset + size} bytes")
    if plain:
        return np.frombuffer(content, kind, np.prod(shape, dtype=np.int64)).reshape(shape, order="F")
    with np.errstate(all="ignore"):  # values that overflow are refused as infinite
        return np.asanyarray(nib.arrayproxy.ArrayProxy(BytesIO(content), header))


def _mgh(path: Path) -> tuple[Any, bool]:
    """A FreeSurfer image, and whether its header states a position; the checksum of an archive is verified."""
    content = path.read_bytes()
    if path.name.lower().endswith(".mgz"):
        content = gzip.decompress(content)
    return nib.MGHImage.from_bytes(content), any(content[GOOD_RAS])


def nifti_header(mgh: Any, *, stated: bool = True) -> Any:
    """NIfTI header equivalent to that of a FreeSurfer image. stated : whether the image states its position."""
    header = nib.Nifti1Header()
    header.set_data_shape(mgh.shape)
    header.set_data_dtype(mgh.get_data_dtype())
    header.set_xyzt_units("mm")

    header.set_sform(mgh.affine, int(stated))
    header.set_qform(mgh.affine, int(stated))
    return header
