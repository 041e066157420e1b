"""The region model with and without the paper's term, skeleton recall: the same start, samples and steps.

    python benchmarks/skeleton_ablation.py --heads DIR --data ../shared/data/real --truth DIR --start regions.zip
        --out DIR [--steps N] [--scans N] [--json]

Both are trained from ``--start`` with the loss of `YuccaManager_Synthesis` in 3D, one without skeleton recall. Scored
on `oasis_nc`: mean region Dice, and that of the smallest regions, against the maps of the atlas registered to the
manual white matter, which ``real_scans.py --only regions --cache DIR`` leaves in DIR/regions.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from compare_lesion_models import learn, precision
from real_scans_lesions import HELD_OUT_HEADS
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from yucca_wm.core.files import make_folder
from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import load, load_labels
from yucca_wm.imaging.labels import dice
from yucca_wm.models.conventions import SIZE
from yucca_wm.models.segment import Networks, segment
from yucca_wm.models.shipped import networks
from yucca_wm.training.losses import tubed
from yucca_wm.training.model import load_model
from yucca_wm.training.synthesis.learning.dataset import PaintedDataset
from yucca_wm.training.synthesis.learning.lightning_module import SCHEDULES, WEIGHT_DECAY
from yucca_wm.training.synthesis.learning.losses import (
    COORDINATE_WEIGHT,
    BrainRegionLoss,
    BrainRegionSkeletonLoss,
    coordinate_error,
)
from yucca_wm.training.tubed_training import TUBE_KEY

SEED, LEARNING_RATE, SMALLEST = 1, 5e-4, 8
WAYS = {"without": BrainRegionLoss, "with": BrainRegionSkeletonLoss}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=Path, required=True, help="folder of prepared heads")
    parser.add_argument("--data", type=Path, required=True, help="folder of the real scans")
    parser.add_argument("--truth", type=Path, required=True, help="region maps of oasis_nc by registration")
    parser.add_argument("--start", type=Path, required=True, help="a model of regions to go on from")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--steps", type=int, default=300, help="of each training (default: 300)")
    parser.add_argument("--scans", type=int, default=12, help="how many are scored (default: 12)")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    options = parser.parse_args()
    make_folder(options.out)
    cases = sorted(str(path.with_suffix("")) for path in options.heads.glob("*.npz") if path.stem not in HELD_OUT_HEADS)
    painted = PaintedDataset(cases, SIZE, SEED)
    rows = []
    for way in WAYS:
        network = trained(way, painted, options)
        for row in scored(network, options):
            rows.append({"way": way, **row})
            print("\t".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in rows[-1].values()), flush=True)
    for measure in ("region_dice", "small_dice"):
        means = {way: float(np.mean([row[measure] for row in rows if row["way"] == way])) for way in WAYS}
        print(f"mean {measure}: " + ", ".join(f"{way} {value:.3f}" for way, value in means.items()))
    if options.json:
        print(json.dumps({"rows": rows, "steps": options.steps}))
    return 0


def trained(way: str, painted: PaintedDataset, options: argparse.Namespace) -> nn.Module:
    """Moving average after ``options.steps``; kept in ``options.out``."""
    torch.manual_seed(SEED)
    learner: Any
    learner, average = (load_model(options.start, 1).network(torch.device("cpu")) for _ in range(2))
    kept = options.out / f"{way}_{options.steps}.pt"
    if kept.is_file():
        average.load_state_dict(torch.load(kept, weights_only=True))
        return average.eval()
    learner.train()
    learner.gives_coordinates = True
    schedule, loss_of = SCHEDULES["3D"], WAYS[way]()
    optimizer = torch.optim.AdamW(learner.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for step, batch in enumerate(DataLoader(Subset(painted, range(options.steps)), 1, num_workers=1)):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * schedule.rate(step, options.steps)
        with precision():
            logits, places = learner(batch["image"].contiguous(memory_format=torch.channels_last_3d))
        loss = loss_of(logits.float(), tubed(batch["label"], batch[TUBE_KEY]))
        loss = loss + COORDINATE_WEIGHT * coordinate_error(places.float(), batch["coordinates"], batch["label"])
        learn(loss, learner, average, optimizer, schedule.decay(step))
        if step % 50 == 49:
            print(f"{way}: step {step + 1} of {options.steps}, loss {float(loss.detach()):.3f}", flush=True)
    torch.save(average.state_dict(), kept)
    return average.eval()


def scored(network: nn.Module, options: argparse.Namespace) -> Any:
    """Region Dice on each scan, with white matter from the shipped tissue model both times."""

    def in_its_precision(part: Any) -> Any:
        def run(*given: Tensor) -> Any:
            with torch.inference_mode(), precision():
                return part(*given)

        return run

    locate, region_logits = in_its_precision(network.locate), in_its_precision(network.region_logits)
    shown = Networks(SimpleNamespace(locate=locate, region_logits=region_logits), networks("cpu").tissue)
    labels = [region.index for region in regions().white_matter]
    for file in sorted((options.data / "oasis_nc").glob("*_T1.nii.gz"))[: options.scans]:
        truth = load_labels(options.truth / file.name.replace("T1", "labels")).data
        found = segment(shown, {"T1": load(file)}).regions
        per_region = np.array([dice(found == label, truth == label) for label in labels])
        volume = np.array([(truth == label).sum() for label in labels])
        small = per_region[np.argsort(volume)[:SMALLEST]]
        yield {"scan": file.name[:4], "region_dice": float(per_region.mean()), "small_dice": float(small.mean())}


if __name__ == "__main__":
    sys.exit(main())
