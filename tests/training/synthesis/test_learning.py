"""Losses by hand, the schedule, the average of the weights, and samples that do not depend on who paints them."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from yucca_wm.training.losses import tubed
from yucca_wm.training.skeleton import tubed_skeleton
from yucca_wm.training.synthesis.heads import Head, save_head
from yucca_wm.training.synthesis.learning.dataset import PaintedDataset, SampleNumbers
from yucca_wm.training.synthesis.learning.lightning_module import SCHEDULES, SynthesisLightningModule
from yucca_wm.training.synthesis.learning.losses import (
    BrainRegionLoss,
    BrainRegionSkeletonLoss,
    LesionTissueLoss,
    coordinate_error,
)
from yucca_wm.training.synthesis.learning.settings import settings_of


def test_tissue_loss_by_hand() -> None:
    """Two pixels: a certain background, and a lesion that could be anything (1/9 each)."""
    logits = torch.zeros(1, 9, 1, 2)
    logits[0, 0, 0, 0] = 100.0
    label = torch.tensor([[[[0, 8]]]])
    ce = (0 + math.log(9)) / 2
    dice = [27 / 28, *[9 / 10] * 7, 11 / 19]
    expected = ce + 1 - sum(dice) / 9 + (1 - 11 / 19) / 2
    assert LesionTissueLoss()(logits, label).item() == pytest.approx(expected, rel=1e-5)
    assert LesionTissueLoss()(logits.bfloat16(), label).dtype == torch.float32


def test_region_loss_by_hand() -> None:
    """Four voxels of 0, 1, 1, 2 and no idea (1/4 each); class 3 is nowhere and has no Dice."""
    logits = torch.zeros(1, 4, 1, 2, 2)
    label = torch.tensor([[[[[0, 1], [1, 2]]]]])
    dice = [2 / 3.75, 1.5 / 2.75]
    expected = 2 * math.log(4) + 1 - sum(dice) / 2
    assert BrainRegionLoss()(logits, label).item() == pytest.approx(expected, rel=1e-6)
    assert BrainRegionLoss()(logits, label * 0).item() == pytest.approx(math.log(4), rel=1e-6)


def test_region_loss_with_skeleton_recall_by_hand() -> None:
    """The same voxels; of class 1 one is in the tube, of 2 its only one, of 3 none, which counts as found."""
    logits = torch.zeros(1, 4, 1, 2, 2)
    label = torch.tensor([[[[[0, 1], [1, 2]]]]])
    tube = torch.tensor([[[[[0, 0], [1, 2]]]]])
    recall = [1.25 / 2, 1.25 / 2, 1]
    expected = BrainRegionLoss()(logits, label).item() + 1 - sum(recall) / 3
    assert BrainRegionSkeletonLoss()(logits, tubed(label, tube)).item() == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match="tube"):
        BrainRegionSkeletonLoss()(logits, label)


def test_coordinates_count_in_the_brain_only() -> None:
    label = torch.tensor([[[[[0, 1]]]]])
    places, truth = torch.zeros(1, 3, 1, 1, 2), torch.zeros(1, 3, 1, 1, 2)
    truth[0, :, 0, 0, 0] = 50.0
    truth[0, :, 0, 0, 1] = torch.tensor([1.0, -2.0, 0.0])
    assert coordinate_error(places, truth, label).item() == pytest.approx(1.0)
    assert coordinate_error(places, truth, label * 0).item() == 0


def test_the_rate_warms_up_and_falls() -> None:
    schedule = SCHEDULES["2D"]
    assert schedule.rate(0, 10_000) == pytest.approx(1 / 200)
    assert schedule.rate(199, 10**9) == pytest.approx(1)
    assert schedule.rate(5_000, 10_000) == pytest.approx(0.505)
    assert schedule.rate(10_000, 10_000) == pytest.approx(0.01)
    assert [schedule.decay(n) for n in (0, 1, 10**6)] == pytest.approx([0.1, 2 / 11, 0.998])


class Pixel(nn.Module):
    def __init__(self, input_channels: int, num_classes: int) -> None:
        super().__init__()
        self.classes = nn.Conv2d(input_channels, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.classes(x)
        return z


class Numbered(torch.utils.data.Dataset[dict[str, Any]]):
    """Four samples over and over, and which were asked for."""

    def __init__(self) -> None:
        label = torch.randint(0, 9, (1, 16, 16), dtype=torch.int32)
        self.samples = [{"image": torch.randn(2, 16, 16), "label": label, "file_path": "h"} for _ in range(4)]
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 4

    def __getitem__(self, number: int) -> dict[str, Any]:
        self.asked.append(number)
        return self.samples[number % 4]


class Keeper(lightning.Callback):
    data: Numbered

    def __init__(self) -> None:
        self.learned: list[Tensor] = []

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        self.learned.append(pl_module.model.classes.weight.detach().clone())
        self.begun = pl_module.learner.classes.weight.detach().clone()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:  # noqa: ARG002
        self.learned.append(pl_module.learner.classes.weight.detach().clone())


def fit(
    n_epochs: int, checkpoint: str | None = None, start: float | None = None, lr: float = 100.0
) -> tuple[lightning.Trainer, SynthesisLightningModule, Keeper]:
    """Train two steps of two an epoch. start : all weights of the model begin there, as fine-tuning brings them."""
    config = {
        "task_type": "segmentation",
        "model_dimensions": "2D",
        "num_classes": 9,
        "num_modalities": 2,
        "patch_size": (16, 16),
        "plans_path": "",
        "patch_based_training": True,
        "batch_size": 2,
        "plans": {"crop_to_nonzero": False, "transpose_forward": [2, 0, 1], "transpose_backward": [1, 2, 0]},
    }
    torch.manual_seed(0)
    module = SynthesisLightningModule(config, Pixel, loss_fn=LesionTissueLoss, optimizer_kwargs={"lr": lr})
    build = module.setup

    def setup(stage: str) -> None:
        build(stage)
        if start is not None:
            module.model.classes.weight.fill_(start)

    module.setup = setup  # type: ignore[method-assign]
    keeper = Keeper()
    trainer = lightning.Trainer(
        max_epochs=n_epochs,
        limit_train_batches=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        callbacks=[keeper],
    )
    keeper.data = Numbered()
    training = torch.utils.data.DataLoader(keeper.data, batch_size=2, sampler=SampleNumbers(trainer, 4))
    trainer.fit(module, training, torch.utils.data.DataLoader(Numbered(), batch_size=2), ckpt_path=checkpoint)
    return trainer, module, keeper


@pytest.mark.filterwarnings("ignore")
def test_the_average_of_the_weights_is_what_is_kept(tmp_path: Path) -> None:
    trainer, module, keeper = fit(1)
    start, first, second = keeper.learned
    assert not torch.equal(first, second)
    one = 0.1 * start + 0.9 * first
    torch.testing.assert_close(module.model.classes.weight, 2 / 11 * one + 9 / 11 * second)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    weights = torch.load(tmp_path / "last.ckpt", weights_only=False)["state_dict"]
    torch.testing.assert_close(weights["model.classes.weight"], module.model.classes.weight)
    torch.testing.assert_close(weights["learner.classes.weight"], second)
    x = torch.randn(1, 2, 16, 16)
    torch.testing.assert_close(module(x), module.model(x))


@pytest.mark.filterwarnings("ignore")
def test_a_run_goes_on_with_its_weights_and_with_new_samples(tmp_path: Path) -> None:
    trainer, _, keeper = fit(2)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert keeper.data.asked == list(range(8)), "no epoch repeats another"
    _, _, resumed = fit(3, str(tmp_path / "last.ckpt"))
    assert resumed.data.asked == list(range(8, 12))
    average = torch.load(tmp_path / "last.ckpt", weights_only=False)["state_dict"]["model.classes.weight"]
    torch.testing.assert_close(resumed.learned[0], average)
    torch.testing.assert_close(resumed.begun, keeper.learned[-1])
    assert not torch.equal(average, keeper.learned[-1])


@pytest.mark.filterwarnings("ignore")
def test_fine_tuning_starts_from_the_weights_it_is_given() -> None:
    _, module, keeper = fit(1, start=0.5, lr=0.0)
    assert [float(weights.unique()) for weights in keeper.learned] == [0.5] * 3
    assert float(module.model.classes.weight.unique()) == pytest.approx(0.5)


def cases(head: Head, folder: Path) -> list[str]:
    from dataclasses import replace

    save_head(head, folder / "a.npz")
    save_head(replace(head, n_masks=0), folder / "b.npz")
    return [str(folder / "a"), str(folder / "b")]


def same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return all(torch.equal(one[key], two[key]) for key in ("image", "label"))


def test_a_sample_is_the_same_whoever_paints_it(head: Head, tmp_path: Path) -> None:
    names = cases(head, tmp_path)
    dataset = PaintedDataset(names, (48, 64), seed=5)
    numbers = [3, 8, 11]
    here = [dataset[number] for number in numbers]
    turns = [[dataset.head_of(2 * turn), dataset.head_of(2 * turn + 1)] for turn in range(20)]
    assert all(sorted(turn) == [0, 1] for turn in turns), "every head once in a turn"
    assert [0, 1] in turns, "in any order"
    assert [1, 0] in turns, "in any order"
    assert [Path(sample["file_path"]).name for sample in here] == ["ab"[dataset.head_of(number)] for number in numbers]
    assert here[0]["image"].shape == (2, 48, 64)
    assert here[0]["label"].shape == (1, 48, 64)
    assert here[0]["label"].dtype == torch.int32
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=None, sampler=numbers, num_workers=2, multiprocessing_context="fork"
    )
    for mine, theirs in zip(here, loader, strict=True):
        assert same(mine, theirs)
    packed = pickle.dumps(dataset)
    assert len(packed) < 5000, "a spawned worker is not sent the heads"
    assert same(pickle.loads(packed)[8], here[1])
    assert not same(PaintedDataset(names, (48, 64), seed=6)[8], here[1])


def test_a_volume_comes_with_its_coordinates(head: Head, tmp_path: Path) -> None:
    sample = PaintedDataset(cases(head, tmp_path), (64, 80, 64), seed=0)[0]
    assert sample["image"].shape == sample["label"].shape == (1, 64, 80, 64)
    assert sample["coordinates"].shape == (3, 64, 80, 64)
    assert set(np.unique(sample["label"])) <= {0, *range(1, 7), *range(18, 24)}
    tube = tubed_skeleton(sample["label"][0].numpy(), "per_region")
    np.testing.assert_array_equal(sample["tube"][0], tube)
    assert set(np.unique(tube)) == set(np.unique(sample["label"]))


def test_no_epoch_and_no_device_repeats_a_sample() -> None:
    seen: list[int] = []
    for epoch in range(3):
        for rank in range(2):
            trainer = SimpleNamespace(current_epoch=epoch, world_size=2, global_rank=rank)
            numbers = list(SampleNumbers(trainer, 10))
            assert len(numbers) == 10
            seen += numbers
    assert sorted(seen) == list(range(60))


def test_settings_that_cannot_be_are_refused() -> None:
    assert settings_of("2D", "YuccaPlanner", None, False).patch_size == (160, 208)
    assert settings_of("2D", "YuccaPlanner_Planes", ["96", "128"], False).patch_size == (96, 128)
    assert settings_of("3D", "YuccaPlanner", ["64", "80", "64"], False).loss == "BrainRegionSkeletonLoss"
    for wrong, message in (
        (("3D", "YuccaPlanner_Planes", None, False), "-pl YuccaPlanner_Volumes"),
        (("3D", "YuccaPlanner", ["32"], False), "give 64 80 64"),
        (("2D", "YuccaPlanner", ["100", "100"], False), "multiples of 16"),
        (("2D", "YuccaPlanner", None, True), "leave out -ds"),
    ):
        with pytest.raises(SystemExit, match=message):
            settings_of(*wrong)
