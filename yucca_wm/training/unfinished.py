"""Cases that ``yucca_inference`` has still to predict: without an output, or with one older than its model or scans."""

from __future__ import annotations

import functools
import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from yucca_wm.core.files import remove_temporaries


def dataset_of_unfinished(dataset_class: Any, *, checkpoint: str | None, softmax: bool) -> Any:
    """Factory of ``dataset_class`` restricted to cases for which `is_finished` is false (all, if overwriting)."""
    return functools.partial(_dataset, dataset_class, checkpoint, softmax)


def _dataset(
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
            case
            for case in dataset.unique_cases
            if not is_finished(folder, case, suffix, [checkpoint, *scans_of(data_dir, case)], softmax)
        ]
    return dataset


def scans_of(folder: str | os.PathLike[str], case: str) -> list[Path]:
    """The images of ``case`` in a folder named by Yucca: ``<case>_000.nii.gz``, one for each channel."""
    return list(Path(folder).glob(f"{glob.escape(case)}_[0-9][0-9][0-9].*"))


def is_finished(
    folder: Path, case: str, suffix: str, made_from: Iterable[str | os.PathLike[str] | None], softmax: bool
) -> bool:
    """Whether the label map of ``case`` (and its softmax file, if requested) exists, and is not older than the files
    that it is made from: model and scans."""
    outputs = [folder / f"{case}{suffix}"] + ([folder / f"{case}.npz"] if softmax else [])
    newest = max((Path(file).stat().st_mtime for file in made_from if file and Path(file).is_file()), default=0.0)
    return all(output.is_file() and output.stat().st_mtime >= newest for output in outputs)
