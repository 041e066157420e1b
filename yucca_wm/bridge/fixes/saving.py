"""``--save_softmax`` writes a small file that cannot run code, and ``yucca_ensemble`` merges without loading all of it.

Patches ``save_prediction_from_logits`` and ``merge_softmax_from_folders`` (yucca/functional/utils/saving.py).
Symptom: 310-370 MiB and 20 CPU s a case for 37 classes, properties that are unpickled on load, 2.5 GiB to merge two
files; grids with other affines are merged silently; a killed run leaves half a file.
Cure: `yucca_wm.ensemble.store` and `yucca_wm.ensemble.folders`.
"""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``save_prediction_from_logits`` and ``merge_softmax_from_folders`` to use `yucca_wm.ensemble`."""
    plain = module.save_prediction_from_logits

    @wraps(plain)
    def save_prediction_from_logits(
        logits: Any, outpath: str, properties: dict[str, Any], save_softmax: bool = False, compression: int = 9
    ) -> None:
        from yucca_wm.training.prediction import restored, save_prediction

        volume = restored(logits, properties)
        if volume is None:
            plain(logits, outpath, properties, save_softmax=save_softmax, compression=compression)
        else:
            save_prediction(volume, Path(outpath), save_softmax=save_softmax)

    def merge_softmax_from_folders(folders: list[str], outpath: str, method: str = "sum") -> None:  # noqa: ARG001
        from yucca_wm.core.errors import YuccaWMError
        from yucca_wm.ensemble.folders import merge_folders

        outcome = merge_folders(folders, outpath)
        if outcome.failures:
            raise YuccaWMError("; ".join(f"{case}: {reason}" for case, reason in outcome.failures.items()))

    module.save_prediction_from_logits = save_prediction_from_logits
    module.merge_softmax_from_folders = merge_softmax_from_folders
    return True
