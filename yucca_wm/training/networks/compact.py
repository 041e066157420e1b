"""Small U-Nets that a laptop runs in seconds: the networks of the shipped models."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from yucca_wm.training.networks.any_size import AnySize

NAMES = ("CompactUNet", "CoordinateUNet")


def _block(conv_op: type[nn.Module], norm_op: type[nn.Module], inputs: int, outputs: int) -> nn.Sequential:
    """Twice a convolution of 3, instance norm and leaky ReLU."""
    layers: list[nn.Module] = []
    for n in (inputs, outputs):
        layers += [
            conv_op(n, outputs, 3, padding=1, bias=False),
            norm_op(outputs, affine=True),
            nn.LeakyReLU(0.01, True),
        ]
    return nn.Sequential(*layers)


class _Trunk(nn.Module):
    """A U-Net without its last layer; halves four times, so sizes are multiples of 16."""

    def __init__(self, input_channels: int, conv_op: type[nn.Module], widths: Sequence[int]) -> None:
        super().__init__()
        planar = conv_op is nn.Conv2d
        norm: type[nn.Module] = nn.InstanceNorm2d if planar else nn.InstanceNorm3d
        up: type[nn.Module] = nn.ConvTranspose2d if planar else nn.ConvTranspose3d
        self.pool = (nn.MaxPool2d if planar else nn.MaxPool3d)(2)
        pairs = list(zip([input_channels, *widths[:-1]], widths, strict=True))
        self.down = nn.ModuleList(_block(conv_op, norm, a, b) for a, b in pairs)
        self.raise_ = nn.ModuleList(up(b, a, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.up = nn.ModuleList(_block(conv_op, norm, 2 * a, a) for a in widths[:-1])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of the decoder, finest (``widths[0]`` channels) first."""
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(self.pool(x) if level else x)
            skips.append(x)
        features = [skips.pop()]
        for level in reversed(range(len(skips))):
            features.insert(0, self.up[level](torch.cat([self.raise_[level](features[0]), skips[level]], 1)))
        return features


class _CompactUNet(nn.Module):
    WIDTHS: tuple[int, ...] = (16, 32, 64, 128, 192)

    def __init__(self, input_channels: int, num_classes: int = 1, conv_op: type[nn.Module] = nn.Conv2d) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.trunk = _Trunk(input_channels, conv_op, self.WIDTHS)
        self.classes = conv_op(self.WIDTHS[0], num_classes, 1)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        logits: Tensor = self.classes(self.trunk(x)[0])
        return logits


class CompactUNet(AnySize, _CompactUNet):
    """A U-Net of 1.5 million parameters in 2D, with instance norm: contrasts differ from scan to scan.

    Parameters
    ----------
    input_channels : int
        Scans in a sample.
    num_classes : int
        Classes, background among them.
    conv_op : type of nn.Module
        ``nn.Conv2d`` or ``nn.Conv3d``; shapes are those of `AnySize.forward`, without deep supervision.
    """


class _CoordinateUNet(nn.Module):
    WIDTHS: tuple[int, ...] = (16, 32, 64, 96, 128)
    HIDDEN = 64
    COORDINATES = 3
    gives_coordinates = False
    SMOOTH = 2
    """Coordinates come from the level of the decoder that has been halved so often: they vary smoothly."""

    def __init__(self, input_channels: int, num_classes: int = 1, conv_op: type[nn.Module] = nn.Conv3d) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.trunk = _Trunk(input_channels, conv_op, self.WIDTHS)
        self.coordinates = conv_op(self.WIDTHS[self.SMOOTH], self.COORDINATES, 1)
        self.classes = nn.Sequential(
            conv_op(self.WIDTHS[0] + self.COORDINATES, self.HIDDEN, 1),
            nn.LeakyReLU(0.01, True),
            conv_op(self.HIDDEN, self.HIDDEN, 1),
            nn.LeakyReLU(0.01, True),
            conv_op(self.HIDDEN, num_classes, 1),
        )

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        features = self.trunk(x)
        places = F.interpolate(self.coordinates(features[self.SMOOTH]), size=x.shape[2:], mode="trilinear")
        logits = self.classes(torch.cat([features[0], places], 1))
        return [logits, places] if torch.is_grad_enabled() and self.gives_coordinates else logits


class CoordinateUNet(AnySize, _CoordinateUNet):
    """Classes, by way of where each voxel lies in the atlas (3D, 2.8 million parameters).

    With ``gives_coordinates`` set (`YuccaManager_Synthesis` does it) it gives ``[logits, coordinates]`` while it
    trains: coordinates [B, 3, ...] in units of `COORDINATE_UNIT_MM` around the atlas's centre, an easy thing to learn
    that the classes then follow from. Otherwise, and in prediction, the logits alone.

    Parameters
    ----------
    input_channels : int
        Scans in a sample.
    num_classes : int
        Classes, background among them.
    conv_op : type of nn.Module
        ``nn.Conv3d``.
    """
