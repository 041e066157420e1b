"""Prediction with a trained network: a single image, and Yucca's own step and saving.

Yucca's step and saving work without full-size copies of every class; they are plugged in by
`yucca_wm.bridge.fixes.prediction_step` and `yucca_wm.bridge.fixes.saving`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.predictions import names_record, recorded_names
from yucca_wm.ensemble import store
from yucca_wm.ensemble.merge import likeliest
from yucca_wm.ensemble.probabilities import Grid
from yucca_wm.imaging import images
from yucca_wm.training.mirroring import MAX_UNSIDED_CLASSES, mirrorings
from yucca_wm.training.model import Model, names_of, region_names_of
from yucca_wm.training.restore import RestoredLogits
from yucca_wm.training.sliding_window import robust_sliding_window

SINGLE_PRECISION_GB = 0.25
"""Larger logits are kept in half precision: rounded once per window, which changes a logit by a thousandth."""


def predict_volume(
    network: torch.nn.Module,
    model: Model,
    image: Any,
    *,
    mirror: bool = False,
    max_memory_gb: float | None = None,
) -> RestoredLogits:
    """Logits of one image, readable in its own voxel order.

    network : ``model.network(device)``; computes on the device it is on.
    image : a 3D nibabel image, in any orientation.
    mirror, max_memory_gb : as for `predict_logits`.
    """
    from yucca.functional.preprocessing import preprocess_case_for_inference

    plans = model.plans
    grid, orientation = Grid.of_nifti(image), nib.aff2axcodes(image.affine)
    where = image.get_filename() or "image"
    if orientation[0] not in "LR" or orientation[1] not in "PA":
        image = nib.as_closest_canonical(image)  # Yucca refuses axes in another order
    sizes = plans.get("target_size")
    try:
        with open(os.devnull, "w") as silence, contextlib.redirect_stdout(silence):
            data, properties = preprocess_case_for_inference(
                crop_to_nonzero=plans["crop_to_nonzero"],
                keep_aspect_ratio=plans["keep_aspect_ratio_when_using_target_size"],
                images=[image],
                intensities=plans["intensities"],
                normalization_scheme=plans["normalization_scheme"],
                ext="nii.gz",
                patch_size=model.patch_size,
                target_size=None if sizes in (None, "null") else np.array(sizes, dtype=int),
                target_spacing=plans["target_spacing"],
                target_orientation=plans["target_coordinate_system"],
                transpose_forward=np.array(model.transpose),
            )
    except (AssertionError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ["nothing in it is above zero"])[0]
        raise InputError(where, f"cannot be preprocessed ({reason})") from error
    device = next(network.parameters()).device
    mixed: Any = torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else contextlib.nullcontext()
    with torch.inference_mode(), mixed:
        logits = predict_logits(
            network,
            data.to(device),
            model.patch_size,
            model.n_classes,
            model.transpose,
            mirror=mirror,
            max_memory_gb=max_memory_gb,
            names=model.names,
        )
    properties["nifti_metadata"]["original_orientation"] = "".join(orientation)
    return RestoredLogits(logits, properties, model.transpose, grid)


def can_predict(module: Any, batch: dict[str, Any]) -> bool:
    """Whether `predict_step` covers this case: a NIfTI volume, one label per voxel, predicted by windows."""
    properties = batch["data_properties"]
    return (
        module.sliding_window_prediction
        and batch["data"].ndim == 5
        and module.num_classes > 1
        and not getattr(module, "use_label_regions", False)
        and properties.get("nifti_metadata", {}).get("affine") is not None
    )


def predict_step(module: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """Replacement of ``BaseLightningModule.predict_step``, with the logits as `RestoredLogits`."""
    data, properties = batch["data"], batch["data_properties"]
    transpose = [int(axis) for axis in module.transpose_forward]
    logits = predict_logits(
        module.model,
        data,
        module.patch_size,
        module.num_classes,
        transpose,
        overlap=module.sliding_window_overlap,
        mirror=module.test_time_augmentation,
        names=names_of(getattr(module, "config", {})),
    )
    properties["save_format"] = properties.get("image_extension")
    grid = None
    if batch.get("data_paths"):
        grid = Grid.of_nifti(nib.load(_first(batch["data_paths"])))
    restored = RestoredLogits(logits, properties, transpose, grid)
    restored.about = about(getattr(module, "config", {}))
    return {"logits": restored, "properties": properties, "case_id": batch["case_id"]}


def predict_logits(
    network: torch.nn.Module,
    data: torch.Tensor,
    patch_size: Sequence[int],
    n_classes: int,
    transpose: Sequence[int],
    *,
    overlap: float = 0.5,
    mirror: bool = False,
    max_memory_gb: float | None = None,
    names: Mapping[int, str] | None = None,
) -> torch.Tensor:
    """Logits [class, x, y, z] of a preprocessed volume [1, channel, x, y, z].

    transpose : Yucca's ``transpose_forward``: determines which axis is left-right.
    mirror : average over mirror images, with left and right classes exchanged for a left-right mirror image.
    names : names of the classes; None: they have none.
    max_memory_gb : memory for the logits: single precision if it suffices, else half precision (default:
        single precision up to SINGLE_PRECISION_GB).

    Raises InputError if not even half precision fits.
    """
    dtype = _precision(n_classes * data[0, 0].numel(), max_memory_gb)
    logits = robust_sliding_window(network, data, patch_size, overlap, dtype=dtype)
    if not mirror:
        return logits
    ways = mirrorings(n_classes, list(transpose).index(0), planar=len(patch_size) == 2, names=names)
    for axes, exchange in ways:
        dims = [2 + axis for axis in axes]
        mirrored = robust_sliding_window(network, torch.flip(data, dims), patch_size, overlap, dtype=dtype)
        logits += torch.flip(mirrored[exchange], [dim - 1 for dim in dims])
    return logits / (len(ways) + 1)


def _precision(values: int, max_memory_gb: float | None) -> torch.dtype:
    single = values * 4 / 1e9
    if single <= (SINGLE_PRECISION_GB if max_memory_gb is None else max_memory_gb):
        return torch.float32
    if max_memory_gb is not None and single / 2 > max_memory_gb:
        raise InputError("--max_memory_gb", f"is {max_memory_gb:g}, but the logits take {single / 2:.2g} GB")
    return torch.float16


def about(config: Mapping[str, Any]) -> dict[str, Any]:
    """Description of the model for a softmax file, from the configuration that Yucca stores with a model, with the
    names of its regions if it has regions."""
    keys = ("task", "model_name", "model_dimensions", "manager_name", "ckpt_path")
    names = region_names_of(config)
    regions = names_record(names) if len(names) >= MAX_UNSIDED_CLASSES else {}
    return {key: str(config[key]) for key in keys if config.get(key) is not None} | regions


def restored(logits: Any, properties: dict[str, Any]) -> RestoredLogits | None:
    """Logits to be saved as `RestoredLogits`; None unless they belong to a NIfTI volume with several classes."""
    if isinstance(logits, RestoredLogits):
        return logits
    metadata = properties.get("nifti_metadata") or {}
    if np.ndim(logits) != 5 or logits.shape[1] < 2 or metadata.get("affine") is None:
        return None
    shape = logits.shape[2:]
    whole = {
        "nifti_metadata": metadata,
        "uncropped_shape": shape,
        "resampled_transposed_shape": shape,
        "padding": [0] * 6,
    }
    return RestoredLogits(torch.as_tensor(logits[0]), whole)


def save_prediction(restored: RestoredLogits, path: Path, *, save_softmax: bool) -> None:
    """Write ``path``.nii.gz and, if requested, ``path``.npz first: no label map exists without its softmax."""
    labels = write_softmax(restored, path.with_name(path.name + ".npz")) if save_softmax else restored.labels()
    target = path.with_name(path.name + ".nii.gz")
    images.save(restored.grid.image(labels), target, recorded_names(restored.about))


def write_softmax(restored: RestoredLogits, path: Path) -> NDArray[np.uint8]:
    """Write a softmax file; returns the likeliest label of every voxel, a free by-product."""
    labels = np.zeros(restored.grid.shape, np.uint8)
    (start, _), (j0, j1), (k0, k1) = restored.box

    def probabilities(lo: int, hi: int) -> NDArray[np.float32]:
        values = restored.probabilities(lo, hi)
        labels[start + lo : start + hi, j0:j1, k0:k1] = likeliest(values)
        return values

    classes = tuple(range(restored.n_classes))
    store.write(path, probabilities, restored.grid, classes, box=restored.box, about=restored.about)
    return labels


def _first(paths: Any) -> Any:
    return paths[0][0] if isinstance(paths[0], tuple) else paths[0]
