"""A trained model: the network, its weights and all that prediction needs."""

from __future__ import annotations

import hashlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from yucca_wm.core.errors import InputError


@dataclass(frozen=True)
class Model:
    """A trained network.

    config, plans : what Yucca keeps with it, as far as `yucca_wm.training.model_file` lists it (and ``intensities``).
    training : epochs and steps it was trained for. weights : parameter name -> tensor.
    identity : SHA-256 of its weights.
    """

    path: Path
    config: dict[str, Any]
    plans: dict[str, Any]
    training: dict[str, Any]
    weights: dict[str, torch.Tensor]
    identity: str

    @property
    def n_classes(self) -> int:
        return int(self.config["num_classes"])

    @property
    def patch_size(self) -> tuple[int, ...]:
        return tuple(int(side) for side in self.config["patch_size"])

    @property
    def transpose(self) -> list[int]:
        return [int(axis) for axis in self.plans["transpose_forward"]]

    def halved(self) -> Model:
        """The same model with weights of 16 bit, in half the space."""
        weights = {
            name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in self.weights.items()
        }
        return checked(self.path, self.config, self.plans, self.training, weights, None)

    def network(self, device: torch.device | str = "cpu") -> torch.nn.Module:
        """The network with its weights, ready to predict. Raises InputError when weights and network do not match."""
        planar = self.config["model_dimensions"] == "2D"
        architecture = _architecture(self.path, str(self.config["model_name"]))
        keywords = {
            "conv_op": torch.nn.Conv2d if planar else torch.nn.Conv3d,
            "norm_op": torch.nn.BatchNorm2d if planar else torch.nn.InstanceNorm3d,
            "patch_size": self.patch_size,
            "checkpoint_style": "outside_block",
            "deep_supervision": False,
        }
        network = architecture(
            input_channels=int(self.config["num_modalities"]),
            num_classes=self.n_classes,
            **{name: value for name, value in keywords.items() if name in inspect.signature(architecture).parameters},
        )
        wanted = network.state_dict()
        unfit = [
            name for name, tensor in wanted.items() if getattr(self.weights.get(name), "shape", None) != tensor.shape
        ]
        if unfit:
            raise InputError(self.path, f"its weights do not fit {self.config['model_name']} ({unfit[0]} ...)")
        network.load_state_dict(self.weights)
        return network.to(device).eval()


def checked(
    path: Path,
    config: dict[str, Any],
    plans: dict[str, Any],
    training: dict[str, Any],
    weights: dict[str, torch.Tensor],
    scans: int | None = 1,
) -> Model:
    """A model of these parts. Raises InputError when it does not give one label per voxel from this many scans.

    scans : None: from any number of them.
    """
    if config.get("use_label_regions") or config.get("task_type", "segmentation") != "segmentation":
        raise InputError(path, "is not a model that gives one label per voxel")
    if scans is not None and int(config["num_modalities"]) != scans:
        raise InputError(
            path,
            f"needs {config['num_modalities']} images at once, but here a model is shown one scan at a time",
            "predict with yucca_inference, or train with one image a case",
        )
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return Model(path, config, plans, training, weights, digest.hexdigest())


def _architecture(path: Path, name: str) -> Any:
    if not re.fullmatch(r"\w+", name):
        raise InputError(path, f"names the network {name!r}")
    from yucca_wm.training.networks import compact

    if name in compact.NAMES:  # the shipped models: without the seconds that Yucca takes to import
        return getattr(compact, name)
    import yucca
    from yucca.functional.utils.files_and_folders import recursive_find_python_class

    folder = str(Path(yucca.__path__[0]) / "modules" / "networks")
    try:
        found = recursive_find_python_class([folder], name, "yucca.modules.networks")
    except SystemExit:  # what our own lookup ends a command with
        found = None
    if found is None:
        raise InputError(path, f"needs the network {name}, which is not installed")
    return found
