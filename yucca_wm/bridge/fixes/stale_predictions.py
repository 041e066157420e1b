"""A prediction older than its model, or without the softmax that is asked for, is made again.

Patches ``YuccaManager.predict_folder`` (yucca/pipeline/managers/YuccaManager.py), which has the test dataset leave out
every case whose label map exists.
Symptom: after retraining, and with ``--save_softmax`` on a second run, the old files stay and the exit code is 0.
Cure: only a label map (and softmax file) newer than the checkpoint counts as done.
"""

from __future__ import annotations

from functools import wraps
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``YuccaManager.predict_folder`` to redo label maps older than the checkpoint."""
    manager = module.YuccaManager
    plain = manager.predict_folder

    @wraps(plain)
    def predict_folder(self: Any, input_folder: str, *args: Any, **kwargs: Any) -> Any:
        from yucca_wm.training.unfinished import dataset_of_unfinished

        self.test_dataset_class = dataset_of_unfinished(
            self.test_dataset_class, checkpoint=self.ckpt_path, softmax=bool(kwargs.get("save_softmax"))
        )
        return plain(self, input_folder, *args, **kwargs)

    manager.predict_folder = predict_folder
    return True
