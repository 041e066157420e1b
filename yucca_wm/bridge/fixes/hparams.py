"""A run that is not training leaves the trained model's ``hparams.yaml`` alone.

Mends ``YuccaLogger.save`` (yucca/modules/callbacks/loggers.py).
Symptom: inference, even one that fails at once, overwrites the file with ``{}``; the next one dies with
"KeyError: 'config'".
Cure: empty hyperparameters are never written, and the file is replaced in one step.
"""

from __future__ import annotations

import os
from functools import wraps
from types import ModuleType
from typing import Any


def apply(module: ModuleType) -> bool:
    logger = module.YuccaLogger
    plain = logger.save

    @wraps(plain)
    def save(self: Any) -> None:
        if not self.hparams:
            return
        name = self.NAME_HPARAMS_FILE
        self.NAME_HPARAMS_FILE = f".{os.getpid()}-{name}"
        temporary = os.path.join(self.log_dir, self.NAME_HPARAMS_FILE)
        try:
            plain(self)
        finally:
            self.NAME_HPARAMS_FILE = name
        if os.path.exists(temporary):  # only the first of several processes writes
            os.replace(temporary, os.path.join(self.log_dir, name))

    logger.save = save
    return True
