"""``-man YuccaManager_Synthesis``: trains on scans painted from label maps, by Task007_WM_Synthesis."""

from typing import Any

from yucca.modules.data.augmentation.augmentation_presets import no_aug
from yucca.pipeline.managers.YuccaManager import YuccaManager

from yucca_wm.training.synthesis.learning.dataset import SynthesisDataModule
from yucca_wm.training.synthesis.learning.lightning_module import SynthesisLightningModule
from yucca_wm.training.synthesis.learning.settings import GRADIENT_CLIP, settings_of


class YuccaManager_Synthesis(YuccaManager):
    """Tissue and lesions in planes (``-d 2D``), regions and atlas coordinates in volumes (``-d 3D``).

    Parameters
    ----------
    loss : str, optional
        Name of a loss. Default: that of the dimensions (`yucca_wm.training.synthesis.learning.losses`).
    model_dimensions : {"2D", "3D"}
        Planes of 1 mm, or whole heads of 3 mm.
    planner : str
        ``YuccaPlanner_Planes`` or ``YuccaPlanner_Volumes``, as the dimensions want it (the default will do).
    patch_size : sequence of int, optional
        Of planes, in pixels: multiples of 16. Volumes have one size.
    deep_supervision : bool
        Refused.
    *args, **kwargs
        Those of Yucca's ``YuccaManager``.

    Raises
    ------
    SystemExit
        A planner, a patch size or an option that does not go with the dimensions.
    """

    def __init__(
        self,
        *args: Any,
        loss: str | None = None,
        model_dimensions: str = "3D",
        planner: str = "YuccaPlanner",
        patch_size: Any = None,
        deep_supervision: bool = False,
        **kwargs: Any,
    ) -> None:
        settings = settings_of(model_dimensions, planner, patch_size, deep_supervision)
        super().__init__(
            *args,
            loss=loss or settings.loss,
            model_dimensions=model_dimensions,
            planner=settings.planner,
            patch_size=settings.patch_size,
            gradient_clip_val=GRADIENT_CLIP,
            **kwargs,
        )
        self.augmentation_params = dict(no_aug)
        self.data_module_class = SynthesisDataModule
        self.lightning_module = SynthesisLightningModule
