"""Yucca's lightning module, with the tube handed to the loss. Training and validation steps are Yucca's own."""

from __future__ import annotations

from typing import Any

from yucca.modules.lightning_modules.YuccaLightningModule import YuccaLightningModule

from yucca_wm.training.dataset import TUBE_KEY
from yucca_wm.training.tubed_label import tubed


class TubeLightningModule(YuccaLightningModule):
    """Makes the label of a batch carry its tube; losses that need it find it there, all else sees the label."""

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Any:
        return super().training_step(_with_tube(batch), batch_idx)

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> Any:
        return super().validation_step(_with_tube(batch), batch_idx)


def _with_tube(batch: dict[str, Any]) -> dict[str, Any]:
    label, tube = batch["label"], batch[TUBE_KEY]
    if isinstance(label, list):
        return {**batch, "label": [tubed(*scale) for scale in zip(label, tube, strict=True)]}
    return {**batch, "label": tubed(label, tube)}
