"""Trained models as files: a Yucca version folder or an exported file.

An exported file is a zip archive of ``model.json`` (plan, classes, normalisation, training), ``weights.safetensors``,
a model card and the licence. Loading either executes no code: tensors come through safetensors or torch's
weights-only reader, and the network is looked up by name among those installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import torch

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path, case_name, remove_temporaries
from yucca_wm.training.model import Model, checked

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


def load_model(path: str | os.PathLike[str], scans: int | None = 1) -> Model:
    """Load an exported ``.zip``, a Yucca version folder (its best checkpoint), or a ``.ckpt``.

    scans : how many scans the model is to be shown at once; None: as many as it takes.

    Raises InputError when it is none of these, damaged, or asks for code to be executed.
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
        training = {"epochs": int(checkpoint["epoch"]) + 1, "steps": int(checkpoint["global_step"])}
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
    """Nested containers of numbers and text as JSON would give them back."""
    return json.loads(
        json.dumps(value, default=lambda other: other.tolist() if hasattr(other, "tolist") else str(other))
    )


def _reason(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
