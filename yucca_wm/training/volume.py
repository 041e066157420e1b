"""A model applied to one image: preprocessing, windows, and the logits in the image's own voxels."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import torch

from yucca_wm.core.errors import InputError
from yucca_wm.ensemble.probabilities import Grid
from yucca_wm.training.model import Model
from yucca_wm.training.prediction import predict_logits
from yucca_wm.training.restore import RestoredLogits


def predict_volume(
    network: torch.nn.Module,
    model: Model,
    image: Any,
    *,
    mirror: bool = False,
    max_memory_gb: float | None = None,
) -> RestoredLogits:
    """Logits of one image, readable in its own voxel order.

    network : ``model.network(device)``; the device it lies on is used.
    image : a 3D nibabel image, in any orientation.
    mirror, max_memory_gb : as `yucca_wm.training.prediction.predict_logits`.
    """
    import nibabel as nib
    import numpy as np
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
        )
    properties["nifti_metadata"]["original_orientation"] = "".join(orientation)
    return RestoredLogits(logits, properties, model.transpose, grid)
