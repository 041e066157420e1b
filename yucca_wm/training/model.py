"""A trained model (network, weights and everything else prediction needs), and its file formats.

Files are a Yucca version folder or an exported file: a zip archive of ``model.json`` (plan, classes, normalisation,
training), ``weights.safetensors``, a model card and the licence. Loading either executes no code: tensors come through
safetensors or torch's weights-only reader, and the network is looked up by name among those installed.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path, case_name, remove_temporaries
from yucca_wm.core.modality import named_in

FORMAT, VERSION = "yucca-wm model", 1
DESCRIPTION, WEIGHTS, CARD, LICENCE = "model.json", "weights.safetensors", "README.md", "LICENSE"
PLAN_KEYS = (
    "target_coordinate_system", "preprocessor", "crop_to_nonzero", "normalization_scheme", "num_classes",
    "num_modalities", "transpose_forward", "transpose_backward", "keep_aspect_ratio_when_using_target_size",
    "target_size", "target_spacing", "plans_name",
)  # fmt: skip
CONFIG_KEYS = ("task", "model_name", "model_dimensions", "manager_name", "planner_name", "patch_size", "num_classes",
               "num_modalities", "labels", "task_type", "use_label_regions", "seed", "version")  # fmt: skip
MAX_DESCRIPTION_BYTES = 4 << 20


@dataclass(frozen=True)
class Model:
    """A trained network.

    config, plans : settings that Yucca stores with it, restricted to PLAN_KEYS and CONFIG_KEYS (and ``intensities``).
    training : epochs and steps it was trained for, and the modalities that the task stated.
    weights : parameter name -> tensor. identity : SHA-256 of its weights and settings.
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
    def names(self) -> dict[int, str]:
        """Class -> its name; empty if the model stores none."""
        return names_of(self.config)

    @property
    def region_names(self) -> dict[int, str]:
        """`names` without the background."""
        return region_names_of(self.config)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities of the scans it was trained on (one scan at a time); empty if the task did not state them."""
        return tuple(str(modality) for modality in self.training.get("modalities", ()))

    @property
    def patch_size(self) -> tuple[int, ...]:
        return tuple(int(side) for side in self.config["patch_size"])

    @property
    def transpose(self) -> list[int]:
        return [int(axis) for axis in self.plans["transpose_forward"]]

    def halved(self) -> Model:
        """The same model with 16-bit weights, in half the space."""
        weights = {
            name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in self.weights.items()
        }
        return checked(self.path, self.config, self.plans, self.training, weights, None)

    def network(self, device: torch.device | str = "cpu") -> torch.nn.Module:
        """The network with its weights, ready to predict. Raises InputError if weights and network do not match."""
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


def region_names_of(config: Mapping[str, Any]) -> dict[int, str]:
    """`names_of` without the background."""
    return {label: name for label, name in names_of(config).items() if label}


def names_of(config: Mapping[str, Any]) -> dict[int, str]:
    """Names of a model's classes, from the configuration that Yucca stores with it; empty if there are none."""
    try:
        return {int(label): str(name) for label, name in config["labels"].items()}
    except (KeyError, AttributeError, ValueError, TypeError):
        return {}


def checked(
    path: Path,
    config: dict[str, Any],
    plans: dict[str, Any],
    training: dict[str, Any],
    weights: dict[str, torch.Tensor],
    scans: int | None = 1,
) -> Model:
    """Build a model from its parts. Raises InputError if it does not give one label per voxel from this many scans.

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
    digest = hashlib.sha256(json.dumps([config, plans], sort_keys=True).encode())
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return Model(path, config, plans, training, weights, digest.hexdigest())


def _architecture(path: Path, name: str) -> Any:
    if not re.fullmatch(r"\w+", name):
        raise InputError(path, f"names the network {name!r}")
    from yucca_wm.training.networks import compact

    if name in compact.NAMES:  # the shipped models: saves the seconds that importing Yucca takes
        return getattr(compact, name)
    import yucca
    from yucca.functional.utils.files_and_folders import recursive_find_python_class

    folder = str(Path(yucca.__path__[0]) / "modules" / "networks")
    try:
        found = recursive_find_python_class([folder], name, "yucca.modules.networks")
    except SystemExit:  # how this package's own lookup ends a command
        found = None
    if found is None:
        raise InputError(path, f"needs the network {name}, which is not installed")
    return found


def load_model(path: str | os.PathLike[str], scans: int | None = 1) -> Model:
    """Load an exported ``.zip``, a Yucca version folder (its best checkpoint), or a ``.ckpt``.

    scans : number of scans that the model will be given at once; None: as many as it takes.

    Raises InputError if it is none of these, is damaged, or would execute code.
    """
    path = Path(path)
    if path.is_dir():
        checkpoint = path / "checkpoints" / "best.ckpt"
        if not checkpoint.is_file():
            raise InputError(
                path, "is not a model: checkpoints/best.ckpt is not in it", "give a version_N folder or a .zip"
            )
        return _from_checkpoint(checkpoint, scans)
    if not path.is_file():
        raise InputError(path, "no such model")
    return _from_checkpoint(path, scans) if path.suffix == ".ckpt" else _from_zip(path, scans)


def export_model(model: Model, path: str | os.PathLike[str], *, licence: str, card: str) -> Path:
    """Write ``model`` as one file; equal models give equal bytes."""
    from safetensors.torch import save

    weights = save({name: tensor.contiguous() for name, tensor in sorted(model.weights.items())})
    description = {
        "format": FORMAT,
        "version": VERSION,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "config": model.config,
        "plans": model.plans,
        "training": model.training,
    }
    members: dict[str, str | bytes] = {
        DESCRIPTION: json.dumps(description, indent=2),
        CARD: card,
        LICENCE: licence,
        WEIGHTS: weights,
    }
    remove_temporaries(Path(path).parent, {case_name(path)})
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return Path(path)


def _from_checkpoint(path: Path, scans: int | None) -> Model:
    try:
        torch.serialization.add_safe_globals([int])
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        config = checkpoint["hyper_parameters"]["config"]
        weights = {
            name.removeprefix("model."): tensor
            for name, tensor in checkpoint["state_dict"].items()
            if name.startswith("model.")
        }
        plans = {key: config["plans"][key] for key in PLAN_KEYS if key in config["plans"]}
        plans["intensities"] = config["plans"]["dataset_properties"]["intensities"]
        training: dict[str, Any] = {"epochs": int(checkpoint["epoch"]) + 1, "steps": int(checkpoint["global_step"])}
        channels = [str(name) for name in config["plans"]["dataset_properties"].get("modalities", {}).values()]
        if len(channels) == 1 and (stated := named_in(channels[0])):
            training["modalities"] = list(stated)
        config = {key: config[key] for key in CONFIG_KEYS if key in config}
    except Exception as error:
        raise InputError(path, f"is not a checkpoint of Yucca's, or is damaged ({_reason(error)})") from error
    return checked(path, _plain(config), _plain(plans), training, weights, scans)


def _from_zip(path: Path, scans: int | None) -> Model:
    from safetensors.torch import load

    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(DESCRIPTION).file_size > MAX_DESCRIPTION_BYTES:
                raise ValueError(f"{DESCRIPTION} is too long")
            description = json.loads(archive.read(DESCRIPTION))
            packed = archive.read(WEIGHTS)
        if description["format"] != FORMAT:
            raise ValueError(f"its format is {description['format']!r}")
        if description["version"] > VERSION:
            raise InputError(path, f"has format version {description['version']}", "update yucca-wm")
        if hashlib.sha256(packed).hexdigest() != description["weights_sha256"]:
            raise ValueError("its weights are not the ones that were exported")
        weights = load(packed)
        return checked(path, description["config"], description["plans"], description["training"], weights, scans)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            path, f"is not an exported model, or is damaged ({_reason(error)})", "copy it again"
        ) from error


def _plain(value: Any) -> Any:
    """Nested containers of numbers and text as JSON would return them."""
    return json.loads(
        json.dumps(value, default=lambda other: other.tolist() if hasattr(other, "tolist") else str(other))
    )


def _reason(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
