"""Prediction keeps one copy of the logits instead of six.

Concerns ``BaseLightningModule.predict_step`` (yucca/modules/lightning_modules/BaseLightningModule.py).
Symptom: the way from the network's grid back to the image's holds several float32 copies of every class (2.5 GiB for
37 classes on a 240x240x48 image), and test-time mirroring averages left classes with right ones.
Cure: `yucca_wm.training.prediction`, for 3D NIfTI images with one label per voxel; all else goes Yucca's way.
"""

from __future__ import annotations

from functools import wraps
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``BaseLightningModule.predict_step`` to keep one copy of the logits, where that is possible."""
    lightning_module = module.BaseLightningModule
    plain = lightning_module.predict_step

    @wraps(plain)
    def predict_step(self: Any, batch: dict[str, Any], batch_idx: int, dataloader_idx: int = 0) -> dict[str, Any]:
        from yucca_wm.training import prediction

        if prediction.can_predict(self, batch):
            return prediction.predict_step(self, batch)
        return plain(self, batch, batch_idx, dataloader_idx)

    lightning_module.predict_step = predict_step
    return True
