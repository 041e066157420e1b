"""UpKern fills every weight of the large-kernel network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from yucca_wm.core.errors import InputError
from yucca_wm.training.networks.mednext import MedNeXt_S_k3, MedNeXt_S_k5
from yucca_wm.upkern import main, upsampled


def checkpoint(path: Path, name: str, weights: dict[str, torch.Tensor]) -> Path:
    config = {"model_name": name, "augmentation_parameters": {"label_dtype": int}}
    torch.save({"state_dict": weights, "hyper_parameters": {"config": config}}, path)
    return path


@pytest.mark.parametrize("convolution", [nn.Conv2d, nn.Conv3d])
def test_the_large_network_takes_every_weight(tmp_path: Path, convolution: type[nn.Module]) -> None:
    small, large = (net(1, 4, convolution, starting_filters=4) for net in (MedNeXt_S_k3, MedNeXt_S_k5))
    weights = {f"model.{key}": value for key, value in small.state_dict().items()}
    source = checkpoint(tmp_path / "best.ckpt", "mednext_s3", weights)
    assert main([str(source), "--to", "MedNeXt_S_k5"]) == 0
    torch.serialization.add_safe_globals([int])
    started = torch.load(tmp_path / "best_MedNeXt_S_k5.ckpt", weights_only=True)
    assert started["hyper_parameters"]["config"]["model_name"] == "MedNeXt_S_k5"
    taken = {key.removeprefix("model."): value for key, value in started["state_dict"].items()}
    nn.Module.load_state_dict(large, taken, strict=True)  # no weight is missing, none has another shape
    pointwise = "enc_block_0.0.conv2.weight"
    torch.testing.assert_close(large.state_dict()[pointwise], small.state_dict()[pointwise])


def test_kernels_keep_their_centre_and_their_symmetry() -> None:
    kernel = torch.zeros(2, 1, 3, 3, 3)
    kernel[0, 0, 1, 1, 1] = 1
    kernel[1, 0, 0] = 1
    large = upsampled(kernel)
    assert large.shape == (2, 1, 5, 5, 5)
    assert large[0].argmax() == 62
    torch.testing.assert_close(large[0], large[0].flip(1, 2, 3))
    assert large[1, 0, 0].min() > large[1, 0, -1].max()


def test_wrong_checkpoints_are_refused(tmp_path: Path) -> None:
    other = checkpoint(tmp_path / "other.ckpt", "UNet", {})
    with pytest.raises(InputError, match=r"holds UNet; MedNeXt_S_k5 starts from MedNeXt_S_k3"):
        main([str(other), "--to", "MedNeXt_S_k5"])
    (tmp_path / "text.ckpt").write_text("not a checkpoint")
    with pytest.raises(InputError, match="not a checkpoint of Yucca"):
        main([str(tmp_path / "text.ckpt"), "--to", "MedNeXt_S_k5"])
    with pytest.raises(InputError, match="is not a file"):
        main([str(tmp_path / "absent.ckpt"), "--to", "MedNeXt_S_k5"])
