"""U-Net (Ronneberger et al., MICCAI 2015), as Yucca builds it: 64 features, halved four times."""

from __future__ import annotations

from yucca.modules.networks.networks.UNet import UNet as YuccaUNet

from yucca_wm.training.networks.any_size import AnySize


class UNet(AnySize, YuccaUNet):
    """Yucca's U-Net on any patch size."""
