"""``-man YuccaManager_RegionSkeletonLoss``: as YuccaManager_SkeletonLoss, with a skeleton for every region."""

from typing import Any

from yucca.pipeline.managers.YuccaManager_SkeletonLoss import YuccaManager_SkeletonLoss

from yucca_wm.training.tubed_training import RegionTubeDataset


class YuccaManager_RegionSkeletonLoss(YuccaManager_SkeletonLoss):
    """Regions that touch each other keep a centre line of their own (see training/skeleton.py, ``per_region``).

    Parameters are those of ``YuccaManager_SkeletonLoss``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.train_dataset_class = RegionTubeDataset
