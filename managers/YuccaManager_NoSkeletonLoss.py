"""``-man YuccaManager_NoSkeletonLoss``: as YuccaManager_SkeletonLoss without the recall term, for ablation."""

from yucca.pipeline.managers.YuccaManager_SkeletonLoss import YuccaManager_SkeletonLoss


class YuccaManager_NoSkeletonLoss(YuccaManager_SkeletonLoss):
    """The same data, augmentation and step; the loss is CE + Dice."""

    default_loss = "DiceCE"
