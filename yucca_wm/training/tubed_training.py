"""Replacements for parts of Yucca in the paper's managers: its augmentation, a dataset that computes the tubed skeleton
of every patch after augmentation, and a lightning module that passes the tube to the loss.

Training and validation steps are Yucca's own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from yucca.modules.data.augmentation.augmentation_presets import generic
from yucca.modules.data.datasets.YuccaDataset import YuccaTrainDataset
from yucca.modules.lightning_modules.YuccaLightningModule import YuccaLightningModule

from yucca_wm.training.losses import tubed
from yucca_wm.training.skeleton import TubeMode, tubed_skeleton

TUBE_KEY = "tube"


class TubeDataset(YuccaTrainDataset):
    """Yucca's training dataset, with a tube in every sample.

    A sample has ``tube``, integer [1, ...] like ``label``, or a list with one for each scale of deep supervision.

    The tube is made here, in the worker process, from the label on which the network will be trained: after cropping,
    rotation and deformation, for training and validation alike, and for each scale from the label of that scale.
    """

    tube_mode: TubeMode = "union"

    def _transform(self, data_dict: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
        sample: dict[str, Any] = super()._transform(data_dict, metadata)
        label = sample["label"]
        sample[TUBE_KEY] = [self._tube(scale) for scale in label] if isinstance(label, list) else self._tube(label)
        return sample

    def _tube(self, label: Tensor) -> Tensor:
        return torch.from_numpy(tubed_skeleton(label[0].numpy(), self.tube_mode))[None]


class RegionTubeDataset(TubeDataset):
    """The same dataset with a separate skeleton for every region."""

    tube_mode: TubeMode = "per_region"


class TubeLightningModule(YuccaLightningModule):
    """Yucca's lightning module; the label of a batch carries its tube.

    Losses that need the tube find it there (`yucca_wm.training.losses.tubed`); other code sees the label [B, 1, ...].
    """

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Any:
        return super().training_step(with_tube(batch), batch_idx)

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> Any:
        return super().validation_step(with_tube(batch), batch_idx)


def with_tube(batch: dict[str, Any]) -> dict[str, Any]:
    """The batch, with labels that carry their tubes to the loss."""
    label, tube = batch["label"], batch[TUBE_KEY]
    if isinstance(label, list):
        return {**batch, "label": [tubed(*scale) for scale in zip(label, tube, strict=True)]}
    return {**batch, "label": tubed(label, tube)}


def paper_augmentation() -> dict[str, Any]:
    """The augmentation of the paper.

    Returns
    -------
    dict of str to Any
        A new dictionary: Yucca's ``generic`` preset with bias field and motion ghosting on, and no mirroring.

    Notes
    -----
    Additive and multiplicative noise, rotation and elastic deformation are on in the preset. Mirroring stays off, in
    training and at test time: it would turn left regions into right ones. The patch is cut once by the dataset, so
    the preset's second random crop, which brings in padded borders, is off.
    """
    return {
        **generic,
        "biasfield_p_per_sample": 0.33,
        "motion_ghosting_p_per_sample": 0.2,
        "mirror_p_per_sample": 0.0,
        "random_crop": False,
    }
