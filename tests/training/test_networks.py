"""Every network takes every patch size, 2D and 3D, with and without deep supervision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from yucca_wm.core.hardware import bf16_is_fast
from yucca_wm.training.networks.any_size import SCALES, AnySize, padded_size
from yucca_wm.training.networks.compact import CoordinateUNet, _InstanceNorm
from yucca_wm.training.networks.mednext import MedNeXt_S_k3
from yucca_wm.training.networks.multiresunet import MultiResUNet
from yucca_wm.training.networks.unet import UNet, UNetR
from yucca_wm.training.registry import ALIASES, MEMORY_GB, NETWORKS

SIZES = [(16, 33), (32, 21, 40)]


def build(network: Any, size: tuple[int, ...], n_classes: int = 3, **kwargs: Any) -> nn.Module:
    from yucca.functional.utils.kwargs import filter_kwargs

    flat = len(size) == 2
    offered = {
        "conv_op": nn.Conv2d if flat else nn.Conv3d,
        "norm_op": nn.BatchNorm2d if flat else nn.InstanceNorm3d,
        "patch_size": size,
        **kwargs,
    }
    model: nn.Module = network(input_channels=1, num_classes=n_classes, **filter_kwargs(network, offered))
    return model


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("network", [UNet, MultiResUNet, UNetR, MedNeXt_S_k3])
def test_logits_have_the_size_of_the_patch_at_every_scale(network: Any, size: tuple[int, ...]) -> None:
    from yucca.functional.transforms.sampling import downsample_label

    model = build(network, size, deep_supervision=True, starting_filters=4)
    x = torch.randn(2, 1, *size)
    logits = model(x)
    labels = downsample_label(np.zeros((2, 1, *size)), SCALES)
    assert [tuple(z.shape[2:]) for z in logits] == [label.shape[2:] for label in labels]
    sum(z.sum() for z in logits).backward()
    without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not without, "several GPUs would wait for these"
    with torch.no_grad():
        assert model.eval()(x).shape == (2, 3, *size)


class _Means(nn.Module):
    """Stands for a network: its 'logits' at each scale are the input averaged over the voxels of that scale."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [nn.functional.avg_pool2d(x, int(1 / scale)) for scale in SCALES[:3]]


class _AnyMeans(AnySize, _Means):
    pass


def test_coarse_logits_lie_where_the_coarse_label_lies() -> None:
    """A ramp: the logit of a coarse voxel is the ramp's value at that voxel's centre in the unpadded patch."""
    size = (40, 52)
    ramp = torch.arange(40.0)[:, None] + 100 * torch.arange(52.0)[None]
    coarse = _AnyMeans()(ramp[None, None])
    assert padded_size(size) == (48, 64)
    for z, scale in zip(coarse, SCALES, strict=False):
        rows, columns = z.shape[2:]
        assert (rows, columns) == (int(40 * scale), int(52 * scale))
        x = (torch.arange(rows) + 0.5) * 40 / rows - 0.5
        y = (torch.arange(columns) + 0.5) * 52 / columns - 0.5
        inside = (slice(1, -1), slice(1, -1))
        torch.testing.assert_close(z[0, 0][inside], (x[:, None] + 100 * y[None])[inside], rtol=1e-4, atol=1e-2)


def find(name: str) -> Any:
    """As ``yucca_train`` does."""
    from pathlib import Path

    import yucca
    from yucca.functional.utils.files_and_folders import recursive_find_python_class

    folder = str(Path(yucca.__path__[0]) / "modules" / "networks")
    return recursive_find_python_class([folder], name, "yucca.modules.networks")


def shapes_only(name: str) -> nn.Module:
    with torch.device("meta"):
        return build(find(name), NETWORKS[name].patch, n_classes=37)


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_are_what_the_registry_says(name: str) -> None:
    """And so within 2 % of the published table, for MedNeXt."""
    parameters_m = sum(p.numel() for p in shapes_only(name).parameters()) / 1e6
    assert parameters_m == pytest.approx(NETWORKS[name].parameters_m, rel=0.02)


@pytest.mark.parametrize("name", NETWORKS)
def test_batches_are_what_the_registry_says(name: str) -> None:
    from yucca_wm.bridge.fixes.memory_estimate import estimate_memory_gb

    network, model, reserve_gb = NETWORKS[name], shapes_only(name), 2.5
    one, two = (estimate_memory_gb(model, torch.empty(n, 1, *network.patch, device="meta")) for n in (1, 2))
    fitting = [int((memory - reserve_gb - one) / (two - one) + 1) for memory in MEMORY_GB]
    assert list(network.batch) == [max(0, min(64, n)) for n in fitting]


def test_yuccas_names_mean_the_same_networks() -> None:
    for alias, name in ALIASES.items():
        assert find(alias) is find(name)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match=r"MedNeXt_S_k3.*UNet"):
        find("UNet_that_is_not")


@pytest.mark.skipif(not bf16_is_fast(), reason="where bfloat16 is slow, training computes in 32 bit")
def test_gradients_in_bfloat16_on_a_cpu_are_of_the_right_size() -> None:
    torch.manual_seed(0)
    network = MultiResUNet(input_channels=1, num_classes=3, conv_op=nn.Conv3d, norm_op=nn.InstanceNorm3d)
    scan, label = torch.randn(1, 1, 32, 16, 16), torch.randint(0, 3, (1, 32, 16, 16))
    gradients = []
    for enabled in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            logits = network(scan)
        nn.functional.cross_entropy(logits.float(), label).backward()
        weight = network.multiresblock5.conv_7x7.conv.weight
        assert weight.grad is not None
        gradients.append(weight.grad.clone())
    single, half = gradients
    assert torch.isfinite(half).all()
    assert 1 / 3 < float(half.norm() / single.norm()) < 3


@pytest.mark.parametrize("size", [(24, 16), (8, 12, 10)])
def test_instance_norm_is_torchs_and_keeps_the_layout(size: tuple[int, ...]) -> None:
    """Of each channel of each sample: mean b and standard deviation |w|."""
    torch.manual_seed(0)
    layout = torch.channels_last if len(size) == 2 else torch.channels_last_3d
    x = (4 + 3 * torch.randn(2, 5, *size)).contiguous(memory_format=layout)
    norm, theirs = _InstanceNorm(5), (nn.InstanceNorm2d if len(size) == 2 else nn.InstanceNorm3d)(5, affine=True)
    nn.init.uniform_(norm.weight, 0.5, 2)
    nn.init.uniform_(norm.bias, -1, 1)
    theirs.load_state_dict(norm.state_dict())
    found = norm(x)
    torch.testing.assert_close(found, theirs(x), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.flatten(2).mean(2), norm.bias.expand(2, 5), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.flatten(2).std(2, correction=0), norm.weight.expand(2, 5), atol=1e-4, rtol=1e-4)
    assert found.is_contiguous(memory_format=layout)
    assert norm(torch.full_like(x, 7.3)).isfinite().all()


def test_a_region_is_told_by_its_place_alone() -> None:
    """What looks like brain and what does not differ in the background's logit, by just that much."""
    torch.manual_seed(0)
    network = CoordinateUNet(1, 5).eval()
    scan = torch.randn(1, 1, 32, 48, 32)
    with torch.inference_mode():
        outside, coordinates = network.locate(scan)
        logits = network.region_logits(outside, coordinates)
        other = network.region_logits(outside + 2, coordinates)
        torch.testing.assert_close(network(scan), logits)
        torch.testing.assert_close(
            other - logits, torch.tensor([2.0, 0, 0, 0, 0])[:, None, None, None].expand_as(logits)
        )
        here, there = (network.region_logits(outside, coordinates + shift)[:, 1:] for shift in (0, 0.3))
    assert (here - there).abs().max() > 1e-3
    assert coordinates.shape == (1, 3, 32, 48, 32)
