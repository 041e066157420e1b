"""Log of a training run: a progress bar, one line per epoch, ``metrics.csv`` and a curve in the version folder."""

from __future__ import annotations

import csv
import io
import logging
import math
import re
import sys
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from tqdm import tqdm

from yucca_wm.core.files import atomic_path, write_text

METRICS_FILE, CURVE_FILE = "metrics.csv", "metrics.png"


def counts(logits: Tensor, target: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Per sample and class [B, C]: voxels where prediction and label agree; sum of the voxels of either."""
    predicted = logits.argmax(1).flatten(1)
    label = target.flatten(1).long()
    sample = torch.arange(len(label), device=label.device)[:, None] * n_classes

    def count(values: Tensor) -> Tensor:
        return torch.bincount(values.flatten(), minlength=len(label) * n_classes).view(-1, n_classes).float()

    return count((label + sample)[predicted == label]), count(label + sample) + count(predicted + sample)


def epoch_dice(metric: Any) -> list[float]:
    """Dice of every class over all voxels since the last call; NaN for a class in neither label nor prediction.

    If several processes train together, over the voxels of all of them: all must call it.
    """
    pooled = metric.__dict__.pop("pooled", None)
    if pooled is None:
        return []
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(pooled)
    overlap, size = pooled.cpu()
    dice: list[float] = (2 * overlap / size).tolist()  # 0 / 0 is NaN
    return dice


class RunLog(Callback):
    """Writes the results of each epoch. A resumed run continues the same table; repeated epochs replace their rows.

    Columns of ``metrics.csv``: epoch (from 0), seconds, lr, then the metrics that Yucca logs, with ``_`` for ``/``.
    ``val_dice_3`` is the Dice of class 3 over all voxels of the epoch's patches, empty if it is in neither label nor
    prediction; ``val_mean_dice`` is the mean over the other foreground classes. (Yucca averages over batches, counts an
    absent class as 0, and numbers the foreground classes from 0.)
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.rows: list[dict[str, float]] = []
        self.bar: Any = None
        self.epoch_started = self.learning_rate = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        pooled_dice(pl_module)  # discards the counts of the check before the first epoch
        if not trainer.is_global_zero:
            return
        if trainer.progress_bar_callback is not None:
            trainer.progress_bar_callback.disable()
        self.rows = [row for row in read_metrics(self.folder / METRICS_FILE) if row["epoch"] < trainer.current_epoch]
        n_batches = int(trainer.num_training_batches)
        self.bar = tqdm(
            total=trainer.max_epochs * n_batches,
            initial=trainer.current_epoch * n_batches,
            unit="step",
            desc="training",
            mininterval=0.5 if sys.stderr.isatty() else 60,
            dynamic_ncols=True,
        )

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        self.epoch_started = time.monotonic()
        self.learning_rate = float(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *args: Any) -> None:  # noqa: ARG002
        if self.bar is not None:
            self.bar.set_postfix(epoch=trainer.current_epoch, loss=f"{float(outputs['loss']):.3f}", refresh=False)
            self.bar.update()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        dice = pooled_dice(pl_module)  # on every device: their counts are added
        if self.bar is None:
            return
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items() if "/" in key}
        row = {
            "epoch": float(trainer.current_epoch),
            "seconds": round(time.monotonic() - self.epoch_started, 2),
            "lr": self.learning_rate,
            **named_by_class(metrics, first_class=0 if getattr(pl_module, "use_label_regions", False) else 1),
            **dice,
        }
        self.rows.append(row)
        self.bar.clear()
        logging.info(sentence(row, trainer.max_epochs))
        self.bar.refresh()
        write_metrics(self.folder / METRICS_FILE, self.rows)
        if not math.isfinite(row.get("train_loss", 0.0)):
            raise SystemExit(
                "error: the loss is no longer a number: train again with a lower --lr, or --precision 32-true"
            )
        draw(self.folder / CURVE_FILE, self.rows)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:  # noqa: ARG002
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def pooled_dice(pl_module: Any) -> dict[str, float]:
    """Dice of each foreground class over the epoch, and their mean, from the counts kept by the metrics."""
    found: dict[str, float] = {}
    for kind in ("train", "val"):
        for key, metric in getattr(pl_module, f"{kind}_metrics", {}).items():
            dice = epoch_dice(metric)[1:]  # every metric's counts are taken, so that the next epoch starts at none
            if key != f"{kind}/dice" or not dice:
                continue
            found |= {f"{kind}_dice_{index}": value for index, value in enumerate(dice, 1)}
            present = [value for value in dice if not math.isnan(value)]
            found[f"{kind}_mean_dice"] = sum(present) / len(present) if present else math.nan
    return found


def named_by_class(metrics: dict[str, float], first_class: int) -> dict[str, float]:
    """``val/dice_0`` -> ``val_dice_1`` (the class to which the number belongs); other names keep their words."""
    renamed = {}
    for key, value in sorted(metrics.items()):
        dice = re.fullmatch(r"(train|val)/dice_(\d+)", key)
        name = f"{dice[1]}_dice_{int(dice[2]) + first_class}" if dice else key.replace("/", "_")
        renamed[name] = value
    return renamed


def sentence(row: dict[str, float], n_epochs: int) -> str:
    """One line for the log."""
    said = {"train_loss": "loss", "val_loss": "validation loss", "val_mean_dice": "validation mean Dice"}
    numbers = ", ".join(f"{words} {row[key]:.4f}" for key, words in said.items() if key in row)
    return f"epoch {int(row['epoch']) + 1} of {n_epochs}: {numbers} ({row['seconds']:.0f} s)"


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Rows of a ``metrics.csv``; empty if there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(stream)]


def write_metrics(path: Path, rows: list[dict[str, float]]) -> None:
    """Write ``rows`` with the union of their columns, atomically."""
    text = io.StringIO()
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({"epoch": int(row["epoch"])} | {k: v for k, v in row.items() if k != "epoch" and v == v})
    write_text(path, text.getvalue())


def draw(path: Path, rows: list[dict[str, float]]) -> None:
    """Plot loss (top) and mean Dice (bottom) against the epoch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    panels = {"train_loss": (upper, "training"), "val_loss": (upper, "validation")}
    panels |= {"train_mean_dice": (lower, "training"), "val_mean_dice": (lower, "validation")}
    for key, (axes, name) in panels.items():
        points = [(row["epoch"] + 1, row[key]) for row in rows if key in row]
        axes.plot(*zip(*points, strict=True), marker="o" if len(points) < 20 else None, label=name) if points else None
    upper.set_ylabel("loss")
    lower.set(ylabel="mean Dice", xlabel="epoch", ylim=(0, 1))
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.legend() if axes.lines else None
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)
