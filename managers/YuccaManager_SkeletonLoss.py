"""``-man YuccaManager_SkeletonLoss``: CE + Dice + skeleton recall, the training of the paper."""

from typing import Any

from yucca.pipeline.managers.YuccaManager import YuccaManager

from yucca_wm.training.tubed_training import TubeDataset, TubeLightningModule, paper_augmentation


class YuccaManager_SkeletonLoss(YuccaManager):
    """Trains with the tubed skeleton of the whole foreground; ``--loss`` chooses another loss.

    Parameters
    ----------
    loss : str, optional
        Name of a loss. Default: CE + Dice + skeleton recall (`yucca_wm.training.losses.DiceCESkeletonRecall`).
    *args, **kwargs
        Those of Yucca's ``YuccaManager``.

    References
    ----------
    Kirchhoff et al., "Skeleton Recall Loss", ECCV 2024 (arXiv 2404.03010).
    """

    default_loss = "DiceCESkeletonRecall"

    def __init__(self, *args: Any, loss: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, loss=loss or self.default_loss, **kwargs)
        self.lightning_module = TubeLightningModule
        self.train_dataset_class = TubeDataset
        self.augmentation_params = paper_augmentation()
