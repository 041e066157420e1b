"""The model card that goes into an exported model: what a stranger must know before using it."""

from __future__ import annotations

from typing import Any


def model_card(
    config: dict[str, Any], plans: dict[str, Any], training: dict[str, Any], identity: str, licence: str
) -> str:
    """Markdown, from what Yucca keeps with a model."""
    labels = "\n".join(f"| {index} | {name} |" for index, name in dict(config.get("labels") or {}).items())
    spacing = plans.get("target_spacing")
    n_scans = int(config.get("num_modalities", 1))
    shown = "one MR image" if n_scans == 1 else f"{n_scans} MR images on one grid"
    painted = config.get("manager_name") == "YuccaManager_Synthesis"
    how = (
        "It was trained on painted scans, and is shown scans as `yucca_wm.models` scales them: it takes the place of\n"
        "the file of its kind in `yucca_wm/models/weights`."
        if painted
        else "Use it with `python -m yucca_wm.predict`."
    )
    normalised = "" if painted else f", normalised by\n  {', '.join(plans['normalization_scheme'])}"
    resampled = f"resampled to {spacing} mm" if spacing else "not resampled"
    patch = " x ".join(str(side) for side in config["patch_size"])
    return f"""# {config.get("task", "Yucca model")}: {config["model_name"]}, {config["model_dimensions"]}

A segmentation network trained with Yucca. {how}

- Input: {shown}, reoriented to {plans["target_coordinate_system"]}{normalised}, {resampled}
- Output: one of {config["num_classes"]} labels per voxel; windows of {patch} voxels
- Training: {training["epochs"]} epochs, {training["steps"]} steps, with {config.get("manager_name", "?")} and the plan
  {plans.get("plans_name", config.get("planner_name", "?"))}
- Weights: SHA-256 {identity}
- Licence: {licence}

Not a medical device. How well it does on scans unlike those it was trained on is unknown until it is measured:
`python -m yucca_wm.evaluate` does.

| label | name |
|---|---|
{labels}
"""
