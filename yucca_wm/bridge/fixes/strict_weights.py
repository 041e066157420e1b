"""A checkpoint that does not fit is named, with what does not.

Patches ``BaseLightningModule.load_state_dict`` (yucca/modules/lightning_modules/BaseLightningModule.py).
Symptom: weights of another shape, as those of a task with another number of classes, are dropped before loading; the
run then ends in a traceback about missing keys, or, where loading is not strict, predicts with random weights.
Cure: parameters that the checkpoint lacks, or has in another shape, are named in one line, and the run ends.
What only the checkpoint has (the coarse outputs of deep supervision) is left out. Fine-tuning has its own rule.
"""

from __future__ import annotations

from typing import Any


def apply(module: Any) -> bool:
    """Replace ``BaseLightningModule.load_state_dict`` by a strict one; False if it drops no weights."""
    lightning_module = module.BaseLightningModule
    if "rejected_keys_shape" not in lightning_module.load_state_dict.__code__.co_varnames:
        return False
    lightning_module.load_state_dict = load_state_dict
    return True


def load_state_dict(self: Any, state_dict: dict[str, Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ARG001
    import torch

    own = self.state_dict()
    missing = [name for name in own if name not in state_dict]
    other = [
        f"{name} {tuple(state_dict[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in state_dict and state_dict[name].shape != own[name].shape
    ]
    if missing or other:
        what = [*other, *(f"{name} is missing" for name in missing)]
        more = f" and {len(what) - 2} more" if len(what) > 2 else ""
        raise SystemExit(
            f"error: the checkpoint does not fit {type(self.model).__name__} for {self.num_classes} classes: "
            f"{'; '.join(what[:2])}{more}. Another task, network or plan was trained; to start from it: yucca_finetune"
        )
    fitting = {name: value for name, value in state_dict.items() if name in own}
    return torch.nn.Module.load_state_dict(self, fitting, strict=False)
