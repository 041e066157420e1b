"""Which cases of a test set are still to be predicted."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from yucca_wm.core.files import remove_temporaries


def dataset_of_unfinished(dataset_class: Any, *, checkpoint: str | None, softmax: bool) -> Any:
    """A factory of ``dataset_class`` whose cases are those that `is_finished` says no to (all, if overwriting)."""
    return functools.partial(_build, dataset_class, checkpoint, softmax)


def _build(
    dataset_class: Any,
    checkpoint: str | None,
    softmax: bool,
    data_dir: str,
    *,
    overwrite_predictions: bool = False,
    **keywords: Any,
) -> Any:
    folder = Path(keywords["pred_save_dir"])
    remove_temporaries(folder)
    dataset = dataset_class(data_dir, overwrite_predictions=True, **keywords)
    if not overwrite_predictions:
        suffix = getattr(dataset, "prediction_suffix", "." + str(dataset.suffix).lstrip("."))
        dataset.unique_cases = [
            case for case in dataset.unique_cases if not is_finished(folder, case, suffix, checkpoint, softmax)
        ]
    return dataset


def is_finished(folder: Path, case: str, suffix: str, checkpoint: str | None, softmax: bool) -> bool:
    """Whether the label map of ``case`` (and its softmax file, if asked for) is there and newer than the model."""
    outputs = [folder / f"{case}{suffix}"] + ([folder / f"{case}.npz"] if softmax else [])
    oldest = Path(checkpoint).stat().st_mtime if checkpoint and Path(checkpoint).is_file() else 0.0
    return all(output.is_file() and output.stat().st_mtime >= oldest for output in outputs)
