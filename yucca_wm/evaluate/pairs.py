"""Pair predictions with truths by name: two files, two folders, or predictions and the maps of a cohort."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from yucca_wm.cohort.ids import alike, looks_like
from yucca_wm.cohort.layouts import find_subjects
from yucca_wm.cohort.pairing import image_files, match
from yucca_wm.cohort.subject import Split, Subject
from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import case_name, no_such_file
from yucca_wm.core.predictions import By, prediction_record
from yucca_wm.tasks.definition import Target
from yucca_wm.tasks.split import resolve_splits


@dataclass(frozen=True)
class Pairs:
    """What is to be compared, by case.

    paths : prediction and truth. failed : reason why a case is left out. scans : scan of the cohort behind the maps.
    in_training : subject of the cohort -> whether it is in the training set.
    """

    paths: dict[str, tuple[Path, Path]]
    failed: dict[str, str]
    scans: Mapping[str, Path] = field(default_factory=dict)
    in_training: Mapping[str, bool] = field(default_factory=dict)


def refuse_same(pred: Path, gt: Path) -> None:
    """Raise InputError if both are one file or folder."""
    if pred.exists() and gt.exists() and pred.samefile(gt):
        raise InputError(pred, "is given as prediction and as truth", "give the maps to compare with")


def find_pairs(pred: Path, gt: Path, kind: Target | None, name: str | None = None) -> Pairs:
    """Pairs of two files or two folders. name : of the case of two files (default: that of the prediction).

    Raises InputError if there is no pair to compare, or predictions and truths are the same files.
    """
    refuse_same(pred, gt)
    if pred.is_file() and gt.is_file():
        return Pairs({name or case_name(pred): (pred, gt)}, {})
    for path in (pred, gt):
        if not path.is_dir():
            problem = "is not a folder" if path.exists() else "no such file or folder"
            raise InputError(path, problem, "give two files, or two folders")
    failed: dict[str, str] = {}
    predictions, truths = (image_files(folder, failed, lesion=kind is Target.LESIONS) for folder in (pred, gt))
    partners = match(truths, predictions, pred, failed, lacks="has no prediction")
    if _match_nothing(partners, failed):
        near = ((path, truths[name]) for wanted, path in predictions.items() for name in alike(wanted, truths))
        hint = next((f" (for {path.name}, {other.name} is there)" for path, other in near), "")
        problem = f"holds no file named as one of {gt}{hint}"
        raise InputError(pred, problem, "predictions and truths must have the same names")
    _note_unused(predictions, partners, failed)
    return _of_two_files(partners, truths, failed)


def pairs_of_cohort(pred: Path, root: Path, layout: str, kind: Target) -> Pairs:
    """Pairs of predictions (a folder of files named after the subjects, or one of these) and the maps of this kind that
    the subjects of a cohort have.

    Subjects without such a map are named on stderr. Raises InputError as `find_pairs`.
    """
    subjects = {subject.name: subject for subject in find_subjects(root, layout)}
    truths = {name: path for name, subject in subjects.items() if (path := getattr(subject, kind)) is not None}
    noun = Target(kind).noun
    if not truths:
        raise InputError(root, f"has no {noun} of any subject", "give the folder that the true maps are in (--gt)")
    failed: dict[str, str] = {}
    predictions = image_files(pred, failed, lesion=kind is Target.LESIONS)
    home = pred.parent if pred.is_file() else pred
    partners = match(truths, predictions, home, failed, lacks="has no prediction")
    if _match_nothing(partners, failed):
        whose = next((looks_like(name, truths) for name in predictions if alike(name, truths)), "")
        problem = "is not named" if pred.is_file() else "holds no file named"
        problem = f"{problem} after a subject of {root} with a {noun}{whose}"
        raise InputError(pred, problem, "name each prediction after its subject")
    if pred.is_file():
        failed = {}
    else:
        if without := [name for name in subjects if name not in truths]:
            print(f"note: subjects without a {noun}: {some_of(without)}", file=sys.stderr)
        unused = match(dict.fromkeys(without, pred), predictions, home, {})
        _note_unused(predictions, {**partners, **unused}, failed)
    pairs = _of_two_files(partners, truths, failed)
    scans = {name: scan for name in pairs.paths if (scan := subjects[name].flair or subjects[name].t1) is not None}
    return replace(pairs, scans=scans, in_training=_in_training(subjects, pairs.paths))


def _in_training(subjects: Mapping[str, Subject], paths: Mapping[str, tuple[Path, Path]]) -> dict[str, bool]:
    """Subject -> whether a model trained on its cohort has seen that person.

    Where the cohort states no split, the tasks draw one; maps of the models that come with this package do not depend
    on it.
    """
    splits = resolve_splits(subjects.values())
    stated = any(one.split is not None for one in subjects.values())
    ours = {name for name, (prediction, _) in paths.items() if prediction_record(prediction).lesions_by == By.NETWORK}
    return {name: split is Split.TRAIN and (stated or name not in ours) for name, split in splits.items()}


def _match_nothing(partners: Mapping[str, Path], failed: Mapping[str, str]) -> bool:
    """Whether no name fits any other, not even several."""
    return not partners and not any("possible partners" in reason for reason in failed.values())


def _note_unused(predictions: Mapping[str, Path], partners: Mapping[str, Path], failed: Mapping[str, str]) -> None:
    if unused := [name for name, path in predictions.items() if path not in partners.values() and name not in failed]:
        print(f"note: predictions without a truth: {some_of(unused)}", file=sys.stderr)


def _of_two_files(partners: Mapping[str, Path], truths: Mapping[str, Path], failed: dict[str, str]) -> Pairs:
    """The pairs; those that are one file, or whose truth does not exist, are failures."""
    paths = {}
    for name, prediction in partners.items():
        if not truths[name].is_file():
            failed[name] = str(no_such_file(truths[name]))
        elif prediction.samefile(truths[name]):
            failed[name] = f"{prediction}: is the same file as the truth"
        else:
            paths[name] = (prediction, truths[name])
    return Pairs(paths, failed)
