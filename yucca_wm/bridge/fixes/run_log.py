"""A training run says what it does and can be taken up again from its last epoch.

Patches ``get_callback_config`` (yucca/pipeline/configuration/configure_callbacks.py).
Symptom: ``last.ckpt`` first appears at epoch 25, so that a run stopped before starts anew; with logging off metrics are
written nowhere, with logging on there is no progress bar, and epochs are counted as 250 steps whatever they are.
Cure: a checkpoint every epoch, and a callback that writes ``metrics.csv``, its curve, a line an epoch and a bar.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``get_callback_config`` to save every epoch and to add `RunLog`; False if it saves every epoch already."""
    plain = module.get_callback_config
    if inspect.signature(plain).parameters["latest_ckpt_epochs"].default <= 1:
        return False

    @wraps(plain)
    def get_callback_config(*args: Any, **kwargs: Any) -> Any:
        from yucca_wm.training.run_log import RunLog

        bound = inspect.signature(plain).bind(*args, **kwargs)
        bound.arguments.setdefault("latest_ckpt_epochs", 1)
        config = plain(*bound.args, **bound.kwargs)
        config.callbacks.append(RunLog(bound.arguments["version_dir"]))
        return config

    module.get_callback_config = get_callback_config
    return True
