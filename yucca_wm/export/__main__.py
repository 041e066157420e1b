"""``python -m yucca_wm.export VERSION_DIR model.zip``: pack a trained model into one file."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

from yucca_wm.cli import Parser, run


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        "yucca-wm export",
        description="Pack a trained model (weights, plan, classes, normalisation, model card, licence) into one file.",
    )
    parser.add_argument("model", metavar="MODEL", help="a version_N folder that yucca_train wrote, or a .ckpt in it")
    parser.add_argument("out", metavar="FILE", help="the file to write, ending in .zip")
    parser.add_argument("--licence", default="not stated", metavar="NAME", help="licence of the weights")
    parser.add_argument("--licence-file", type=Path, metavar="FILE", help="the text of the licence")
    parser.add_argument("--card", type=Path, metavar="FILE", help="your own model card, in place of the generated one")
    parser.add_argument("--half", action="store_true", help="store weights with 16 bits: half the size")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if not arguments.out.endswith(".zip"):
        parser.error("the file to write must end in .zip")
    warnings.simplefilter("ignore", FutureWarning)  # from torch, about code that the user cannot change
    from yucca_wm.core.errors import InputError
    from yucca_wm.training.model import export_model, load_model

    def text(path: Path | None, otherwise: str) -> str:
        try:
            return path.read_text(encoding="utf-8") if path else otherwise
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(str(path), f"cannot be read ({error})") from error

    model = load_model(arguments.model, scans=None)
    if arguments.half:
        model = model.halved()
    card = model_card(model.config, model.plans, model.training, model.identity, arguments.licence)
    licence = text(arguments.licence_file, arguments.licence + "\n")
    out = export_model(model, arguments.out, licence=licence, card=text(arguments.card, card))
    print(
        f"{out}: {out.stat().st_size / 2**20:.1f} MiB, {model.n_classes} classes; open its README.md before sharing it"
    )
    return 0


def model_card(
    config: dict[str, Any], plans: dict[str, Any], training: dict[str, Any], identity: str, licence: str
) -> str:
    """Model card in Markdown, from the settings that Yucca keeps with a model."""
    labels = "\n".join(f"| {index} | {name} |" for index, name in dict(config.get("labels") or {}).items())
    spacing = plans.get("target_spacing")
    n_scans = int(config.get("num_modalities", 1))
    modalities = " or ".join(training.get("modalities", ())) or "MR image"
    shown = f"one {modalities}" if n_scans == 1 else f"{n_scans} MR images on one grid"
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


if __name__ == "__main__":
    run(main)
