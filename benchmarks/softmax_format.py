"""The package's softmax files compared with zarr and blosc2 on a real softmax: bytes, CPU seconds to write and to read.

    pip install blosc2 zarr
    python benchmarks/softmax_format.py --scan T1.nii.gz [--json]

The softmax is that of the shipped region model (37 classes) on the grid of the scan. The other formats store the same
as ours, probabilities as whole numbers of `BITS` bits, in chunks of 16 planes of a class, with Zstandard after blosc's
bit shuffle and after its byte shuffle. The largest remaining error is printed, too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import blosc2
import numpy as np
import zarr
from numpy.typing import NDArray

from yucca_wm.ensemble import store
from yucca_wm.ensemble.codec import MAX_BITS, quantise
from yucca_wm.ensemble.probabilities import Grid
from yucca_wm.imaging.images import load
from yucca_wm.models.brain import find_brain
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.shipped import networks

BITS, PLANES, LEVEL = MAX_BITS, 16, 5
FILTERS = {"bit shuffle": blosc2.Filter.BITSHUFFLE, "byte shuffle": blosc2.Filter.SHUFFLE}
CODECS = {"bit shuffle": "bitshuffle", "byte shuffle": "shuffle"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", type=Path, required=True, help="a T1 or FLAIR")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    options = parser.parse_args()
    softmax, grid = region_softmax(options.scan)
    blosc2.set_nthreads(1)
    levels = quantise(softmax, BITS)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (write, read) in formats(softmax, levels, grid, Path(folder)).items():
            start = time.process_time()
            write()
            written = time.process_time()
            found = read()
            done = time.process_time()
            size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
            error = max(float(np.abs(a - b).max()) for a, b in zip(found, softmax, strict=True))
            rows.append({"format": name, "mb": size / 1e6, "write_s": written - start, "read_s": done - written})
            seconds = f"{written - start:9.2f} s{done - written:9.2f} s"
            print(f"{name:24}{size / 1e6:9.2f} MB{seconds}  error {error:.5f}", flush=True)
            for path in sorted(Path(folder).rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
    if options.json:
        print(json.dumps({"voxels": int(np.prod(softmax.shape[1:])), "rows": rows}))
    return 0


def region_softmax(scan: Path) -> tuple[NDArray[np.float32], Grid]:
    """Probabilities [class, i, j, k] on the grid of ``scan``."""
    image = load(scan)
    canonical = Canonical.of(image)
    data = np.ascontiguousarray(canonical.reordered(image.data), dtype=np.float32)
    brain, _ = find_brain(networks("cpu").regions, {"T1": data}, canonical)
    softmax = brain.at(canonical, brain.probability).numpy()
    return np.ascontiguousarray(softmax), Grid(softmax.shape[1:], np.diag([*canonical.spacing_mm, 1.0]))


def formats(
    softmax: NDArray[np.float32], levels: NDArray[np.uint16], grid: Grid, folder: Path
) -> dict[str, tuple[Callable[[], object], Callable[[], NDArray[np.float32]]]]:
    """Name -> how it is written and read again, as float32."""
    chunks = (1, PLANES, *levels.shape[2:])
    unit = np.float32(2**BITS - 1)
    made: dict[str, tuple[Callable[[], object], Callable[[], NDArray[np.float32]]]] = {
        "ours": (
            lambda: store.write_array(folder / "ours.npz", softmax, grid),
            lambda: store.open_softmax(folder / "ours.npz").read(0, softmax.shape[1]),
        )
    }
    for name, filter_ in FILTERS.items():
        place = str(folder / "softmax.b2nd")
        how = {"codec": blosc2.Codec.ZSTD, "clevel": LEVEL, "filters": [filter_], "nthreads": 1}
        write = partial(blosc2.asarray, levels, urlpath=place, mode="w", chunks=chunks, cparams=how)
        made[f"blosc2, {name}"] = write, partial(_read, blosc2.open, place, unit)
        packed = zarr.codecs.BloscCodec(cname="zstd", clevel=LEVEL, shuffle=CODECS[name])
        there = str(folder / "softmax.zarr")
        write = partial(zarr.create_array, there, data=levels, chunks=chunks, compressors=packed)
        made[f"zarr, {name}"] = write, partial(_read, zarr.open_array, there, unit)
    return made


def _read(opened: Callable[..., Any], place: str, unit: np.float32) -> NDArray[np.float32]:
    found: NDArray[np.float32] = opened(place, mode="r")[:] / unit
    return found


if __name__ == "__main__":
    sys.exit(main())
