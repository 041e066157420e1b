"""A run from the first step to its log: tubes in training and validation, resumed and fine-tuned."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor, nn

from yucca_wm.bridge.fixes.finetuning import transfer
from yucca_wm.training.losses import DiceCESkeletonRecall
from yucca_wm.training.run_log import RunLog, draw, named_by_class, read_metrics, write_metrics
from yucca_wm.training.tubed_training import TubeLightningModule


class TwoScales(nn.Module):
    def __init__(self, input_channels: int, num_classes: int, deep_supervision: bool = False) -> None:
        super().__init__()
        self.fine = nn.Conv2d(input_channels, num_classes, 1)
        self.deep_supervision = deep_supervision

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        z: Tensor = self.fine(x)
        return [z, nn.functional.avg_pool2d(z, 2)] if self.deep_supervision else z  # as UXNet: at all times


def module(deep: bool, loss: Any = DiceCESkeletonRecall) -> TubeLightningModule:
    config = {
        "task_type": "segmentation",
        "model_dimensions": "2D",
        "num_classes": 3,
        "num_modalities": 1,
        "patch_size": (16, 16),
        "plans_path": "",
        "patch_based_training": True,
        "batch_size": 2,
        "plans": {"crop_to_nonzero": True, "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2]},
    }
    return TubeLightningModule(config, TwoScales, deep_supervision=deep, loss_fn=loss)


def samples(deep: bool) -> list[dict[str, Any]]:
    torch.manual_seed(0)
    made = []
    for _ in range(4):
        label = torch.randint(0, 3, (1, 16, 16), dtype=torch.int32)
        labels = [label, label[:, ::2, ::2]] if deep else label
        tubes = [part * (part > 1) for part in labels] if deep else label * (label > 1)
        made.append({"image": torch.randn(1, 16, 16), "label": labels, "tube": tubes, "file_path": "case"})
    return made


def fit(tmp_path: Path, n_epochs: int, deep: bool = False, checkpoint: str | None = None) -> lightning.Trainer:
    trainer = lightning.Trainer(
        max_epochs=n_epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        callbacks=[RunLog(tmp_path)],
    )
    training = torch.utils.data.DataLoader(samples(deep), batch_size=2)  # type: ignore[arg-type]
    validation = torch.utils.data.DataLoader(samples(False), batch_size=2)  # type: ignore[arg-type]
    trainer.fit(module(deep), training, validation, ckpt_path=checkpoint)
    return trainer


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("deep", [False, True])
def test_the_tube_reaches_the_loss(tmp_path: Path, deep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, Tensor]] = []
    plain = DiceCESkeletonRecall.forward

    def forward(self: Any, logits: Tensor, label: Any, tube: Tensor | None = None) -> Tensor:
        seen.append((torch.is_grad_enabled(), label.tube))
        assert torch.equal(label.tube, torch.where(label > 1, label, 0)), "the tube of another label"
        return plain(self, logits, label, tube)

    monkeypatch.setattr(DiceCESkeletonRecall, "forward", forward)
    fit(tmp_path, 1, deep)
    assert sum(training for training, _ in seen) == (4 if deep else 2)
    assert any(not training for training, _ in seen), "validation too"
    assert all(tube.any() for _, tube in seen)


@pytest.mark.filterwarnings("ignore")
def test_a_run_leaves_its_log_and_goes_on_in_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fit(tmp_path, 2).save_checkpoint(tmp_path / "last.ckpt")
    assert "epoch 2 of 2: loss" in caplog.text
    before = read_metrics(tmp_path / "metrics.csv")
    assert [row["epoch"] for row in before] == [0, 1]
    assert {"train_loss", "val_loss", "val_dice_1", "val_dice_2", "lr", "seconds"} <= before[0].keys()
    write_metrics(tmp_path / "metrics.csv", [*before, {**before[1], "epoch": 2.0, "val_loss": 99.0}])
    torch.serialization.add_safe_globals([int])
    fit(tmp_path, 4, checkpoint=str(tmp_path / "last.ckpt"))
    after = read_metrics(tmp_path / "metrics.csv")
    assert [row["epoch"] for row in after] == [0, 1, 2, 3]
    assert after[:2] == before
    assert after[2]["val_loss"] != 99, "an epoch done again replaces its row"
    assert (tmp_path / "metrics.png").stat().st_size > 5000


def test_dice_is_named_by_its_class() -> None:
    metrics = {"val/dice_0": 0.5, "val/dice_35": 0.25, "val/loss": 1.0}
    assert named_by_class(metrics, 1) == {"val_dice_1": 0.5, "val_dice_36": 0.25, "val_loss": 1.0}
    assert named_by_class(metrics, 0)["val_dice_0"] == 0.5


def test_columns_that_come_later_are_kept(tmp_path: Path) -> None:
    rows = [{"epoch": 0.0, "train_loss": 1.0}, {"epoch": 1.0, "train_loss": 0.5, "val_loss": 0.7}]
    write_metrics(tmp_path / "metrics.csv", rows)
    assert read_metrics(tmp_path / "metrics.csv") == rows
    draw(tmp_path / "metrics.png", rows)


def test_fine_tuning_starts_from_what_fits(caplog: pytest.LogCaptureFixture) -> None:
    source = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 3, 1))
    weights = {f"model.{name}": value for name, value in source.state_dict().items()}
    target = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 37, 1))
    transfer(target, weights, "small.ckpt")
    torch.testing.assert_close(target[0].weight, source[0].weight)
    assert "2 of 4 tensors start from small.ckpt" in caplog.text
    assert "start afresh: 1" in caplog.text
    with pytest.raises(SystemExit, match="not one layer fits"):
        transfer(nn.Linear(2, 2), weights, "small.ckpt")


def test_weights_of_another_task_are_not_predicted_with() -> None:
    """Yucca leaves them out and goes on with random ones."""
    trained, other = module(deep=True), module(deep=False)
    trained.setup("fit")
    other.num_classes = 37
    other.setup("predict")
    with pytest.raises(SystemExit, match=r"TwoScales for 37 classes: model.fine.weight \(3, .*yucca_finetune"):
        other.load_state_dict(trained.state_dict())
    fitting = module(deep=False)
    fitting.setup("predict")
    fitting.load_state_dict({**trained.state_dict(), "model.coarse_heads.0.weight": torch.zeros(1)})
    torch.testing.assert_close(fitting.model.fine.weight, trained.model.fine.weight)


@pytest.mark.parametrize("shape", [(2, 9, 8), (1, 5, 6, 7)])
def test_dice_metrics_are_torchmetrics_without_one_hot_arrays(shape: tuple[int, ...]) -> None:
    from yucca.modules.metrics.training_metrics import GeneralizedDiceScore

    from yucca_wm.training.run_log import epoch_dice

    torch.manual_seed(0)
    settings = {"multilabel": False, "num_classes": 4, "include_background": False, "weight_type": "linear"}
    voxels: list[Tensor] = []
    metrics = {
        "each": GeneralizedDiceScore(per_class=True, **settings),
        "mean": GeneralizedDiceScore(average=True, **settings),
        "aggregated": GeneralizedDiceScore(per_class=False, **settings),
    }
    for _ in range(3):
        logits = torch.randn(shape[0], 4, *shape[1:])
        label = torch.randint(0, 3, (shape[0], 1, *shape[1:]))  # class 3 is never there
        logits[:, 3] -= 100
        hot = [nn.functional.one_hot(v, 4).movedim(-1, 1) for v in (logits.argmax(1), label[:, 0])]
        for name, metric in metrics.items():
            metric.method.reset()
            expected = metric.method(*hot)
            torch.testing.assert_close(metric(logits, label), expected.mean() if name == "mean" else expected)
        voxels.append(torch.stack([logits.argmax(1).flatten(), label.flatten()]))
    total = torch.cat(voxels, 1)
    dice = epoch_dice(metrics["each"])
    for value in range(3):
        predicted, true = total == value
        assert dice[value] == pytest.approx(float(2 * (predicted & true).sum() / (predicted.sum() + true.sum())))
    assert dice[3] != dice[3], "a class that is nowhere has no Dice"
    assert epoch_dice(metrics["each"]) == []


@pytest.mark.filterwarnings("ignore")
def test_a_diverged_run_stops_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = DiceCESkeletonRecall.forward
    monkeypatch.setattr(DiceCESkeletonRecall, "forward", lambda *given: plain(*given) * float("nan"))
    with pytest.raises(SystemExit, match="no longer a number: train again with a lower --lr"):
        fit(tmp_path, 2, False)
    assert len(read_metrics(tmp_path / "metrics.csv")) == 1, "the epoch is on record"
