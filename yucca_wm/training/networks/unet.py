"""U-Net (Ronneberger et al., MICCAI 2015) and UNETR (Hatamizadeh et al., WACV 2022), Yucca's, on any patch size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from yucca.modules.networks.networks.UNet import UNet as YuccaUNet
from yucca.modules.networks.networks.UNetR import UNetR as YuccaUNetR

from yucca_wm.training.networks.any_size import AnySize, padded_size


class UNet(AnySize, YuccaUNet):
    """Yucca's U-Net on any patch size: 64 features, halved four times, 90.3 million parameters in 3D.

    Parameters are Yucca's (``input_channels``, ``num_classes``, ``conv_op``, ``deep_supervision``, ...); shapes are
    those of `AnySize.forward`.

    References
    ----------
    Ronneberger et al., "U-Net", MICCAI 2015 (arXiv 1505.04597).
    """


class _Decoder(YuccaUNetR):
    def __init__(
        self,
        input_channels: int,
        patch_size: Sequence[int],
        num_classes: int = 1,
        starting_filters: int = 16,
        deep_supervision: bool = False,
    ) -> None:
        super().__init__(
            input_channels, padded_size(patch_size), num_classes=num_classes, starting_filters=starting_filters
        )
        for block in self.vit.blocks:
            # part of MONAI's block but not used here: with several GPUs its gradient would be waited for
            for name, parameter in block.named_parameters():
                parameter.requires_grad_("cross_attn" not in name)
        self.deep_supervision = deep_supervision
        if deep_supervision:
            convolution = nn.Conv2d if self.spatial_dims == 2 else nn.Conv3d
            widths = (self.filters * 2, self.filters * 4, self.filters * 8, self.hidden_size)
            self.coarse_heads = nn.ModuleList(convolution(width, num_classes, 1) for width in widths)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        tokens, hidden = self.vit(x)
        eighth, quarter, half, full = self.decoder5, self.decoder4, self.decoder3, self.decoder2
        coarse = [self._grid(tokens)]
        coarse.append(eighth(coarse[-1], self.encoder4(self._grid(hidden[9]))))
        coarse.append(quarter(coarse[-1], self.encoder3(self._grid(hidden[6]))))
        coarse.append(half(coarse[-1], self.encoder2(self._grid(hidden[3]))))
        logits = self.out(full(coarse[-1], self.encoder1(x)))
        if not (self.deep_supervision and torch.is_grad_enabled()):
            return logits
        return [logits, *(head(features) for head, features in zip(self.coarse_heads, reversed(coarse), strict=True))]

    def _grid(self, tokens: Tensor) -> Any:
        return self.proj_feat(tokens, self.hidden_size, self.feat_size)


class UNetR(AnySize, _Decoder):
    """Yucca's UNETR: a transformer as the encoder, 92.4 million parameters in 3D.

    Parameters
    ----------
    input_channels : int
        Number of scans in a sample.
    patch_size : sequence of int
        The only size that its transformer accepts, in voxels; padded to multiples of 16.
    num_classes : int
        Number of classes, including background.
    starting_filters : int
        Features at the finest level.
    deep_supervision : bool
        Return logits at five scales in training (shapes: `AnySize.forward`).

    References
    ----------
    Hatamizadeh et al., "UNETR", WACV 2022 (arXiv 2103.10504).
    """
