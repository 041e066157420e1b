"""``-man YuccaManager_NoSkeletonLoss``: as YuccaManager_SkeletonLoss without the recall term, for ablation."""

from yucca.pipeline.managers.YuccaManager_SkeletonLoss import YuccaManager_SkeletonLoss


class YuccaManager_NoSkeletonLoss(YuccaManager_SkeletonLoss):
    """The same data, augmentation and step; the loss is CE + Dice (`yucca_wm.training.losses.DiceCE`).

    Parameters are those of ``YuccaManager_SkeletonLoss``.
    """

    default_loss = "DiceCE"
