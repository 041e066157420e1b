"""Three ways to present T1 and FLAIR to a network, on the same painted samples, steps and network, on real scans.

    python benchmarks/compare_lesion_models.py --heads DIR --data ../shared/data/real --out DIR [--steps N] [--json]

- ``a`` one channel: T1 and FLAIR are one modality; each scan is segmented by itself, and the two are merged as in the
  paper. T1's weight is the one of 0, .25 and .5 with the best lesion Dice on planes painted from held-out heads.
- ``b`` two channels, either one absent at random: the shipped way.
- ``c`` two channels, with lesions, tissue and the 36 regions in one network.

The network is `CompactUNet`, loss and schedule are those of `YuccaManager_Synthesis` (``c``: plus the regions' cross-
entropy). Brains are found by the shipped region model for all three. A stopped run is resumed when started again
(every 100 steps). At the default 3,600 steps of 9 planes, each way takes some 1.5 hours on two idle cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from real_scans_lesions import HELD_OUT_HEADS
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from yucca_wm.core.files import atomic_path, make_folder
from yucca_wm.core.hardware import bf16_is_fast
from yucca_wm.core.regions import regions as region_table
from yucca_wm.evaluate.measures import lesion_measures
from yucca_wm.imaging.images import load_labels, resample
from yucca_wm.models.conventions import ABSENT, TISSUES
from yucca_wm.models.segment import Networks, segment
from yucca_wm.models.shipped import networks
from yucca_wm.scan import bring_to_one_frame
from yucca_wm.training.networks.compact import CompactUNet
from yucca_wm.training.synthesis.learning.dataset import VALIDATION_SEED, PaintedDataset
from yucca_wm.training.synthesis.learning.lightning_module import SCHEDULES, WEIGHT_DECAY
from yucca_wm.training.synthesis.learning.losses import LesionTissueLoss
from yucca_wm.training.synthesis.learning.settings import GRADIENT_CLIP, PLANE_SIZE
from yucca_wm.training.synthesis.planes import _slab

N_TISSUES, N_REGIONS, LESION = len(TISSUES), 37, TISSUES["lesion"]
OTHER_SIDE = np.array([0, *(region_table().mirrored()[label] for label in range(1, N_REGIONS))])
"""Region -> same region on the other side."""

WAYS = {"a": (1, N_TISSUES), "b": (2, N_TISSUES), "c": (2, N_TISSUES + N_REGIONS)}
"""Channels and classes of each way."""

T1_WEIGHTS = (0.0, 0.25, 0.5)
SEED, SAVED_EVERY, VALIDATION_PLANES = 0, 100, 64


class Planes(Dataset[dict[str, Tensor]]):
    """Samples of `PaintedDataset` from ``first`` on, in the form of one of the three ways."""

    def __init__(self, painted: PaintedDataset, way: str, first: int, end: int) -> None:
        self.painted, self.way, self.first, self.end = painted, way, first, end

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, position: int) -> dict[str, Tensor]:
        number = self.first + position
        sample = self.painted[number]
        found = {"image": sample["image"], "label": sample["label"]}
        if self.way == "a":
            given = [c for c in range(2) if bool((found["image"][c] != ABSENT).any())]
            chosen = given[int(np.random.default_rng([SEED, number, 2]).integers(len(given)))]
            found["image"] = found["image"][chosen : chosen + 1]
        if self.way == "c":
            found["regions"] = torch.from_numpy(self._regions(number)) * (found["label"][0] > 0)
        return found

    def _regions(self, number: int) -> np.ndarray[Any, Any]:
        """Region of every pixel, int64 [x, y]: the sample's slab, drawn again with the same random numbers."""
        head = (self.painted.heads or [])[self.painted.head_of(number)]
        random = np.random.default_rng([self.painted.seed, number])
        thickness = 1 if random.random() < 0.35 else int(random.integers(2, 8))
        voxels, inside = _slab(head, PLANE_SIZE, thickness, random)
        middle = tuple(index[thickness // 2] for index in voxels)
        regions = np.where(inside[thickness // 2], head.regions[middle], 0)
        flipped = middle[0][-1, PLANE_SIZE[1] // 2] < middle[0][0, PLANE_SIZE[1] // 2]
        return (OTHER_SIDE[regions] if flipped else regions).astype(np.int64)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=Path, required=True, help="folder of prepared heads")
    parser.add_argument("--held-out", nargs="+", default=list(HELD_OUT_HEADS), help="heads not to train on")
    parser.add_argument("--data", type=Path, required=True, help="folder of the real scans")
    parser.add_argument("--out", type=Path, required=True, help="folder to work in and to go on in")
    parser.add_argument("--steps", type=int, default=3600, help="of each training (default: 3600)")
    parser.add_argument("--batch", type=int, default=9, help="planes a step (default: 9)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="(default: all)")
    parser.add_argument("--workers", type=int, default=1, help="processes that paint (default: 1)")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    options = parser.parse_args()
    make_folder(options.out)
    names = {path.stem for path in options.heads.glob("*.npz")}
    held_out = PaintedDataset([str(options.heads / name) for name in options.held_out], PLANE_SIZE, VALIDATION_SEED)
    rows, weights = [], {}
    for way in options.ways:
        cases = sorted(str(options.heads / name) for name in names - set(options.held_out))
        network = trained(way, PaintedDataset(cases, PLANE_SIZE, SEED), options)
        weights[way] = t1_weight(network, held_out) if way == "a" else None
        shown = networks_of(way, network, weights[way])
        for row in tested(shown, options.data):
            rows.append({"way": way, "t1_weight": weights[way], **row})
            print("\t".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in rows[-1].values()), flush=True)
    if options.json:
        print(json.dumps({"rows": rows, "t1_weight": weights, "steps": options.steps, "batch": options.batch}))
    return 0


def trained(way: str, painted: PaintedDataset, options: argparse.Namespace) -> nn.Module:
    """Moving average of a network after ``options.steps``, resumed from an earlier run."""
    torch.manual_seed(SEED)
    channels, classes = WAYS[way]
    learner, average = (CompactUNet(channels, classes).to(memory_format=torch.channels_last) for _ in range(2))
    average.load_state_dict(learner.state_dict())
    optimizer = torch.optim.AdamW(learner.parameters(), 2e-3, weight_decay=WEIGHT_DECAY)
    kept, step = options.out / f"{way}_{options.steps}_{options.batch}.pt", 0
    if kept.is_file():
        state = torch.load(kept, weights_only=True)
        step = int(state["step"])
        for part, what in ((learner, "learner"), (average, "average"), (optimizer, "optimizer")):
            part.load_state_dict(state[what])
    planes = Planes(painted, way, step * options.batch, options.steps * options.batch)
    schedule, loss_of = SCHEDULES["2D"], LesionTissueLoss()
    for batch in DataLoader(planes, options.batch, num_workers=options.workers) if len(planes) else ():
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * schedule.rate(step, options.steps)
        with precision():
            logits = learner(batch["image"].contiguous(memory_format=torch.channels_last)).float()
        loss = loss_of(logits[:, :N_TISSUES], batch["label"])
        if way == "c":
            loss = loss + F.cross_entropy(logits[:, N_TISSUES:], batch["regions"])
        learn(loss, learner, average, optimizer, schedule.decay(step))
        step += 1
        if step % SAVED_EVERY == 0 or step == options.steps:
            parts: dict[str, Any] = {"learner": learner, "average": average, "optimizer": optimizer}
            with atomic_path(kept) as temporary:
                torch.save({"step": step, **{name: part.state_dict() for name, part in parts.items()}}, temporary)
            print(f"{way}: step {step} of {options.steps}, loss {float(loss.detach()):.3f}", flush=True)
    return average.eval()


def learn(loss: Tensor, learner: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, kept: float) -> None:
    """One step of ``learner`` and of the moving average of its weights; ``kept``: weight of the old average."""
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(learner.parameters(), GRADIENT_CLIP)
    optimizer.step()
    with torch.no_grad():
        for old, new in zip(average.parameters(), learner.parameters(), strict=True):
            old.lerp_(new, 1 - kept)


def precision() -> Any:
    """bfloat16 if the processor is fast with it."""
    return torch.autocast("cpu", torch.bfloat16) if bf16_is_fast() else contextlib.nullcontext()


def networks_of(way: str, network: nn.Module, weight: float | None) -> Networks:
    """The shipped region network together with this one, as `segment` takes them."""

    def tissue(x: Tensor) -> Tensor:
        with torch.inference_mode(), precision():
            return merged(network, x, weight or 0.0) if way == "a" else network(x)[:, :N_TISSUES].float()

    return Networks(networks("cpu").regions, tissue)


def merged(network: nn.Module, x: Tensor, t1_weight: float) -> Tensor:
    """Log of the weighted mean [B, class, ...] of a one-channel network's outputs for T1 and FLAIR [B, 2, ...]."""
    given = [c for c in range(2) if bool((x[:, c] != ABSENT).any())]
    if not given:  # planes that no scan shows
        given = [1]
    shares = {0: t1_weight, 1: 1 - t1_weight} if len(given) == 2 else {given[0]: 1.0}
    found = sum(share * network(x[:, c : c + 1]).float().softmax(1) for c, share in shares.items() if share > 0)
    return torch.log(torch.as_tensor(found).clamp(min=1e-12))


def t1_weight(network: nn.Module, painted: PaintedDataset) -> float:
    """Weight of T1 in the mean with which lesions are found best in painted planes that have both scans."""
    overlap = dict.fromkeys(T1_WEIGHTS, 0.0)
    total = dict.fromkeys(T1_WEIGHTS, 0.0)
    for number in range(VALIDATION_PLANES):
        sample = painted[number]
        if not all(bool((channel != ABSENT).any()) for channel in sample["image"]):
            continue
        truth = sample["label"][0] == LESION
        for weight in T1_WEIGHTS:
            with torch.inference_mode():
                found = merged(network, sample["image"][None], weight)[0, LESION].exp() > 0.5
            overlap[weight] += 2 * float((found & truth).sum())
            total[weight] += float(found.sum() + truth.sum())
    scores = {weight: overlap[weight] / max(total[weight], 1) for weight in T1_WEIGHTS}
    print("Dice on painted planes by T1's weight:", {w: round(s, 3) for w, s in scores.items()}, flush=True)
    return max(scores, key=scores.__getitem__)


def tested(shown: Networks, data: Path) -> Iterator[dict[str, Any]]:
    """Score every test scan with hand-drawn lesions, from T1 and FLAIR, from FLAIR, and from T1."""
    for scans, truth_file in with_truth(data):
        truth = load_labels(truth_file)
        for used in (("T1", "FLAIR"), ("FLAIR",), ("T1",)):
            frame = bring_to_one_frame({m: scans[m] for m in used})
            found = resample(frame.images[frame.reference].with_data(segment(shown, frame.images).lesions), truth)
            measures = lesion_measures(found.data > 0, truth.data > 0, truth.affine, ignore=None)
            yield {
                "scan": truth_file.parent.name,
                "by": "+".join(used),
                "dice": measures.dice,
                "lesion_f1": measures.lesion_f1,
                "found_ml": measures.volume_pred_ml,
                "true_ml": measures.volume_true_ml,
            }


def with_truth(data: Path) -> Iterator[tuple[dict[str, Path], Path]]:
    for folder in sorted((data / "wmh_ms5").iterdir()):
        t1, flair, truth = (folder / f"{folder.name}_{what}.nii.gz" for what in ("T1_to_FLAIR", "FLAIR", "abWMHmask"))
        yield {"T1": t1, "FLAIR": flair}, truth
    for folder in sorted((data / "mslub_mni").iterdir()):
        yield {m: folder / f"{m}.nii.gz" for m in ("T1", "FLAIR")}, folder / "lesions.nii.gz"


if __name__ == "__main__":
    sys.exit(main())
