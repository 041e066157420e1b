"""Writing and merging softmax files, and sliding-window inference, compared with Yucca's functions and MONAI's inferer.

    python benchmarks/ensemble.py [--quick] [--json] [--only PART ...] [--model MODEL --scans T1 FLAIR] [--cuda]

Every figure comes from a process of its own: CPU seconds (user + system, all threads) of the call, without imports and
without reading its input on either side, and peak resident memory of the whole process.
Kinds of softmax of 37 classes: "network" (a network trained here on a labelled volume, applied to it and to a noisier
copy), "smooth" (random logits that vary smoothly; the second model's share 80 % of the first's variance), and with
--model "trained" (a model of 37 classes from yucca_train, such as the demo's, applied to a T1 and a FLAIR; its
logits of the head, without the empty margin, are interpolated to the volume's size).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CLASSES = 37
VOLUMES = {"240x240x48": (240, 240, 48), "132x256x83": (132, 256, 83)}
QUICK_VOLUMES = {"120x120x48": (120, 120, 48)}
SEED = 20261123
BARS = {
    "write_cpu_ratio": 10.0,
    "write_size_ratio": 10.0,
    "merge_cpu_ratio": 4.0,
    "merge_memory_ratio": 5.0,
    "equal_labels": 0.9999,
}
MAX_MEMORY_GROWTH = 1.10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small volume, under 50 s")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    parser.add_argument("--model", help="version_N folder or exported .zip of a region model: adds the kind 'trained'")
    parser.add_argument("--scans", nargs=2, help="with --model: T1 and FLAIR of one person")
    parser.add_argument("--only", nargs="+", choices=["network", "smooth", "trained", "inference"], help="parts to run")
    parser.add_argument("--cuda", action="store_true", help="inference on the GPU only; Yucca need not be installed")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        name, *rest = arguments.worker
        WORKERS[name](*rest)
        return 0
    if bool(arguments.model) != bool(arguments.scans):
        parser.error("--model and --scans go together")
    parts = arguments.only or ["network", "smooth", *(["trained"] if arguments.model else [])]
    if not arguments.only and not arguments.quick:
        parts.append("inference")
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in [] if arguments.cuda else [part for part in parts if part != "inference"]:
            for name, shape in (QUICK_VOLUMES if arguments.quick else VOLUMES).items():
                source = [arguments.model, *arguments.scans] if kind == "trained" else []
                rows[f"{kind} {name}"] = row = store_and_merge(Path(folder), kind, shape, source)
                print(f"{kind} {name}: " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        if arguments.cuda or "inference" in parts:
            device = "cuda" if arguments.cuda else "cpu"
            rows[f"inference {device}"] = row = inference(device)
            print(f"inference {device}: " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    passed = all(row["pass"] for row in rows.values())
    if arguments.json:
        print(json.dumps({"benchmark": "ensemble", "bars": BARS, "rows": rows, "pass": passed}))
    return 0 if passed else 1


# --- softmax files ------------------------------------------------------------------------------------------------


def store_and_merge(folder: Path, kind: str, shape: tuple[int, int, int], source: list[str]) -> dict[str, Any]:
    import numpy as np

    measured("make", kind, *map(str, shape), str(folder), *source)
    figures: dict[str, Any] = {}
    for tool in ("yucca", "ours"):
        figures[f"{tool}_write_cpu_s"] = round(measured(f"{tool}_write", str(folder), "1", "2")["cpu_s"] / 2, 2)
        sizes = [(folder / f"{tool}{number}" / "case.npz").stat().st_size for number in (1, 2)]
        figures[f"{tool}_mib"] = round(sum(sizes) / 2 / 2**20, 1)
        merge = measured(f"{tool}_merge", str(folder), "1", "2")
        figures[f"{tool}_merge_cpu_s"], figures[f"{tool}_merge_mib"] = merge["cpu_s"], merge["peak_mib"]
    eight = measured("ours_merge", str(folder), *"12121212")
    figures["ours_merge_8_folders_mib"] = eight["peak_mib"]
    measured("reference", str(folder))
    reference, margin = np.load(folder / "reference.npy"), np.load(folder / "margin.npy")
    import nibabel as nib

    labels = np.asarray(nib.load(folder / "merged_ours_12" / "case.nii.gz").dataobj)  # type: ignore[attr-defined]
    differ = labels != reference
    figures["equal_labels"] = round(float(1 - differ.mean()), 7)
    figures["differ_despite_margin_0.01"] = int((differ & (margin > 0.01)).sum())
    figures["write_cpu_ratio"] = round(figures["yucca_write_cpu_s"] / figures["ours_write_cpu_s"], 1)
    figures["write_size_ratio"] = round(figures["yucca_mib"] / figures["ours_mib"], 1)
    figures["merge_cpu_ratio"] = round(figures["yucca_merge_cpu_s"] / figures["ours_merge_cpu_s"], 1)
    figures["merge_memory_ratio"] = round(figures["yucca_merge_mib"] / figures["ours_merge_mib"], 1)
    failed = [name for name, bar in BARS.items() if figures[name] < bar]
    if figures["differ_despite_margin_0.01"]:
        failed.append("differ_despite_margin_0.01")
    if eight["peak_mib"] > MAX_MEMORY_GROWTH * figures["ours_merge_mib"]:
        failed.append("memory grows with the number of folders")
    return figures | {"failed": failed, "pass": not failed}


def measured(worker: str, *arguments: str) -> dict[str, float]:
    """Run a worker in a process of its own (training, inference: two threads); Yucca's without our start-up hook."""
    threads = "2" if worker == "make" or worker.endswith("_infer") else "1"
    environment = dict(os.environ, OMP_NUM_THREADS=threads, PYTHONWARNINGS="ignore")
    root = Path(__file__).parents[1]
    environment["PYTHONPATH"] = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    environment["YUCCA_WM_DISABLE"] = "1" if worker.startswith("yucca") else "0"
    command = [sys.executable, __file__, "--worker", worker, *arguments]
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        output, errors = process.communicate()
    if process.returncode:
        sys.exit(f"{worker} failed:\n{errors.decode()[-3000:]}")
    said = json.loads(output.splitlines()[-1])
    return said | {"wall_s": round(time.perf_counter() - started, 2)}


def finish(started: float = 0.0, **said: Any) -> None:
    """Print the last line of a worker: CPU used since ``started`` (of `time.process_time`), and memory."""
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"cpu_s": round(time.process_time() - started, 2), "peak_mib": round(peak_kib / 1024)} | said))


def make(kind: str, x: str, y: str, z: str, folder: str, *source: str) -> None:
    """Write the logits of two models as ``logits1.npy`` and ``logits2.npy``."""
    import numpy as np

    shape = (int(x), int(y), int(z))
    rng = np.random.default_rng(SEED)
    if kind == "trained":
        logits = trained_logits(source[0], source[1:], shape)
    else:
        logits = smooth_logits(rng, shape) if kind == "smooth" else network_logits(rng, shape)
    for number, values in enumerate(logits, start=1):
        np.save(Path(folder) / f"logits{number}.npy", values[None])
    finish()


def smooth_noise(rng: Any, shape: tuple[int, ...], grain: int = 8) -> Any:
    """Unit-variance noise on a coarse grid, linearly interpolated."""
    import numpy as np
    from scipy.ndimage import zoom

    coarse = rng.standard_normal([-(-n // grain) + 1 for n in shape]).astype(np.float32)
    return zoom(coarse, grain, order=1)[tuple(slice(n) for n in shape)]


def smooth_logits(rng: Any, shape: tuple[int, ...], amplitude: float = 12.0) -> Any:
    import numpy as np

    shared = np.stack([smooth_noise(rng, shape, 16) for _ in range(CLASSES)])
    for _ in range(2):
        own = np.stack([smooth_noise(rng, shape, 16) for _ in range(CLASSES)])
        yield np.float32(amplitude) * (np.float32(0.8**0.5) * shared + np.float32(0.2**0.5) * own)


def network_logits(rng: Any, shape: tuple[int, int, int]) -> Any:
    """Train a small network on a head's regions from position and a noisy image, then apply it to two noisy images."""
    import numpy as np
    import torch

    torch.manual_seed(SEED)
    axes = [torch.linspace(-1, 1, n) for n in shape]
    place = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    inside = (place**2 * torch.tensor([1.6, 1.3, 1.0])[:, None, None, None]).sum(0) < 1
    centres = torch.from_numpy(rng.uniform(-0.65, 0.65, (CLASSES - 1, 3))).float()
    distance = torch.stack([((place - centre[:, None, None, None]) ** 2).sum(0) for centre in centres])
    labels = (distance.argmin(0) + 1) * (inside & (torch.sin(9 * place).sum(0) > -0.4))
    del distance
    network = torch.nn.Sequential(
        torch.nn.Conv3d(4, 64, 1), torch.nn.GELU(), torch.nn.Conv3d(64, 64, 1), torch.nn.GELU(),
        torch.nn.Conv3d(64, CLASSES, (3, 3, 3), padding=1),
    )  # fmt: skip
    contrast = 3.0 * (labels > 0) + 0.1 * (labels % 7)

    def image() -> torch.Tensor:
        return contrast + 0.3 * torch.from_numpy(rng.standard_normal(shape)).float()

    first = torch.cat([place * 3, image()[None]])[None]
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    side = tuple(min(24, n) for n in shape)
    for _ in range(120):
        corner = [int(rng.integers(0, n - s + 1)) for n, s in zip(shape, side, strict=True)]
        window = tuple(slice(c, c + s) for c, s in zip(corner, side, strict=True))
        loss = torch.nn.functional.cross_entropy(
            network(first[(slice(None), slice(None), *window)]), labels[window][None].long()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        for _ in range(2):
            seen = torch.cat([place * 3, image()[None]])[None]
            yield torch.cat([network(part)[0] for part in seen.split(16, dim=2)], dim=1).numpy().astype(np.float32)


def trained_logits(model: str, scans: Sequence[str], shape: tuple[int, int, int]) -> Any:
    """Logits of a trained region model for the head in each scan, interpolated until it fills ``shape``."""
    import nibabel as nib
    import torch

    from yucca_wm.training.model import load_model
    from yucca_wm.training.prediction import predict_volume

    loaded = load_model(model)
    if loaded.n_classes != CLASSES:
        sys.exit(f"{model} has {loaded.n_classes} classes, not {CLASSES}")
    network = loaded.network()
    for scan in scans:
        image: Any = nib.load(scan)
        said = predict_volume(network, loaded, image)
        first, last = said.box[0]
        resized = torch.nn.functional.interpolate(said.planes(0, last - first)[None], size=shape, mode="trilinear")
        yield resized[0].numpy()


def yucca_write(folder: str, *numbers: str) -> None:
    import nibabel as nib
    import numpy as np
    from yucca.functional.utils.saving import save_prediction_from_logits

    used = 0.0
    for number in numbers:
        logits = np.load(Path(folder) / f"logits{number}.npy")
        out = Path(folder) / f"yucca{number}"
        out.mkdir(exist_ok=True)
        header = nib.Nifti1Image(logits[0, 0], np.eye(4)).header.binaryblock
        properties = {"nifti_metadata": {"affine": np.eye(4), "header": header, "reoriented": False}}
        started = time.process_time()
        save_prediction_from_logits(logits, str(out / "case"), properties, save_softmax=True)
        used += time.process_time() - started
    finish(time.process_time() - used)


def ours_write(folder: str, *numbers: str) -> None:
    import numpy as np

    from yucca_wm.ensemble import codec, store
    from yucca_wm.ensemble.merge import likeliest
    from yucca_wm.ensemble.probabilities import Grid
    from yucca_wm.imaging import images

    def write(logits: Any, out: Path) -> None:
        grid = Grid(logits.shape[1:], np.eye(4))
        labels = np.zeros(grid.shape, np.uint8)

        def slabs(lo: int, hi: int) -> Any:
            probabilities = codec.softmax(logits[:, lo:hi])
            labels[lo:hi] = likeliest(probabilities)
            return probabilities

        store.write(out / "case.npz", slabs, grid, tuple(range(CLASSES)))
        images.save(grid.image(labels), out / "case.nii.gz")

    used = 0.0
    for number in numbers:
        logits = np.load(Path(folder) / f"logits{number}.npy")[0]
        out = Path(folder) / f"ours{number}"
        out.mkdir(exist_ok=True)
        started = time.process_time()
        write(logits, out)
        used += time.process_time() - started
    finish(time.process_time() - used)


def yucca_merge(folder: str, *numbers: str) -> None:
    from yucca.functional.utils.saving import merge_softmax_from_folders

    started = time.process_time()
    merge_softmax_from_folders([f"{folder}/yucca{number}" for number in numbers], f"{folder}/merged_yucca")
    finish(started)


def ours_merge(folder: str, *numbers: str) -> None:
    import joblib  # noqa: F401  (imports are left out)
    import tqdm  # noqa: F401

    from yucca_wm.ensemble.folders import merge_folders

    out = Path(folder, "merged_ours_" + "".join(numbers))
    shutil.rmtree(out, ignore_errors=True)
    started = time.process_time()
    merge_folders([f"{folder}/ours{number}" for number in numbers], out)
    finish(started)


def reference(folder: str) -> None:
    """The full-precision merge (float64), and the difference between its best two classes."""
    import numpy as np

    first, second = (np.load(Path(folder) / f"logits{number}.npy", mmap_mode="r")[0] for number in (1, 2))
    labels, margin = np.zeros(first.shape[1:], np.uint8), np.zeros(first.shape[1:], np.float32)
    for plane in range(first.shape[1]):
        total: Any = 0.0
        for logits in (first, second):
            values = logits[:, plane].astype(np.float64)
            exponentials = np.exp(values - values.max(0))
            total = total + exponentials / exponentials.sum(0) / 2
        labels[plane] = total.argmax(0)
        best = np.partition(total, -2, axis=0)[-2:]
        margin[plane] = best[1] - best[0]
    np.save(Path(folder) / "reference.npy", labels)
    np.save(Path(folder) / "margin.npy", margin)
    finish()


WORKERS: dict[str, Any] = {
    "make": make,
    "yucca_write": yucca_write,
    "ours_write": ours_write,
    "yucca_merge": yucca_merge,
    "ours_merge": ours_merge,
    "reference": reference,
}


# --- inference ----------------------------------------------------------------------------------------------------

INFERENCE_SHAPE, WINDOW, OVERLAP = (240, 240, 48), (96, 96, 48), 0.5
INFERENCE_BARS = {"cpu_wall_ratio_to_monai": 1.0, "memory_ratio_to_yucca": 2.0}
CUDA_BARS = {"volumes_per_minute_ratio_to_yucca": 2.0}
CUDA_VOLUMES = 3


def inference(device: str) -> dict[str, Any]:
    """One volume from network input to label map: ours, MONAI's inferer, Yucca's. On CUDA with softmax files."""
    figures: dict[str, Any] = {}
    if device == "cuda":
        for tool in ("yucca", "ours"):
            used = measured(f"{tool}_infer", "cuda")
            figures[f"{tool}_volumes_per_minute"] = round(60 * CUDA_VOLUMES / used["seconds"], 2)
            figures[f"{tool}_gpu_mib"], figures[f"{tool}_mib"] = used["gpu_mib"], used["peak_mib"]
        ratio = figures["ours_volumes_per_minute"] / figures["yucca_volumes_per_minute"]
        figures["volumes_per_minute_ratio_to_yucca"] = round(ratio, 2)
        failed = [name for name, bar in CUDA_BARS.items() if figures[name] < bar]
        return figures | {"failed": failed, "pass": not failed}
    best: dict[str, float] = {}
    best_cpu: dict[str, float] = {}
    for _ in range(3):  # interleaved; the best of three, as other work on the machine only adds
        for tool in ("ours", "monai", "yucca"):
            used = measured(f"{tool}_infer", "cpu")
            best[tool] = min(best.get(tool, 1e9), used["seconds"])
            best_cpu[tool] = min(best_cpu.get(tool, 1e9), used["cpu_s"])
            figures[f"{tool}_mib"] = used["peak_mib"]
    figures |= {f"{tool}_s": round(seconds, 2) for tool, seconds in best.items()}
    figures |= {f"{tool}_cpu_s": round(seconds, 2) for tool, seconds in best_cpu.items()}
    figures["cpu_wall_ratio_to_monai"] = round(best["monai"] / best["ours"], 3)
    figures["memory_ratio_to_yucca"] = round(figures["yucca_mib"] / figures["ours_mib"], 2)
    failed = [name for name, bar in INFERENCE_BARS.items() if figures[name] < bar]
    return figures | {"failed": failed, "pass": not failed}


def small_network(device: str) -> Any:
    import torch

    torch.manual_seed(SEED)
    network = torch.nn.Sequential(
        torch.nn.Conv3d(1, 8, 3, padding=1), torch.nn.ReLU(),
        torch.nn.Conv3d(8, 8, 3, padding=1), torch.nn.ReLU(),
        torch.nn.Conv3d(8, CLASSES, 1),
    )  # fmt: skip
    return network.eval().to(device)


def small_volume(device: str) -> Any:
    import torch

    return torch.randn((1, 1, *INFERENCE_SHAPE), generator=torch.Generator().manual_seed(SEED)).to(device)


def metadata_of(shape: tuple[int, ...]) -> dict[str, Any]:
    """Record of Yucca's preprocessing for a volume that it left unchanged."""
    import nibabel as nib
    import numpy as np

    header = nib.Nifti1Image(np.zeros(shape, np.float32), np.eye(4)).header.binaryblock
    return {
        "nifti_metadata": {"affine": np.eye(4), "header": header, "reoriented": False},
        "uncropped_shape": np.array(shape),
        "cropped_shape": np.array(shape),
        "resampled_transposed_shape": np.array(shape),
        "padded_shape": np.array(shape),
        "padding": [0] * 6,
    }


def timed_inference(device: str, predict: Any) -> None:
    """Run ``predict(network, volume, out path)`` once, or on CUDA a few times after a first run that is not counted."""
    import torch

    torch.set_num_threads(2)
    network, volume = small_network(device), small_volume(device)
    repeats = CUDA_VOLUMES if device == "cuda" else 1
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        if device == "cuda":
            predict(network, volume, Path(folder) / "warm")
            torch.cuda.synchronize()
        started, cpu_before = time.perf_counter(), time.process_time()
        for number in range(repeats):
            predict(network, volume, Path(folder) / f"case{number}")
        seconds = round(time.perf_counter() - started, 3)
    gpu = round(torch.cuda.max_memory_allocated() / 2**20) if device == "cuda" else 0
    finish(cpu_before, seconds=seconds, gpu_mib=gpu)


def ours_infer(device: str) -> None:
    from yucca_wm.training.prediction import predict_logits, save_prediction
    from yucca_wm.training.restore import RestoredLogits

    properties = metadata_of(INFERENCE_SHAPE)

    def predict(network: Any, volume: Any, out: Path) -> None:
        logits = predict_logits(network, volume, WINDOW, CLASSES, (0, 1, 2), overlap=OVERLAP)
        save_prediction(RestoredLogits(logits, properties), out, save_softmax=device == "cuda")

    timed_inference(device, predict)


def monai_infer(device: str) -> None:
    import nibabel as nib
    import numpy as np
    from monai.inferers.utils import sliding_window_inference

    def predict(network: Any, volume: Any, out: Path) -> None:
        logits = sliding_window_inference(volume, WINDOW, 1, network, overlap=OVERLAP, mode="gaussian")
        labels = logits[0].argmax(0).cpu().numpy().astype(np.uint8)
        nib.save(nib.Nifti1Image(labels, np.eye(4)), f"{out}.nii.gz")

    timed_inference(device, predict)


def yucca_infer(device: str) -> None:
    """Yucca's own steps or, if Yucca is not installed (a bare GPU machine), the same steps re-implemented."""
    import numpy as np
    import torch

    try:
        from yucca.functional.preprocessing import reverse_preprocessing
        from yucca.functional.utils.saving import save_prediction_from_logits
        from yucca.modules.networks.networks.YuccaNet import YuccaNet
    except ImportError:
        YuccaNet, reverse_preprocessing, save_prediction_from_logits = yucca_rewritten()

    class Wrapped(YuccaNet):
        num_classes = CLASSES

        def __init__(self, network: Any) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Any) -> Any:
            return self.network(x)

    def predict(network: Any, volume: Any, out: Path) -> None:
        properties = metadata_of(INFERENCE_SHAPE)
        logits = Wrapped(network).predict("3D", volume, WINDOW, OVERLAP)
        identity = [0, 1, 2]
        restored, properties = reverse_preprocessing(False, logits, properties, CLASSES, identity, identity)
        del logits
        save_prediction_from_logits(np.asarray(restored), str(out), properties, save_softmax=device == "cuda")

    torch.set_grad_enabled(False)
    timed_inference(device, predict)


def yucca_rewritten() -> tuple[Any, Any, Any]:
    """Re-implementation of yucca 2.3.7, step for step: one window at a time, sums, float32 copies, zlib."""
    import nibabel as nib
    import numpy as np
    import torch

    from yucca_wm.training.sliding_window import window_starts

    class Net(torch.nn.Module):
        def predict(self, mode: str, data: Any, window: tuple[int, ...], overlap: float) -> Any:  # noqa: ARG002
            canvas = torch.zeros((1, CLASSES, *data.shape[2:]), device=data.device)
            starts = [window_starts(n, w, overlap) for n, w in zip(data.shape[2:], window, strict=True)]
            for x in starts[0]:
                for y in starts[1]:
                    for z in starts[2]:
                        place = (..., slice(x, x + window[0]), slice(y, y + window[1]), slice(z, z + window[2]))
                        canvas[place] += self(data[place])
            return canvas

    def reverse(crop: bool, logits: Any, properties: Any, classes: int, *_: Any) -> tuple[Any, Any]:  # noqa: ARG001
        size = [int(n) for n in properties["cropped_shape"]]
        return torch.nn.functional.interpolate(logits, size=size, mode="trilinear").cpu().numpy(), properties

    def save(logits: Any, out: str, properties: Any, save_softmax: bool) -> None:
        if save_softmax:
            exponentials = np.exp(logits - np.max(logits, axis=1))
            softmax = (exponentials / np.sum(exponentials, axis=1))[0].astype(np.float32)
            np.savez_compressed(out + ".npz", data=softmax, properties=properties)
        labels = np.squeeze(np.argmax(logits, 1)).astype(np.uint8)
        nib.openers.Opener.default_compresslevel = 9
        nib.save(nib.Nifti1Image(labels, np.eye(4)), out + ".nii.gz")

    return Net, reverse, save


WORKERS |= {"ours_infer": ours_infer, "monai_infer": monai_infer, "yucca_infer": yucca_infer}


if __name__ == "__main__":
    sys.exit(main())
