"""MultiResUNet (Ibtehaz & Rahman, Neural Networks 2020), Yucca's, on any patch size and with deep supervision."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from yucca.modules.networks.networks.MultiResUNet import MultiResUNet as YuccaMultiResUNet

from yucca_wm.training.networks.any_size import AnySize


def _in_single_precision(block: nn.Module, x: Tensor) -> Tensor:
    """Apply ``block`` in 32 bit on a CPU, also under bfloat16 autocast.

    At the few voxels of the coarsest level, the weight gradient of a bfloat16 3D convolution becomes infinite there
    (torch 2.15, oneDNN); elsewhere in the network it is correct.
    """
    if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return block(x)
    with torch.autocast("cpu", enabled=False):
        return block(x.float())


class _Decoder(YuccaMultiResUNet):
    def __init__(self, *args: Any, deep_supervision: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.deep_supervision = deep_supervision
        if deep_supervision:
            widths = (self.in_filters8, self.in_filters7, self.in_filters6, self.in_filters5)
            self.coarse_heads = nn.ModuleList(self.conv_op(width, self.num_classes, 1) for width in widths)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        skips = []
        for level in range(1, 5):
            x = getattr(self, f"multiresblock{level}")(x)
            skips.append(getattr(self, f"respath{level}")(x))
            x = getattr(self, f"pool{level}")(x)
        x = _in_single_precision(self.multiresblock5, x)
        coarse = [x]
        for level in range(6, 10):
            x = torch.cat([getattr(self, f"upsample{level}")(x), skips[9 - level]], dim=1)
            x = getattr(self, f"multiresblock{level}")(x)
            coarse.append(x)
        logits = self.conv_final(coarse.pop())
        if not (self.deep_supervision and torch.is_grad_enabled()):
            return logits
        return [logits, *(head(features) for head, features in zip(self.coarse_heads, reversed(coarse), strict=True))]


class MultiResUNet(AnySize, _Decoder):
    """Yucca's MultiResUNet on any patch size: 18.6 million parameters in 3D.

    Parameters are Yucca's (``input_channels``, ``num_classes``, ``conv_op``, ...), and ``deep_supervision``: logits at
    five scales in training (shapes: `AnySize.forward`).

    References
    ----------
    Ibtehaz and Rahman, "MultiResUNet", Neural Networks 121:74 (2020).
    """


def _signature() -> inspect.Signature:
    """Signature of the network; Yucca passes those arguments that it names."""
    yuccas = inspect.signature(YuccaMultiResUNet)
    ours = inspect.Parameter("deep_supervision", inspect.Parameter.KEYWORD_ONLY, default=False)
    return yuccas.replace(parameters=[*yuccas.parameters.values(), ours])


MultiResUNet.__signature__ = _signature()
