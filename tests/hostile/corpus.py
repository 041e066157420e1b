"""Broken, odd and malicious image files, each made from a good one.

``python tests/hostile/corpus.py GOOD.nii.gz OUT`` writes one of each kind to OUT and prints how many there are.
"""

from __future__ import annotations

import gzip
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

HEADER_BYTES = 348
DATA_OFFSET = 352

FIELDS = {
    "sizeof_hdr": (0, "i"), "dim": (40, "8h"), "datatype": (70, "h"), "bitpix": (72, "h"), "pixdim": (76, "8f"),
    "vox_offset": (108, "f"), "scl_slope": (112, "f"), "scl_inter": (116, "f"), "qform_code": (252, "h"),
    "sform_code": (254, "h"), "quatern": (256, "3f"), "qoffset": (268, "3f"), "srow_x": (280, "4f"),
    "srow_y": (296, "4f"), "srow_z": (312, "4f"), "magic": (344, "4s"),
}  # fmt: skip
"""Name in the NIfTI-1 standard -> offset and format."""


class Verdict(StrEnum):
    """What must become of a file.

    refused : no command reads it.
    unusable : it is an image, but not one to learn from (conversion refuses it).
    fine : odd but right: it must be read, and as the same voxels.
    """

    REFUSED = "refused"
    UNUSABLE = "unusable"
    FINE = "fine"


@dataclass(frozen=True)
class Kind:
    """``write(good, target)`` makes the file at ``target`` from the 3D int16 .nii.gz at ``good``."""

    name: str
    verdict: Verdict
    write: Callable[[Path, Path], None]
    suffix: str = ".nii.gz"


def raw(good: Path) -> bytearray:
    return bytearray(gzip.decompress(good.read_bytes()))


def packed(edit: Callable[[bytearray], bytes | bytearray]) -> Callable[[Path, Path], None]:
    """A file whose uncompressed content is ``edit`` of the good one's."""
    return lambda good, target: save_bytes(target, gzip.compress(bytes(edit(raw(good))), mtime=0))


def stored(edit: Callable[[bytes], bytes]) -> Callable[[Path, Path], None]:
    """A file whose bytes on disk are ``edit`` of the good one's."""
    return lambda good, target: save_bytes(target, edit(good.read_bytes()))


def save_bytes(target: Path, content: bytes) -> None:
    target.write_bytes(content)


def with_field(name: str, *values: Any) -> Callable[[Path, Path], None]:
    return with_fields({name: values})


def with_fields(fields: dict[str, tuple[Any, ...]]) -> Callable[[Path, Path], None]:
    def edit(content: bytearray) -> bytearray:
        for name, values in fields.items():
            offset, form = FIELDS[name]
            struct.pack_into("<" + form, content, offset, *values)
        return content

    return packed(edit)


def with_data(change: Callable[[Any], Any]) -> Callable[[Path, Path], None]:
    """The good grid with other voxels."""

    def write(good: Path, target: Path) -> None:
        image = nib.load(good)
        made = nib.Nifti1Image(change(np.asarray(image.dataobj)), image.affine)
        save_bytes(target, gzip.compress(made.to_bytes(), mtime=0))

    return write


def one_voxel(value: float) -> Callable[[Any], Any]:
    def change(data: Any) -> Any:
        data = data.astype(np.float32)
        data[tuple(n // 2 for n in data.shape)] = value
        return data

    return change


def flipped(position: float) -> Callable[[bytes], bytes]:
    """The bits of one byte, at a share of the file's length, are the other way round."""

    def edit(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[int(position * (len(content) - 1))] ^= 0xFF
        return bytes(changed)

    return edit


def big_endian(good: Path, target: Path) -> None:
    image = nib.load(good)
    header = image.header.as_byteswapped(">")
    made = nib.Nifti1Image(np.asarray(image.dataobj), image.affine, header)
    save_bytes(target, gzip.compress(made.to_bytes(), mtime=0))


def nifti2(good: Path, target: Path) -> None:
    image = nib.load(good)
    save_bytes(target, gzip.compress(nib.Nifti2Image(np.asarray(image.dataobj), image.affine).to_bytes(), mtime=0))


def other_format(make: Callable[[Any, Any], Any]) -> Callable[[Path, Path], None]:
    """An image of another format under the name of a NIfTI file."""

    def write(good: Path, target: Path) -> None:
        image = nib.load(good)
        save_bytes(target, make(np.asarray(image.dataobj), image.affine).to_bytes())

    return write


def two_parts(good: Path, target: Path) -> None:
    content = bytes(raw(good))
    save_bytes(target, gzip.compress(content[:900], mtime=0) + gzip.compress(content[900:], mtime=0))


def bomb(good: Path, target: Path) -> None:
    """A small archive that goes on for long after the last voxel."""
    zeros = gzip.compress(bytes(2**26), mtime=0)
    save_bytes(target, good.read_bytes() + zeros * 20)


def loop(_: Path, target: Path) -> None:
    target.symlink_to(target.name)


def dead_link(_: Path, target: Path) -> None:
    target.symlink_to("gone.nii.gz")


def folder(_: Path, target: Path) -> None:
    target.mkdir()


def pipe(_: Path, target: Path) -> None:
    os.mkfifo(target)


def device(_: Path, target: Path) -> None:
    target.symlink_to("/dev/zero")


def extension(size: int) -> Callable[[bytearray], bytes]:
    """The header announces an extension of ``size`` bytes that is not there."""

    def edit(content: bytearray) -> bytes:
        content[HEADER_BYTES : HEADER_BYTES + 4] = b"\x01\0\0\0"
        struct.pack_into("<f", content, FIELDS["vox_offset"][0], 384.0)
        return bytes(content[:DATA_OFFSET]) + struct.pack("<ii", size, 6) + bytes(24) + bytes(content[DATA_OFFSET:])

    return edit


def headerless(content: bytearray) -> bytearray:
    return content[DATA_OFFSET:]


def trailing(content: bytearray) -> bytes:
    return bytes(content) + bytes(4096)


NAN, INF = float("nan"), float("inf")
R, U, F = Verdict.REFUSED, Verdict.UNUSABLE, Verdict.FINE

KINDS: tuple[Kind, ...] = (
    # cut, at every stage
    Kind("empty file", R, stored(lambda _: b"")),
    Kind("archive cut in its first byte", R, stored(lambda c: c[:1])),
    Kind("archive cut in its header", R, stored(lambda c: c[:9])),
    Kind("archive cut after its header", R, stored(lambda c: c[:18])),
    Kind("archive cut in the middle", R, stored(lambda c: c[: len(c) // 2])),
    Kind("archive without its checksum", R, stored(lambda c: c[:-8])),
    Kind("archive without its last byte", R, stored(lambda c: c[:-1])),
    Kind("header cut", R, packed(lambda c: c[:100])),
    Kind("header without its last byte", R, packed(lambda c: c[: HEADER_BYTES - 1])),
    Kind("header alone", R, packed(lambda c: c[:HEADER_BYTES])),
    Kind("no voxel", R, packed(lambda c: c[:DATA_OFFSET])),
    Kind("half the voxels", R, packed(lambda c: c[: len(c) // 2])),
    Kind("last byte missing", R, packed(lambda c: c[:-1])),
    Kind("header missing", R, packed(headerless)),
    Kind("unpacked and cut", R, lambda g, t: save_bytes(t, bytes(raw(g)[:-500])), ".nii"),
    Kind("archive that goes on and on", R, bomb),
    # changed bytes
    Kind("byte flipped in the archive's header", R, stored(flipped(0))),
    Kind("byte flipped early", R, stored(flipped(0.2))),
    Kind("byte flipped in the middle", R, stored(flipped(0.5))),
    Kind("byte flipped late", R, stored(flipped(0.8))),
    Kind("byte flipped in the checksum", R, stored(lambda c: flipped(1)(c[:-4]) + c[-4:])),
    # not NIfTI
    Kind("text", R, stored(lambda _: b"this is no image\n")),
    Kind("web page", R, stored(lambda _: b"<!DOCTYPE html><html><body>404</body></html>")),
    Kind("random bytes", R, stored(lambda _: np.random.default_rng(0).bytes(5000))),
    Kind("archive of random bytes", R, packed(lambda _: np.random.default_rng(0).bytes(5000))),
    Kind("archive of nothing", R, packed(lambda _: b"")),
    Kind("archive of an archive", R, stored(lambda c: gzip.compress(c, mtime=0))),
    Kind("zip under the name of gzip", R, stored(lambda c: b"PK\x03\x04" + c)),
    Kind("not packed though named so", R, lambda g, t: save_bytes(t, bytes(raw(g)))),
    Kind("packed though not named so", R, stored(lambda c: c), ".nii"),
    Kind("DICOM", R, lambda _, t: save_bytes(t, bytes(128) + b"DICM" + bytes(400)), ".nii"),
    Kind("FreeSurfer image", R, other_format(lambda d, a: nib.MGHImage(d, a)), ".nii"),
    # kinds of files
    Kind("link to itself", R, loop),
    Kind("dead link", R, dead_link),
    Kind("folder", R, folder),
    Kind("pipe", R, pipe),
    Kind("endless device", R, device),
    # header fields
    Kind("wrong magic", R, with_field("magic", b"nope")),
    Kind("wrong header size", R, with_field("sizeof_hdr", 1)),
    Kind("byte order of sizes wrong", R, packed(lambda c: c[:40] + c[40:56:1][::-1] + c[56:])),
    Kind("dimensions 0", R, with_field("dim", 0, 0, 0, 0, 0, 0, 0, 0)),
    Kind("dimensions 9", R, with_field("dim", 9, 8, 8, 8, 1, 1, 1, 1)),
    Kind("negative axis", R, with_field("dim", 3, -12, 12, 12, 1, 1, 1, 1)),
    Kind("axis of no voxel", R, with_field("dim", 3, 12, 0, 12, 1, 1, 1, 1)),
    Kind("2D", R, with_field("dim", 2, 12, 12, 1, 1, 1, 1, 1)),
    Kind("4D", R, with_data(lambda d: np.stack([d, d], -1))),
    Kind("5D", R, with_data(lambda d: np.stack([d, d], -1)[:, :, :, None])),
    Kind("huge dimensions in a tiny file", R, with_field("dim", 3, 32767, 32767, 32767, 1, 1, 1, 1)),
    Kind("large dimensions in a tiny file", R, with_field("dim", 3, 1200, 1200, 1200, 1, 1, 1, 1)),
    Kind("unknown type", R, with_field("datatype", 9999)),
    Kind("type of no size", R, with_fields({"datatype": (0,), "bitpix": (0,)})),
    Kind("type wider than the data", R, with_fields({"datatype": (64,), "bitpix": (64,)})),
    Kind("data beyond the end", R, with_field("vox_offset", 1e9)),
    Kind("data before the start", R, with_field("vox_offset", -400.0)),
    Kind("data at NaN", R, with_field("vox_offset", NAN)),
    Kind("scale out of range", R, with_fields({"scl_slope": (1e38,), "scl_inter": (3e38,)})),
    Kind("extension without end", R, packed(extension(2**30))),
    Kind("extension of negative size", R, packed(extension(-16))),
    # place in the world
    Kind("singular affine", R, with_fields({"sform_code": (1,), "srow_z": (0.0, 0.0, 0.0, 0.0)})),
    Kind("affine of zeros", R, with_fields({f"srow_{axis}": (0.0,) * 4 for axis in "xyz"} | {"sform_code": (1,)})),
    Kind("NaN in the affine", R, with_fields({"sform_code": (1,), "srow_x": (NAN, 0.0, 0.0, 0.0)})),
    Kind("infinite affine", R, with_fields({"sform_code": (1,), "srow_y": (0.0, 1.0, 0.0, INF)})),
    Kind("impossible quaternion", R, with_fields({"sform_code": (0,), "qform_code": (1,), "quatern": (9.0, 9.0, 9.0)})),
    Kind("NaN quaternion", R, with_fields({"sform_code": (0,), "qform_code": (1,), "quatern": (NAN, 0.0, 0.0)})),
    Kind("voxels of no size", R, with_fields({"sform_code": (0,), "qform_code": (1,), "pixdim": (1.0,) + (0.0,) * 7})),
    Kind("voxels of NaN mm", R, with_fields({"sform_code": (0,), "qform_code": (1,), "pixdim": (1.0,) + (NAN,) * 7})),
    Kind("no orientation", R, with_fields({"sform_code": (0,), "qform_code": (0,)})),
    Kind("forms that disagree", R, with_fields({"sform_code": (1,), "qform_code": (1,), "qoffset": (40.0, 0.0, 0.0)})),
    # values
    Kind("complex numbers", R, with_data(lambda d: d.astype(np.complex64))),
    Kind("colours", R, with_data(lambda d: np.zeros(d.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")]))),
    Kind("NaN", R, with_data(one_voxel(NAN))),
    Kind("infinite", R, with_data(one_voxel(INF))),
    Kind("minus infinity", R, with_data(one_voxel(-INF))),
    # images that nothing can be learnt from
    Kind("one value", U, with_data(lambda d: d * 0 + np.int16(7))),
    Kind("one slice", U, with_data(lambda d: d[:, :, :1])),
    Kind("one voxel", U, with_data(lambda d: d[:1, :1, :1])),
    # odd but right
    Kind("big endian", F, big_endian),
    Kind("NIfTI-2", F, nifti2),
    Kind("trailing axis", F, with_data(lambda d: d[..., None])),
    Kind("more bytes than voxels", F, packed(trailing)),
    Kind("float64", F, with_data(lambda d: d.astype(np.float64))),
    Kind("unpacked", F, lambda g, t: save_bytes(t, bytes(raw(g))), ".nii"),
    Kind("archive in two parts", F, two_parts),
    Kind("infinite scale", F, with_fields({"scl_slope": (INF,), "scl_inter": (0.0,)})),  # as if there were none
)  # fmt: skip

HOSTILE_NAMES = (
    "a b", "a'b", 'a"b', "$(touch pwned)", "`touch pwned`", "; touch pwned", "-rf", "--help", "*", "a&b", "<img src=x>",
    "é", "日本", "a.b", "%s", "{0}", "x" * 200,
)  # fmt: skip
"""Names that a shell, a page, a format string or Yucca might misread."""


def write_corpus(good: Path, out: Path) -> dict[str, Path]:
    """One file of each kind in the folder ``out``; returns kind -> path."""
    paths = {}
    for number, kind in enumerate(KINDS):
        paths[kind.name] = out / f"{number:02d}_{kind.name.replace(' ', '-')}{kind.suffix}"
        kind.write(good, paths[kind.name])
    return paths


if __name__ == "__main__":
    print(f"{len(write_corpus(Path(sys.argv[1]), Path(sys.argv[2])))} kinds of files")
