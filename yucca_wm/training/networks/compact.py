"""Small U-Nets that run on a laptop in seconds: the networks of the shipped models."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from yucca_wm.training.networks.any_size import AnySize

NAMES = ("CompactUNet", "CoordinateUNet")


class _InstanceNorm(nn.GroupNorm):
    """Instance norm, as group norm with one channel per group: torch's own does not keep the channels-last layout, so
    that a network takes up to 1.6 times as long. Means are less exact by some 1e-5 of their size, far less than
    bfloat16 rounds."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)


def _block(conv_op: type[nn.Module], inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions of size 3, each followed by instance norm and leaky ReLU."""
    layers: list[nn.Module] = []
    for n in (inputs, outputs):
        layers += [
            conv_op(n, outputs, 3, padding=1, bias=False),
            _InstanceNorm(outputs),
            nn.LeakyReLU(0.01, True),
        ]
    return nn.Sequential(*layers)


class _Trunk(nn.Module):
    """A U-Net without its last layer; it halves four times, so sizes are multiples of 16."""

    def __init__(self, input_channels: int, conv_op: type[nn.Module], widths: Sequence[int]) -> None:
        super().__init__()
        planar = conv_op is nn.Conv2d
        up: type[nn.Module] = nn.ConvTranspose2d if planar else nn.ConvTranspose3d
        self.pool = (nn.MaxPool2d if planar else nn.MaxPool3d)(2)
        pairs = list(zip([input_channels, *widths[:-1]], widths, strict=True))
        self.down = nn.ModuleList(_block(conv_op, a, b) for a, b in pairs)
        self.raise_ = nn.ModuleList(up(b, a, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.up = nn.ModuleList(_block(conv_op, 2 * a, a) for a in widths[:-1])

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
    """A U-Net with 1.6 million parameters in 2D, and instance norm because contrasts differ from scan to scan.

    Parameters
    ----------
    input_channels : int
        Number of scans in a sample.
    num_classes : int
        Number of classes, including background.
    conv_op : type of nn.Module
        ``nn.Conv2d`` or ``nn.Conv3d``; shapes are those of `AnySize.forward`, without deep supervision.
    """


class _CoordinateUNet(nn.Module):
    WIDTHS: tuple[int, ...] = (16, 32, 64, 96, 128)
    HIDDEN = 128
    COORDINATES = 3
    gives_coordinates = False
    SMOOTH, FINER = 2, 1
    """Coordinates come from the decoder level that has been halved SMOOTH times, as they vary smoothly; their remainder
    from level FINER."""
    WAVELENGTHS = (8.0, 4.0, 2.0, 1.0, 0.5, 0.25)
    """Wavelengths, in units of coordinates, of the sines and cosines from which classes are derived: from the raw
    numbers a small network does not learn sharp borders (Tancik et al., NeurIPS 2020)."""

    def __init__(self, input_channels: int, num_classes: int = 1, conv_op: type[nn.Module] = nn.Conv3d) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.trunk = _Trunk(input_channels, conv_op, self.WIDTHS)
        self.coordinates = conv_op(self.WIDTHS[self.SMOOTH], self.COORDINATES, 1)
        self.finer = conv_op(self.WIDTHS[self.FINER], self.COORDINATES, 1)
        waves = self.COORDINATES * (1 + 2 * len(self.WAVELENGTHS))
        self.outside = conv_op(self.WIDTHS[0], 1, 1)
        self.classes = nn.Sequential(
            conv_op(waves, self.HIDDEN, 1),
            nn.LeakyReLU(0.01, True),
            conv_op(self.HIDDEN, self.HIDDEN, 1),
            nn.LeakyReLU(0.01, True),
            conv_op(self.HIDDEN, num_classes, 1),
        )

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        outside, coordinates = self.locate(x)
        logits = self.region_logits(outside, coordinates)
        return [logits, coordinates] if torch.is_grad_enabled() and self.gives_coordinates else logits

    def locate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How little each voxel looks like brain [B, 1, ...], and its position in the atlas [B, 3, ...]."""
        features = self.trunk(x)
        with torch.autocast(x.device.type, enabled=False):  # 16 bits would round coordinates to .4 mm
            coarse = self.coordinates(features[self.SMOOTH].float())
            finer = self.finer(features[self.FINER].float())
            coordinates = F.interpolate(coarse, size=finer.shape[2:], mode="trilinear") + finer
            coordinates = F.interpolate(coordinates, size=x.shape[2:], mode="trilinear")
        return self.outside(features[0]), coordinates

    def region_logits(self, outside: Tensor, coordinates: Tensor) -> Tensor:
        """Logits [B, class, ...] from the output of `locate`: within the brain, the class is that of the position."""
        with torch.autocast(coordinates.device.type, enabled=False):
            angles = [coordinates * (2 * math.pi / length) for length in self.WAVELENGTHS]
            waves = torch.cat([coordinates, *(wave(angle) for angle in angles for wave in (torch.sin, torch.cos))], 1)
        logits = self.classes(waves)
        return torch.cat([logits[:, :1] + outside, logits[:, 1:]], 1)


class CoordinateUNet(AnySize, _CoordinateUNet):
    """Classes derived from the position of each voxel in the atlas (3D, 2.8 million parameters).

    With ``gives_coordinates`` set (by `YuccaManager_Synthesis`) it returns ``[logits, coordinates]`` in training:
    coordinates [B, 3, ...] in units of `COORDINATE_UNIT_MM` around the atlas's centre, which are easy to learn and from
    which the classes follow. Otherwise, and in prediction, the logits alone.

    Parameters
    ----------
    input_channels : int
        Number of scans in a sample.
    num_classes : int
        Number of classes, including background.
    conv_op : type of nn.Module
        ``nn.Conv3d``.
    """
