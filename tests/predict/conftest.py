"""Yucca version folders of tiny untrained networks, and scans to apply them to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from yucca_wm.core.regions import regions

AFFINE = np.array([[-1.0, 0, 0, 12], [0, -1.1, 0, 14], [0, 0, 1.5, -9], [0, 0, 0, 1]])


def make_version_folder(
    folder: Path, classes: int, dimensions: str, seed: int, *, channel: str = "MRI", **config: Any
) -> Path:
    """What yucca_train leaves behind: checkpoints/best.ckpt with the network, its plan and its configuration."""
    from yucca.modules.networks.networks.TinyUNet import TinyUNet

    planar = dimensions == "2D"
    names = regions().names if classes == 37 else {}
    labels = {str(label): names.get(label, f"label {label}") for label in range(classes)}
    torch.manual_seed(seed)
    network = TinyUNet(
        input_channels=1,
        num_classes=classes,
        conv_op=torch.nn.Conv2d if planar else torch.nn.Conv3d,
        norm_op=torch.nn.BatchNorm2d if planar else torch.nn.InstanceNorm3d,
    )
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith("out_conv"):
                parameter *= 8
    plans = {
        "target_coordinate_system": "RAS",
        "preprocessor": "YuccaPreprocessor",
        "crop_to_nonzero": True,
        "normalization_scheme": ["volume_wise_znorm"],
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "keep_aspect_ratio_when_using_target_size": True,
        "target_size": None,
        "target_spacing": [1.2, 1.2, 1.2],
        "plans_name": "YuccaPlanner",
        **{key: [26, 24, 18] for key in ("new_mean_size", "new_min_size", "new_max_size")},
        "dataset_properties": {
            "intensities": [{"mean": 1.0, "std": 1.0}],
            "classes": list(range(classes)),
            "modalities": {"0": channel},
            "labels": labels,
        },
    }
    configuration = {
        "task": "Task004_WM_Location",
        "model_name": "TinyUNet",
        "model_dimensions": dimensions,
        "manager_name": "YuccaManager",
        "num_classes": classes,
        "num_modalities": 1,
        "patch_size": (16, 16) if planar else (16, 16, 16),
        "labels": labels,
        "task_type": "segmentation",
        "plans": plans,
        "augmentation_parameters": {"label_dtype": int},
        **config,
    }
    checkpoint = {
        "state_dict": {f"model.{name}": tensor for name, tensor in network.state_dict().items()},
        "hyper_parameters": {"config": configuration},
        "pytorch-lightning_version": "2.5.0",
        "epoch": 3,
        "global_step": 40,
    }
    (folder / "checkpoints").mkdir(parents=True)
    torch.save(checkpoint, folder / "checkpoints" / "best.ckpt")
    return folder


@pytest.fixture(scope="session")
def version_folder() -> Callable[..., Path]:
    return make_version_folder


@pytest.fixture(scope="session")
def lesion_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_version_folder(tmp_path_factory.mktemp("models") / "version_0", 3, "2D", seed=1)


@pytest.fixture(scope="session")
def region_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_version_folder(tmp_path_factory.mktemp("models") / "version_0", 37, "3D", seed=2)


def write_noisy_ball(path: Path, seed: int, affine: np.ndarray = AFFINE) -> Path:
    """Write a scan: a noisy ball."""
    rng = np.random.default_rng(seed)
    place = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in (26, 24, 18)], indexing="ij"))
    data = ((place**2).sum(0) < 0.9) * (100 + 10 * rng.standard_normal(place.shape[1:]))
    image = nib.Nifti1Image(data.astype(np.float32), affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


@pytest.fixture(scope="session")
def noisy_ball() -> Callable[..., Path]:
    return write_noisy_ball


@pytest.fixture
def scan(tmp_path: Path) -> Callable[..., Path]:
    """Write a scan by name."""
    return lambda name, seed, affine=AFFINE: write_noisy_ball(tmp_path / f"{name}.nii.gz", seed, affine)
