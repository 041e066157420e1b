"""Training on painted samples: AdamW, a cosine schedule with warm-up, and a moving average of the weights."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from yucca.functional.utils.kwargs import filter_kwargs
from yucca.modules.lightning_modules.YuccaLightningModule import YuccaLightningModule

from yucca_wm.training.synthesis.learning.losses import COORDINATE_WEIGHT, coordinate_error
from yucca_wm.training.tubed_training import TUBE_KEY, with_tube

WEIGHT_DECAY = 1e-3
LOWEST_RATE = 0.01
"""Fraction of the learning rate that is left at the end."""


@dataclass(frozen=True)
class Schedule:
    """warm_up_steps : steps until the full learning rate. average_decay : decay of the moving average after warm-up."""

    warm_up_steps: int
    average_decay: float

    def rate(self, step: int, n_steps: int) -> float:
        """Fraction of the learning rate at ``step`` (from 0) of ``n_steps``."""
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / n_steps)))
        return min(1.0, (step + 1) / self.warm_up_steps) * (cosine * (1 - LOWEST_RATE) + LOWEST_RATE)

    def decay(self, step: int) -> float:
        """Weight that the moving average gives to its old value at ``step`` (from 0)."""
        return min(self.average_decay, (step + 1) / (step + 10))


SCHEDULES = {"2D": Schedule(200, 0.998), "3D": Schedule(100, 0.995)}


class SynthesisLightningModule(YuccaLightningModule):
    """``model`` is the moving average: it is validated, predicted with and exported. ``learner`` is the trained
    network.

    Both are in a checkpoint (``model.*``, ``learner.*``), so that a run can be resumed.
    """

    model: Any
    learner: nn.Module

    def setup(self, stage: str) -> None:
        super().setup(stage)
        self.model = self.model.to(memory_format=self._layout)
        if stage == "fit":
            self.model.gives_coordinates = True
            self.learner = copy.deepcopy(self.model)
            self.model.requires_grad_(False)

    @property
    def _layout(self) -> torch.memory_format:
        """Channels last: several times as fast on CPUs in bfloat16."""
        return torch.channels_last if self.model_dimensions == "2D" else torch.channels_last_3d

    def forward(self, inputs: Tensor) -> Any:
        return self.model(inputs.contiguous(memory_format=self._layout))

    def on_train_start(self) -> None:
        if self.global_step == 0:  # weights from fine-tuning are in the model only
            self.learner.load_state_dict(self.model.state_dict())

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:  # noqa: ARG002
        output = self.learner(batch["image"].contiguous(memory_format=self._layout))
        logits, places = output if isinstance(output, list) else (output, None)
        label = _with_its_tube(batch)["label"]
        loss: Tensor = self.loss_fn_train(logits, label)
        if places is not None:
            loss = loss + COORDINATE_WEIGHT * coordinate_error(places, batch["coordinates"], label)
        metrics = self.compute_metrics(self.train_metrics, logits, label, ignore_index=None)
        self.log_dict({"train/loss": loss, **metrics}, on_step=self.step_logging, on_epoch=self.epoch_logging)
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        super().validation_step(_with_its_tube(batch), batch_idx)

    @torch.no_grad()
    def on_train_batch_end(self, *_: Any) -> None:
        kept = SCHEDULES[self.model_dimensions].decay(max(0, self.global_step - 1))
        learned = self.learner.state_dict()
        for name, average in self.model.state_dict().items():
            if average.dtype.is_floating_point:
                average.lerp_(learned[name], 1 - kept)
            else:
                average.copy_(learned[name])

    def configure_optimizers(self) -> Any:
        loss_kwargs = filter_kwargs(self.loss_fn, self.loss_kwargs)
        self.loss_fn_train = self.loss_fn(**loss_kwargs)
        self.loss_fn_val = self.loss_fn(**loss_kwargs)
        optimizer = torch.optim.AdamW(self.learner.parameters(), self.optim_kwargs["lr"], weight_decay=WEIGHT_DECAY)
        schedule, n_steps = SCHEDULES[self.model_dimensions], self._n_steps()
        rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule.rate(step, n_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

    def _n_steps(self) -> int:
        batches = self.trainer.limit_train_batches
        if not isinstance(batches, int):
            batches = len(self.trainer.datamodule.train_dataloader())
        return max(1, int(self.trainer.max_epochs) * batches)


def _with_its_tube(batch: dict[str, Any]) -> dict[str, Any]:
    """The batch; the label of volumes carries its tube, planes have none."""
    return with_tube(batch) if TUBE_KEY in batch else batch
