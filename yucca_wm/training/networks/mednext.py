"""MedNeXt (Roy et al., MICCAI 2023), Yucca's blocks, in the published sizes S, B, M, L with kernels 3 and 5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from yucca.modules.networks.networks.MedNeXt import MedNeXt as YuccaMedNeXt

from yucca_wm.training.networks.any_size import AnySize
from yucca_wm.training.registry import NETWORKS

N_FEATURES = 32
LEVELS = range(4)


class _Stages(YuccaMedNeXt):
    def __init__(
        self,
        input_channels: int,
        num_classes: int = 1,
        conv_op: type[nn.Module] = nn.Conv3d,
        deep_supervision: bool = False,
        checkpoint_style: str | None = "outside_block",
        starting_filters: int = N_FEATURES,
        *,
        exp_r: int | Sequence[int],
        kernel_size: int,
        block_counts: Sequence[int],
    ) -> None:
        super().__init__(
            input_channels,
            num_classes,
            conv_op,
            starting_filters,
            exp_r=exp_r,
            kernel_size=kernel_size,
            deep_supervision=deep_supervision,
            checkpoint_style=checkpoint_style,
            block_counts=block_counts,
        )
        del self.dummy_tensor  # a workaround for older checkpointing; it would count as a parameter

    def _run(self, stage: nn.Module, x: Tensor) -> Any:
        """Run a stage and recompute its activations in the backward pass instead of keeping them."""
        if not (self.outside_block_checkpointing and torch.is_grad_enabled()):
            return stage(x)
        for block in stage if isinstance(stage, nn.Sequential) else [stage]:
            x = checkpoint(block, x, use_reentrant=False)
        return x

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        x = self.stem(x)
        skips = []
        for level in LEVELS:
            skips.append(self._run(getattr(self, f"enc_block_{level}"), x))
            x = self._run(getattr(self, f"down_{level}"), skips[-1])
        x = self._run(self.bottleneck, x)
        features = [x]
        for level in reversed(LEVELS):
            x = skips[level] + self._run(getattr(self, f"up_{level}"), x)
            x = self._run(getattr(self, f"dec_block_{level}"), x)
            features.insert(0, x)
        n_scales = len(features) if self.deep_supervision and torch.is_grad_enabled() else 1
        logits: list[Tensor] = [getattr(self, f"out_{i}")(f) for i, f in enumerate(features[:n_scales])]
        return logits if self.deep_supervision else logits[0]


DESCRIPTION = """MedNeXt-{size}, kernel {kernel}: {parameters_m} million parameters in 3D.

Parameters
----------
input_channels : int
    Scans in a sample.
num_classes : int
    Classes, background among them.
conv_op : type of nn.Module
    ``nn.Conv2d`` or ``nn.Conv3d``.
deep_supervision : bool
    Give logits at five scales while training (shapes: `AnySize.forward`).
checkpoint_style : {{"outside_block"}}, optional
    Compute activations again in the backward pass instead of keeping them.
starting_filters : int
    Features of the finest level.

References
----------
Roy et al., "MedNeXt", MICCAI 2023 (arXiv 2303.09975).
"""


def _size(name: str, expansion: int | Sequence[int], blocks: Sequence[int]) -> type:
    size = NETWORKS[name]

    class Sized(AnySize, _Stages):
        def __init__(
            self,
            input_channels: int,
            num_classes: int = 1,
            conv_op: type[nn.Module] = nn.Conv3d,
            deep_supervision: bool = False,
            checkpoint_style: str | None = "outside_block",
            starting_filters: int = N_FEATURES,
        ) -> None:
            super().__init__(
                input_channels,
                num_classes,
                conv_op,
                deep_supervision,
                checkpoint_style,
                starting_filters,
                exp_r=expansion,
                kernel_size=size.kernel,
                block_counts=blocks,
            )

    Sized.__name__ = Sized.__qualname__ = name
    Sized.__doc__ = DESCRIPTION.format(size=name[8], kernel=size.kernel, parameters_m=size.parameters_m)
    return Sized


_EXPANSION_S, _EXPANSION_BM = 2, (2, 3, 4, 4, 4, 4, 4, 3, 2)
_EXPANSION_L = (3, 4, 8, 8, 8, 8, 8, 4, 3)
_BLOCKS_SB, _BLOCKS_M, _BLOCKS_L = (2,) * 9, (3, 4, 4, 4, 4, 4, 4, 4, 3), (3, 4, 8, 8, 8, 8, 8, 4, 3)

MedNeXt_S_k3 = _size("MedNeXt_S_k3", _EXPANSION_S, _BLOCKS_SB)
MedNeXt_S_k5 = _size("MedNeXt_S_k5", _EXPANSION_S, _BLOCKS_SB)
MedNeXt_B_k3 = _size("MedNeXt_B_k3", _EXPANSION_BM, _BLOCKS_SB)
MedNeXt_B_k5 = _size("MedNeXt_B_k5", _EXPANSION_BM, _BLOCKS_SB)
MedNeXt_M_k3 = _size("MedNeXt_M_k3", _EXPANSION_BM, _BLOCKS_M)
MedNeXt_M_k5 = _size("MedNeXt_M_k5", _EXPANSION_BM, _BLOCKS_M)
MedNeXt_L_k3 = _size("MedNeXt_L_k3", _EXPANSION_L, _BLOCKS_L)
MedNeXt_L_k5 = _size("MedNeXt_L_k5", _EXPANSION_L, _BLOCKS_L)

MedNeXt = MedNeXt_L_k5
"""Names used by Yucca."""
mednext_s3, mednext_m3 = MedNeXt_S_k3, MedNeXt_M_k3
