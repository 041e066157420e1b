"""Pair predictions with truths by name: two files, two folders, or a folder and the maps of a cohort."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from yucca_wm.cohort.ids import alike
from yucca_wm.cohort.layouts import find_subjects
from yucca_wm.cohort.pairing import image_files, match
from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import case_name
from yucca_wm.evaluate.case import Kind
from yucca_wm.tasks.definition import Target

Pairs = dict[str, tuple[Path, Path]]
"""Case -> prediction and truth."""


def find_pairs(pred: Path, gt: Path, kind: Kind | None, layout: str | None = None) -> tuple[Pairs, dict[str, str]]:
    """Pairs, and reasons for cases left out (case -> reason).

    layout : ``gt`` is a cohort arranged in this way; its lesion masks or region maps, by ``kind``, are the truths.

    Raises InputError if there is no pair to compare, or predictions and truths are the same files.
    """
    if pred.exists() and gt.exists() and pred.samefile(gt):
        raise InputError(pred, "is given as prediction and as truth", "give the maps to compare with")
    if layout is None and pred.is_file() and gt.is_file():
        return {case_name(pred): (pred, gt)}, {}
    failed: dict[str, str] = {}
    _check_folder(pred, "two folders" if layout is None else "a folder of maps named after the subjects")
    if layout is None:
        _check_folder(gt, "two folders")
        truths = image_files(gt, failed, lesion=kind is Kind.LESIONS)
    else:
        truths = _of_cohort(gt, layout, kind or Kind.LESIONS)
    predictions = image_files(pred, failed, lesion=kind is Kind.LESIONS)
    partners = match(truths, predictions, pred, failed, lacks="has no prediction")
    if not partners and not any("possible partners" in reason for reason in failed.values()):
        problem = f"holds no file named as one of {gt}{_near(predictions, truths)}"
        raise InputError(pred, problem, "predictions and truths must have the same names")
    if unused := [name for name, path in predictions.items() if path not in partners.values() and name not in failed]:
        print(f"note: predictions without a truth: {some_of(unused)}", file=sys.stderr)
    pairs = {name: (partner, truths[name]) for name, partner in partners.items()}
    for name, (prediction, truth) in list(pairs.items()):
        if prediction.samefile(truth):
            failed[name] = f"{prediction}: is the same file as the truth"
            del pairs[name]
    return pairs, failed


def _check_folder(path: Path, wanted: str) -> None:
    if not path.is_dir():
        problem = "is not a folder" if path.exists() else "no such file or folder"
        raise InputError(path, problem, f"give two files, or {wanted}")


def _of_cohort(root: Path, layout: str, kind: Kind) -> dict[str, Path]:
    """Subject -> its map of this kind; who has none is named on stderr."""
    subjects = find_subjects(root, layout)
    truths = {subject.name: path for subject in subjects if (path := getattr(subject, kind)) is not None}
    what = Target(kind).map
    if not truths:
        raise InputError(root, f"has no {what} of any subject", "give the folder that the true maps are in (--gt)")
    if without := [subject.name for subject in subjects if subject.name not in truths]:
        print(f"note: subjects without a {what}: {some_of(without)}", file=sys.stderr)
    return truths


def _near(predictions: Mapping[str, Path], truths: Mapping[str, Path]) -> str:
    """The first pair of similar names, as the end of a message; or nothing."""
    pairs = ((path, truths[name]) for wanted, path in predictions.items() for name in alike(wanted, truths))
    return next((f" (for {path.name}, {near.name} is there)" for path, near in pairs), "")
