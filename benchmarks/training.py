"""Tube, loss and training step compared with Yucca 2.3.7's own classes, in one run.

``python benchmarks/training.py [--quick] [--json] [--device cpu|cuda]``. Times are medians, on the CPU of CPU
seconds (the loss on one core); peak memory is that of a separate process, above the logits. Parts whose library is
missing are left out with a message.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import queue
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

REAL_LABELS = Path(__file__).parents[2] / "shared" / "data" / "wmh_region_labels" / "Train" / "WMH_0.nii.gz"
N_CLASSES = 37
LOSS_SHAPE = {"cpu": (96, 96, 48), "cuda": (128, 128, 128)}
BARS = {
    "per_region_over_union": ("<=", 3.0),
    "cpu_loss_speedup": (">=", 4.0),
    "cpu_loss_memory_ratio": (">=", 4.0),
    "cuda_loss_speedup": (">=", 5.0),
    "cuda_loss_over_copy": ("<=", 2.0),
    "cpu_step_extra": ("<=", 0.15),
    "cuda_step_extra": ("<=", 0.05),
}


def seconds(function: Callable[[], Any], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Median time of ``function`` after one call to warm up."""
    times = []
    for _ in range(repeats + 1):
        start = clock()
        function()
        times.append(clock() - start)
    return statistics.median(times[1:])


def label_patch() -> tuple[Any, str]:
    """A 128 x 128 x 48 patch of 36 regions: real if available, else cells of a bent sheet."""
    import numpy as np

    if REAL_LABELS.is_file():
        from yucca_wm.imaging.images import load_labels

        label = np.asarray(load_labels(REAL_LABELS).data).astype(np.int16)
        x, y = label.shape[0] // 2, label.shape[1] // 2
        return label[x - 64 : x + 64, y - 64 : y + 64, :48], "real"
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(128), np.arange(128), np.arange(48), indexing="ij"), -1)
    seeds = rng.uniform(0, (128, 128, 48), (36, 3))
    nearest = np.argmin([((grid - seed) ** 2).sum(-1) for seed in seeds], 0) + 1
    sheet = np.sin(grid[..., 0] / 9) + np.cos(grid[..., 1] / 11) + np.sin(grid[..., 2] / 7)
    return np.where(abs(sheet) < 0.45, nearest, 0).astype(np.int16), "synthetic"


def tube(quick: bool) -> dict[str, float]:
    import numpy as np
    from skimage.morphology import dilation, skeletonize

    from yucca_wm.training.skeleton import tubed_skeleton

    label, kind = label_patch()

    def plain() -> Any:
        return dilation(dilation((skeletonize(label > 0) > 0).astype(np.int16))) * label

    def plain_per_region() -> Any:
        return [dilation(dilation(skeletonize(label == v).astype(np.int16))) for v in range(1, N_CLASSES)]

    repeats = 2 if quick else 5
    times = {
        "published rule": seconds(plain, repeats, time.process_time),
        "union": seconds(lambda: tubed_skeleton(label), repeats, time.process_time),
        "per_region": seconds(lambda: tubed_skeleton(label, "per_region"), repeats, time.process_time),
        "per_region done plainly": seconds(plain_per_region, 1, time.process_time),
    }
    print(f"tube of a {kind} patch 128 x 128 x 48 ({int((label > 0).sum())} voxels), CPU s:")
    for name, value in times.items():
        print(f"  {name:26} {value:7.3f} s  {1 / value:6.1f} patches/s")
    same = bool((tubed_skeleton(label, fallback=False) == plain()).all())
    print(f"  union equals the published rule: {same}")
    return {
        "tube_union_s": times["union"],
        "tube_per_region_s": times["per_region"],
        "per_region_over_union": times["per_region"] / times["union"],
        "tube_equals_published": float(same),
    }


def make_loss(which: str) -> Callable[[Any, Any, Any], Any]:
    if which == "yucca":
        from yucca.modules.optimization.loss_functions.Skeleton_recall_loss import DC_SkelREC_and_CE_loss

        return DC_SkelREC_and_CE_loss(soft_dice_kwargs={"apply_softmax": True})
    from yucca_wm.training.losses import DiceCESkeletonRecall, region_loss, region_loss_torch

    if which == "ours_plain":
        region_loss._passes = lambda z: region_loss_torch  # noqa: ARG005
    return DiceCESkeletonRecall()


def loss_run(which: str, device: str, repeats: int, result: Any) -> None:
    """In a process of its own: median seconds of forward + backward, peak MB above the logits, the value."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    z = torch.randn(2, N_CLASSES, *LOSS_SHAPE[device], device=device, requires_grad=True)
    y = torch.randint(0, N_CLASSES, (2, 1, *LOSS_SHAPE[device]), device=device, dtype=torch.int32)
    t = y * (torch.rand(y.shape, device=device) < 0.1)
    loss = make_loss(which)
    value = 0.0

    def once() -> None:
        nonlocal value
        z.grad = None
        out = loss(z, y, t)
        out.backward()
        value = float(out)  # waits for the device

    torch.set_num_threads(1)
    before = memory_mb(device)
    taken = seconds(once, repeats, time.process_time if device == "cpu" else time.perf_counter)
    result.put((taken, memory_mb(device) - before, value))


def memory_mb(device: str) -> float:
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**20
        torch.cuda.reset_peak_memory_stats()
        return peak
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_process(function: Callable[..., None], *arguments: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    result = context.Queue()
    process = context.Process(target=function, args=(*arguments, result))
    process.start()
    try:
        while True:
            try:
                return result.get(timeout=1)
            except queue.Empty as error:
                if not process.is_alive():
                    raise RuntimeError(f"{function.__name__}{arguments} failed") from error
    finally:
        process.join()


def loss(device: str, quick: bool) -> dict[str, float]:
    repeats = {"cpu": 3 if quick else 7, "cuda": 20}[device]
    figures: dict[str, float] = {}
    print(f"loss, forward + backward at [2, {N_CLASSES}, {', '.join(map(str, LOSS_SHAPE[device]))}] on {device}:")
    for which in ("yucca", "ours", *(("ours_plain",) if device == "cuda" else ())):
        try:
            taken, peak, value = in_process(loss_run, which, device, 2 if which == "yucca" and quick else repeats)
        except RuntimeError as error:
            print(f"  {which}: left out ({error})")
            continue
        print(f"  {which:12} {taken * 1e3:9.2f} ms  peak {peak:8.0f} MB above the logits  value {value:.6f}")
        figures |= {f"{device}_loss_{which}_ms": taken * 1e3, f"{device}_loss_{which}_mb": peak}
    if f"{device}_loss_yucca_ms" in figures:
        figures[f"{device}_loss_speedup"] = figures[f"{device}_loss_yucca_ms"] / figures[f"{device}_loss_ours_ms"]
        ratio = figures[f"{device}_loss_yucca_mb"] / max(figures[f"{device}_loss_ours_mb"], 1)
        figures[f"{device}_loss_memory_ratio"] = ratio
        print(f"  {figures[f'{device}_loss_speedup']:.1f} times as fast, {ratio:.1f} times less memory")
    if device == "cuda":
        figures["cuda_copy_ms"] = copy_ms()
        figures["cuda_loss_over_copy"] = figures["cuda_loss_ours_ms"] / figures["cuda_copy_ms"]
        print(f"  one read and one write of the logits: {figures['cuda_copy_ms']:.2f} ms", end="; ")
        print(f"the loss takes {figures['cuda_loss_over_copy']:.2f} times that")
    return figures


def copy_ms() -> float:
    source = torch.randn(2, N_CLASSES, *LOSS_SHAPE["cuda"], device="cuda")
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)
        torch.cuda.synchronize()

    return seconds(copy, 20) * 1e3


def network() -> torch.nn.Module:
    try:
        from yucca_wm.training.networks.multiresunet import MultiResUNet

        made: torch.nn.Module = MultiResUNet(
            input_channels=1, num_classes=N_CLASSES, conv_op=torch.nn.Conv3d, norm_op=torch.nn.InstanceNorm3d
        )
        return made
    except ImportError:
        widths = (1, 32, 64, 64, 32)
        layers = [
            torch.nn.Sequential(torch.nn.Conv3d(i, o, 3, padding=1), torch.nn.InstanceNorm3d(o), torch.nn.LeakyReLU())
            for i, o in itertools.pairwise(widths)
        ]
        return torch.nn.Sequential(*layers, torch.nn.Conv3d(widths[-1], N_CLASSES, 1))


class Patches(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]):
    """Random patches of a label map; the tube is computed on request, as in the training dataset."""

    def __init__(self, size: int, n: int, with_tube: bool) -> None:
        self.label, _ = label_patch()
        self.size, self.n, self.with_tube = size, n, with_tube

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        import numpy as np

        from yucca_wm.training.skeleton import tubed_skeleton

        rng = np.random.default_rng(index)
        size = [min(self.size, n) for n in self.label.shape]
        corner = [int(rng.integers(0, n - s + 1)) for n, s in zip(self.label.shape, size, strict=True)]
        box = tuple(slice(c, c + s) for c, s in zip(corner, size, strict=True))
        label = np.ascontiguousarray(self.label[box])
        tube = tubed_skeleton(label) if self.with_tube else label
        image = torch.from_numpy(label.astype(np.float32) + rng.normal(0, 1, label.shape).astype(np.float32))
        return image[None], torch.from_numpy(label)[None], torch.from_numpy(tube)[None]


def step(device: str, quick: bool) -> dict[str, float]:
    """Seconds per step of CE + Dice and of the three terms with their tube, in alternating epochs."""
    from yucca_wm.training.losses import DiceCE, DiceCESkeletonRecall

    size, n_steps, rounds = {"cpu": (32, 4, 2 if quick else 4), "cuda": (96, 100, 2 if quick else 4)}[device]
    n_workers = 2 if device == "cpu" else max(2, torch.get_num_threads() - 1)  # the latter as in Yucca
    model = network().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    losses = {"ce_dice": DiceCE(), "with_recall": DiceCESkeletonRecall()}
    taken: dict[str, list[float]] = {name: [] for name in losses}
    clock = total_cpu if device == "cpu" else time.perf_counter
    for _ in range(rounds + 1):
        for name, function in losses.items():
            patches = Patches(size, 2 * n_steps, with_tube=name == "with_recall")
            start = clock()
            loader = iter(torch.utils.data.DataLoader(patches, batch_size=2, num_workers=n_workers))
            batches = itertools.chain([next(loader)], loader)
            if device == "cuda":
                start = clock()  # within an epoch: training waits for a first batch only once
            for image, label, tube in batches:
                optimizer.zero_grad()
                target = [part.to(device) for part in ((label, tube) if name == "with_recall" else (label,))]
                function(model(image.to(device)), *target).backward()
                optimizer.step()
            if device == "cuda":
                torch.cuda.synchronize()
            del loader, batches
            taken[name].append((clock() - start) / n_steps)
    medians = {name: statistics.median(values[1:]) for name, values in taken.items()}
    extra = medians["with_recall"] / medians["ce_dice"] - 1
    kind = "CPU s of all processes" if device == "cpu" else "s"
    print(f"step of {type(model).__name__}, batch 2, patch {size}, {n_workers} workers on {device} ({kind}):")
    print(f"  CE + Dice {medians['ce_dice']:.3f}, with recall and tube {medians['with_recall']:.3f}: {extra:+.1%}")
    return {f"{device}_step_{name}_s": value for name, value in medians.items()} | {f"{device}_step_extra": extra}


def total_cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: both where there is CUDA")
    args = parser.parse_args()
    devices = [args.device] if args.device else ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    figures: dict[str, float] = {}
    parts: list[Callable[[], dict[str, float]]] = [partial(tube, args.quick)] if "cpu" in devices else []
    for device in devices:
        parts += [partial(loss, device, args.quick), partial(step, device, args.quick)]
    for part in parts:
        try:
            figures |= part()
        except ImportError as error:
            print(f"left out: {error}")
    failed = []
    for name, (relation, bar) in BARS.items():
        if name in figures:
            kept = figures[name] <= bar if relation == "<=" else figures[name] >= bar
            failed += [] if kept else [name]
            print(f"{'ok  ' if kept else 'MISS'} {name} = {figures[name]:.3f} (bar {relation} {bar})")
    if args.json:
        print(json.dumps(figures | {"pass": not failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
