"""Logits of a whole volume from a network that sees one window of it at a time.

Windows overlap. Each is weighted by a Gaussian around its centre, where a network is most reliable (nnU-Net: Isensee et
al., Nature Methods 18, 2021), and the weights of all windows over a voxel add up to one, so that a network with a
constant output gives that constant everywhere. Window positions form a product grid, so the normalised weights are
products of one vector per axis and need neither a count map nor a division afterwards.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence

import torch

SIGMA = 0.125
"""Standard deviation of the Gaussian, as a fraction of the window's side."""

WINDOW_VOXELS_PER_BATCH = {"cpu": 64 * 64, "cuda": 96**3, "mps": 64**3}
"""Approximate number of voxels per batch: batches pay off on accelerators, on a CPU they only cost memory."""

CACHED_VALUES = 2**18
"""Number of values that a CPU adds up at a time: they stay in its cache."""

Network = Callable[[torch.Tensor], torch.Tensor]


def window_starts(length: int, window: int, overlap: float) -> list[int]:
    """First voxel of each window along one axis: equal steps, the last window flush with the end."""
    if window > length:
        raise ValueError(f"a window of {window} voxels does not fit into {length}; pad the volume first")
    step = max(1, int(window * (1 - overlap)))
    return [*range(0, length - window, step), length - window]


def window_weights(length: int, window: int, starts: Sequence[int]) -> torch.Tensor:
    """Weights [window number, position in window] along one axis; over each voxel they add up to one."""
    offset = torch.arange(window, dtype=torch.float64) - (window - 1) / 2
    profile = torch.exp(-0.5 * (offset / (SIGMA * window)) ** 2)
    total = torch.zeros(length, dtype=torch.float64)
    for start in starts:
        total[start : start + window] += profile
    return torch.stack([profile / total[start : start + window] for start in starts]).float()


def sliding_window(
    network: Network,
    data: torch.Tensor,
    window: Sequence[int],
    overlap: float = 0.5,
    *,
    batch: int | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Logits [class, x, y, z] of ``data`` [1, channel, x, y, z] (or both without z, for images).

    window : size of a window; two numbers for a volume mean that it is predicted plane by plane along x.
    batch : number of windows per batch (default: by device and window size).
    dtype : type of the returned logits; the half type takes half the memory.
    device : device of the returned logits (default: that of ``data``).
    """
    spatial = tuple(data.shape[2:])
    window = (1,) * (len(spatial) - len(window)) + tuple(int(side) for side in window)
    planar = len(spatial) == 3 and window[0] == 1
    if batch is None:
        per_batch = WINDOW_VOXELS_PER_BATCH.get(data.device.type, 64 * 64)
        batch = max(1, per_batch // int(torch.tensor(window).prod()))
    starts = [window_starts(*sizes, overlap) for sizes in zip(spatial, window, strict=True)]
    weights = [window_weights(*sizes) for sizes in zip(spatial, window, starts, strict=True)]
    corners = list(itertools.product(*(range(len(axis)) for axis in starts)))
    logits: torch.Tensor | None = None
    for first in range(0, len(corners), batch):
        chosen = corners[first : first + batch]
        places = [
            tuple(slice(axis[n], axis[n] + side) for axis, n, side in zip(starts, corner, window, strict=True))
            for corner in chosen
        ]
        windows = torch.cat([data[(slice(None), slice(None), *place)] for place in places])
        output = network(windows.squeeze(2) if planar else windows)
        if isinstance(output, list | tuple):  # deep supervision: full resolution comes first
            output = output[0]
        if planar:
            output = output.unsqueeze(2)
        if logits is None:
            logits = torch.zeros((output.shape[1], *spatial), dtype=dtype, device=device or data.device)
        if output.dtype != torch.float32:
            output = output.float()
        for corner, place, values in zip(chosen, places, output, strict=True):
            weight = torch.ones((), device=values.device)
            for axis, n in zip(weights, corner, strict=True):
                weight = weight.unsqueeze(-1) * axis[n].to(values.device)
            _add(logits[(slice(None), *place)], values, weight)
        del output, values
    assert logits is not None
    return logits


def _add(total: torch.Tensor, values: torch.Tensor, weight: torch.Tensor) -> None:
    """Add ``values * weight`` [class, x, y, z] to ``total``, in single precision whatever the type of ``total``."""
    values, weight = values.to(total.device), weight.to(total.device)
    classes = len(values)
    if total.device.type == "cpu":
        classes = min(classes, max(1, CACHED_VALUES // weight.numel()))
    sums = torch.empty_like(values[:classes])
    for part, new in zip(total.split(classes), values.split(classes), strict=True):
        here = sums[: len(new)].copy_(part)
        part.copy_(here.addcmul_(new, weight))


def robust_sliding_window(
    network: torch.nn.Module, data: torch.Tensor, window: Sequence[int], overlap: float = 0.5, **keywords: object
) -> torch.Tensor:
    """`sliding_window` that, when out of GPU memory, tries smaller batches, then keeps the logits in main memory, then
    computes on the CPU, and reports it on stderr each time."""
    batch = None
    attempts: list[dict[str, object]] = [{}, {"batch": 1}, {"batch": 1, "device": "cpu"}]
    for attempt in attempts:
        try:
            return sliding_window(network, data, window, overlap, **{**keywords, **attempt})  # type: ignore[arg-type]
        except torch.OutOfMemoryError:
            batch = attempt.get("batch")
            after = "keeping the result in main memory" if batch else "one window at a time"
            _say("computing on the CPU" if attempt.get("device") else after)
            torch.cuda.empty_cache()
    home = data.device
    try:
        return sliding_window(network.cpu(), data.cpu().float(), window, overlap)
    finally:
        network.to(home)


def _say(remedy: str) -> None:
    print(f"yucca-wm: the GPU ran out of memory; {remedy}", file=sys.stderr)
