"""Yucca's training dataset, with the tubed skeleton of every patch computed after augmentation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from yucca.modules.data.datasets.YuccaDataset import YuccaTrainDataset

from yucca_wm.training.skeleton import TubeMode, tubed_skeleton

TUBE_KEY = "tube"


class TubeDataset(YuccaTrainDataset):
    """Adds ``tube`` to each sample: like ``label`` [1, ...], or a list of one for each deep-supervision scale.

    The tube is made here, in the worker process, from the label the network will be trained on: after cropping,
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
    """The same with a skeleton for every region on its own."""

    tube_mode: TubeMode = "per_region"
