"""The metrics of all classes are not printed line by line.

Patches ``YuccaLogger.log_metrics`` (yucca/modules/callbacks/loggers.py).
Symptom: it takes an epoch to be 250 steps, so that with another ``--train_batches_per_step`` later epochs are missing;
for 37 classes it prints 150 lines an epoch, with the classes counted from the first after the background.
Cure: they are in ``metrics.csv`` (see run_log), under the number of their class; the log has one line an epoch.
"""

from __future__ import annotations

from typing import Any


def apply(module: Any) -> bool:
    """Patch ``YuccaLogger.log_metrics`` to print nothing; False if it does not assume a length of an epoch."""
    if "steps_per_epoch" not in module.YuccaLogger.log_metrics.__wrapped__.__code__.co_names:
        return False
    module.YuccaLogger.log_metrics = lambda self, metrics, step: None  # noqa: ARG005
    return True
