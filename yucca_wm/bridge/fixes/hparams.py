"""A run that is not training leaves the trained model's ``hparams.yaml`` alone.

Patches ``YuccaLogger.save`` (yucca/modules/callbacks/loggers.py).
Symptom: inference, even one that fails at once, overwrites the file with ``{}``; the next one dies with
"KeyError: 'config'".
Cure: empty hyperparameters are never written, and the file is replaced in one step.
"""

from __future__ import annotations

import os
from functools import wraps
from pathlib import Path
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``YuccaLogger.save`` never to write empty hyperparameters."""
    logger = module.YuccaLogger
    plain = logger.save

    @wraps(plain)
    def save(self: Any) -> None:
        if not self.hparams:
            return
        name, folder = self.NAME_HPARAMS_FILE, Path(self.log_dir)
        self.NAME_HPARAMS_FILE = temporary = f".{os.getpid()}-{name}"
        try:
            plain(self)
        finally:
            self.NAME_HPARAMS_FILE = name
        if (folder / temporary).exists():  # of several processes only the first writes
            (folder / temporary).replace(folder / name)

    logger.save = save
    return True
