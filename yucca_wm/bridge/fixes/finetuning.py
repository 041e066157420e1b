"""``yucca_finetune`` starts from the weights it is given: a checkpoint, an exported model, or one of this package.

Patches ``YuccaManager.run_finetuning`` (yucca/pipeline/managers/YuccaManager.py), which loads them before the network
is built.
Symptom: "Succesfully transferred weights for 0/0 layers", and training starts from random weights.
Cure: they are loaded when the network has been built; what does not fit (another number of classes) is named, and a
checkpoint of which nothing fits is refused. ``-chk yucca_wm:lesions`` and the path of an exported ``.zip`` bring the
network with them, and are adapted to the channels and classes of the task.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from yucca_wm.core.errors import by_axis
from yucca_wm.core.modality import named_in

PREFIX = "yucca_wm:"
PATCHES = {"2D": 24, "3D": 4}
"""Number of patches of the task on which the last layer is fitted."""

LIKE = 0.2
"""Voxel sizes that differ by less than this fraction count as the model's."""

PLANS: dict[tuple[float, ...], str] = {
    (1.0, 1.0, 1.0): "YuccaPlanner_Volume_1mm",
    (3.0, 3.0, 3.0): "YuccaPlanner_Volume_3mm",
}
"""Target spacing in mm -> plan of this package with that spacing."""

DEFAULT_NETWORK = "UNet"
"""Default of ``-m``."""


def apply(module: Any) -> bool:
    """Replace ``YuccaManager.run_finetuning`` to load weights after the network is built; False if it does already."""
    if "setup" in module.YuccaManager.run_finetuning.__code__.co_names:
        return False
    module.YuccaManager.run_finetuning = run_finetuning
    return True


def run_finetuning(self: Any) -> None:
    path = self.ckpt_path
    if not path:
        raise SystemExit(f"error: nothing to start from: give -chk, the path of a checkpoint or {_shipped_names()}")
    model = exported_model(str(path))
    if model is not None:
        _take_settings(self, model)
    elif not Path(path).is_file():
        raise SystemExit(f"error: {path}: no such checkpoint; one of this package's models is {_shipped_names()}")
    self.initialize(stage="fit")
    build = self.model_module.setup

    def setup(stage: str) -> None:
        build(stage)
        if model is None:
            _transfer_checkpoint(self.model_module.model, path)
        else:
            _transfer_model(self, model)

    self.model_module.setup = setup
    self.trainer.fit(model=self.model_module, datamodule=self.data_module)
    self.finish()


def exported_model(path: str) -> Any:
    """Model named by ``path``: ``yucca_wm:NAME`` or an exported ``.zip``; None for a checkpoint.

    Ends the command in one line if there is no model of that name, or the file is damaged.
    """
    if not path.startswith(PREFIX) and not path.endswith(".zip"):
        return None
    from yucca_wm.core.errors import InputError
    from yucca_wm.models.shipped import shipped
    from yucca_wm.training.model import load_model

    if path.startswith(PREFIX):
        found = shipped(path.removeprefix(PREFIX))
        if found is None:
            raise SystemExit(f"error: no model is called {path}; there are {_shipped_names()}")
        path = str(found.path)
    try:
        return load_model(path, scans=None)
    except InputError as error:
        raise SystemExit(f"error: {error}") from None


def _shipped_names() -> str:
    from yucca_wm.models.shipped import ALIASES, MODELS

    return ", ".join(f"{PREFIX}{name}" for name in sorted([*MODELS, *ALIASES]))


def _take_settings(manager: Any, model: Any) -> None:
    """Take network, dimensions and patch size from the model; nothing is resumed."""
    name, dimensions = str(model.config["model_name"]), str(model.config["model_dimensions"])
    if manager.model_name not in (DEFAULT_NETWORK, name):
        raise SystemExit(f"error: {model.path} is a {name}, not a {manager.model_name}: leave out -m")
    if manager.model_dimensions == "2D" != dimensions:
        raise SystemExit(f"error: {model.path} works in {dimensions}: leave out -d")
    manager.model_name, manager.model_dimensions = name, dimensions
    manager.ckpt_path, manager.continue_from_most_recent = None, False


def _transfer_model(manager: Any, model: Any) -> None:
    import torch

    from yucca_wm.training.finetuning import Task, fit_background, start_from

    network, data = manager.model_module.model, manager.data_module.train_dataset
    plans: dict[str, Any] = manager.plan_config.plans
    cases = [Path(str(case)).name for case in data.all_cases] if hasattr(data, "all_cases") else []
    classes = manager.plan_config.labels
    names = [str(n) for n in (classes.values() if isinstance(classes, dict) else classes)]
    channels = [modality_of(str(name), cases) for name in plans["dataset_properties"]["modalities"].values()]
    for line in _other_grid(plans, model):
        logging.warning(line)
    start = start_from(model, network, Task(tuple(channels), tuple(names), tuple(map(int, plans["transpose_forward"]))))
    if not start.weights:
        raise SystemExit(f"error: {model.path}: not one layer fits {type(network).__name__}")
    torch.nn.Module.load_state_dict(network, start.weights, strict=False)
    notes = list(start.notes)
    if start.head is not None and len(start.head.merged) > 1:
        samples = range(PATCHES[manager.model_dimensions])
        notes.append(fit_background(network, start.head, (data[n % len(data)]["image"] for n in samples)))
    for line in notes:
        logging.warning(line)


def modality_of(channel: str, cases: list[str]) -> str:
    """``T1`` or ``FLAIR`` if a task's channel, or every case's name, is said to hold only that; else ""."""
    for texts in ([channel], cases):
        found = {named_in(text) for text in texts}
        if len(found) == 1 and len(named := found.pop()) == 1:
            return named[0]
    return ""


def _other_grid(plans: dict[str, Any], model: Any) -> list[str]:
    """Notes for a task whose slices or voxels differ from those the model was trained on."""
    from yucca_wm.training.finetuning import turned_axes

    wanted, spacing = [float(mm) for mm in model.plans["target_spacing"]], plans.get("target_spacing")
    lines = []
    if turned_axes(model, plans["transpose_forward"]) is None:
        lines.append(f"slices or axes ({plans['transpose_forward']}) are not those of the model ({model.transpose})")
    if not spacing or any(abs(float(a) - b) > LIKE * b for a, b in zip(spacing, wanted, strict=True)):
        mm = f"{by_axis(spacing)} mm" if spacing else "not fixed"
        lines.append(f"voxel size is {mm}; the model was trained at {by_axis(wanted)} mm")
    plan = PLANS.get(tuple(wanted))
    return [f"{line}{f': preprocess with -pl {plan}' if plan else ''}" for line in lines]


def _transfer_checkpoint(network: Any, path: str) -> None:
    import torch

    weights = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    transfer(network, weights, path)


def transfer(network: Any, weights: dict[str, Any], path: str) -> None:
    """Copy all ``weights`` that match ``network`` in shape; ends the command in one line if there are none."""
    import torch

    from yucca_wm.training.finetuning import taken_over

    own = network.state_dict()
    given = {name.removeprefix("model."): value for name, value in weights.items()}
    fitting = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise SystemExit(f"error: {path}: not one layer fits {type(network).__name__}: give the network with -m")
    torch.nn.Module.load_state_dict(network, fitting, strict=False)
    taken, afresh = taken_over(own, fitting, path)
    for line in (taken, *afresh):
        logging.warning(line)
