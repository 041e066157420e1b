"""Training logs to Weights & Biases only for those who use it.

Patches ``get_loggers`` and ``get_wandb_id`` (yucca/pipeline/configuration/configure_callbacks.py).
Symptom: without a login ``yucca_train`` stops at a prompt or fails; without a network it retries for minutes.
Cure: the wandb logger is made only where `wandb_wanted`; Yucca's own log file is written either way.
"""

from __future__ import annotations

import netrc
import os
from functools import wraps
from pathlib import Path
from typing import Any

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # importing wandb must not contact a server


def wandb_wanted() -> bool:
    """Whether the user requests wandb (WANDB_MODE, WANDB_API_KEY) or is logged in (an entry in the netrc file)."""
    mode = os.environ.get("WANDB_MODE")
    if mode is not None:
        return mode not in ("disabled", "dryrun")
    if os.environ.get("WANDB_DISABLED", "").lower() in ("true", "1"):
        return False
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        file = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
        hosts = netrc.netrc(file).hosts
    except (OSError, RuntimeError, netrc.NetrcParseError):
        return False
    return any("wandb" in host for host in hosts)


def apply(module: Any) -> bool:
    """Patch ``get_loggers`` and ``get_wandb_id`` to use wandb only where `wandb_wanted`."""
    plain_loggers, plain_id = module.get_loggers, module.get_wandb_id

    @wraps(plain_loggers)
    def get_loggers(**kwargs: Any) -> list[Any]:
        if not kwargs["enable_logging"] or wandb_wanted():
            return plain_loggers(**kwargs)
        return [
            module.YuccaLogger(
                disable_logging=False,
                save_dir=kwargs["save_dir"],
                name=None,
                version=int(kwargs["version"]),
                steps_per_epoch=kwargs["steps_per_epoch"],
            )
        ]

    @wraps(plain_id)
    def get_wandb_id(loggers: list[Any], enable_logging: bool) -> str | None:
        return plain_id(loggers, enable_logging and isinstance(loggers[-1], module.WandbLogger))

    module.get_loggers, module.get_wandb_id = get_loggers, get_wandb_id
    return True
