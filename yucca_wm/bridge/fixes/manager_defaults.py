"""A manager's settings are its own.

Patches ``YuccaManager.__init__`` (yucca/pipeline/managers/YuccaManager.py), which writes into its default arguments.
Symptom: ``optim_kwargs`` is one dict for all managers of a process: a second one changes the first one's learning rate.
Cure: each gets a copy.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``YuccaManager.__init__`` to copy its default ``optim_kwargs``; False if there is no shared dict."""
    manager = module.YuccaManager
    plain = manager.__init__
    default = inspect.signature(plain).parameters["optim_kwargs"].default
    if not isinstance(default, dict):
        return False

    @wraps(plain)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        for shared in ("optim_kwargs", "augmentation_params"):
            kwargs[shared] = dict(kwargs.get(shared) or {})
        plain(self, *args, **kwargs)

    manager.__init__ = __init__
    return True
