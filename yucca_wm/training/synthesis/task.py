"""Make a raw Yucca task of heads to paint from a folder of label maps, as input for ``yucca_preprocess``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from yucca_wm.cohort.layouts import find_subjects
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import NIFTI_SUFFIXES, make_folder, nifti_files, sha256, write_json
from yucca_wm.jobs.cases import Outcome
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import only_run_in, run_step
from yucca_wm.jobs.step import Step, Work
from yucca_wm.parcellate.outputs import Outputs
from yucca_wm.tasks.raw_folder import SAFE_NAME
from yucca_wm.training.synthesis.heads import LOOKUP, SCAN_SHARE, save_head
from yucca_wm.training.synthesis.prepare import LesionMasks, load_masks, prepare_head
from yucca_wm.training.synthesis.structures import CEREBRAL_WM

TASK_NAME = "Task007_WM_Synthesis"
HEADS, LIST = "heads", "dataset.json"
SHARE = 0.3
"""Default share of training samples from real scans, if there are any."""
REMEDY = "make it with python -m yucca_wm.parcellate --wm {} --wm-labels 2 41 --transform deformable"


@dataclass(frozen=True)
class Request:
    """Work of `prepare_task` for one head, sent to a worker.

    masks : in order; none: lesions are only made up.
    scans : the subject's T1, FLAIR or both; none: samples are painted.
    """

    labels: Path
    parcellation: Outputs
    masks: tuple[Path, ...]
    template: Path | None
    out: Path
    scans: Mapping[str, Path] = field(default_factory=dict)


def prepare_task(
    labels: Path,
    parcellations: Path,
    out: Path,
    *,
    lesion_masks: Path | None = None,
    template: Path | None = None,
    scans: Path | None = None,
    scan_share: float = SHARE,
    options: RunOptions | None = None,
) -> Outcome[Any]:
    """Write every head of the folder ``labels`` to ``out/heads`` and list them in ``out/dataset.json``.

    A head already done from the same files is kept; one that cannot be used is left out and recorded.

    Parameters
    ----------
    labels : Path
        Folder of label maps as for `prepare_head`.
    parcellations : Path
        Folder with ``NAME.nii.gz`` or ``NAME_regions.nii.gz`` of each label map ``NAME.nii.gz`` (or, as
        ``parcellate --cohort`` leaves it, in a folder NAME), with its companions.
    out : Path
        The raw task's folder.
    lesion_masks : Path, optional
        Folder of lesion masks of other subjects in one space.
    template : Path, optional
        As for `load_masks`.
    scans : Path, optional
        Cohort (a folder or a table of paths, as for ``predict --cohort``) with the T1, the FLAIR or both of subjects
        whose label maps are in ``labels`` under the same names. Their samples are cut from these scans, with the
        lesions of the label map (25, 57, 77).
    scan_share : float
        Share of training samples from real scans.
    options : RunOptions, optional
        How the work is distributed.

    Returns
    -------
    Outcome
        Name -> result for the head (checksum, brain in ml, number of regions), and reasons for heads left out.

    Raises
    ------
    InputError
        Folders that are missing or empty, masks that cannot be used, names that Yucca misreads, scans of subjects
        without a label map, a share outside 0 to 1.
    """
    files = nifti_files(labels)
    masks = tuple(nifti_files(lesion_masks).values()) if lesion_masks else ()
    if not files:
        raise InputError(labels, "holds no label map", "give a folder of .nii.gz files")
    unsafe = next((name for name in files if not SAFE_NAME.fullmatch(name)), None)
    if unsafe:
        raise InputError(files[unsafe], "has a name with more than letters, digits, '_' and '-'", "rename it")
    if lesion_masks:
        load_masks(list(masks), template)  # a problem with them is one error, not one for every head
    own = _scans(scans, files) if scans else {}
    if own and not 0 < scan_share <= 1:
        raise InputError("--scan-share", f"is {scan_share:g}", "give a share above 0, at most 1")
    make_folder(out / HEADS)
    parameters = {
        "masks": {mask.name: sha256(mask) for mask in masks},
        "template": sha256(template) if template else None,
    }
    works, absent = {}, {}
    for name, path in files.items():
        found = _parcellation(parcellations, name)
        if found is None:
            absent[name] = f"has no parcellation in {parcellations}; {REMEDY.format(path)}"
            continue
        target = out / HEADS / f"{name}.npz"
        inputs = {"labels": path, "unmasked": found.unmasked, "affine": found.affine}
        inputs |= {"field": found.field} if found.field.is_file() else {}
        inputs |= own.get(name, {})
        works[name] = Work(Request(path, found, masks, template, target, own.get(name, {})), inputs, [target])
    with only_run_in(out, options or RunOptions()):
        outcome = run_step(Step("prepare", out, parameters), _prepare, works, options or RunOptions())
        heads = dict(sorted(outcome.results.items()))
        write_json(
            out / LIST,
            {
                "name": TASK_NAME,
                "description": "Heads that YuccaManager_Synthesis paints scans from; others are not used",
                "heads": heads,
                "lesion_masks": parameters["masks"],
                SCAN_SHARE: scan_share if own.keys() & heads.keys() else 0.0,
            },
        )
    return Outcome(heads, dict(sorted((absent | outcome.failures).items())))


def heads_of(task: Path) -> dict[str, Path]:
    """The heads that a raw task lists.

    Parameters
    ----------
    task : Path
        Folder that `prepare_task` wrote.

    Returns
    -------
    dict of str to Path
        Name -> file.

    Raises
    ------
    InputError
        It lists no head, or a listed one is missing.
    """
    try:
        names = list(json.loads((task / LIST).read_text(encoding="utf-8"))["heads"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "make it with python -m yucca_wm.training.synthesis"
        raise InputError(task, f"is not a task of heads to paint ({error})", remedy) from error
    heads = {name: task / HEADS / f"{name}.npz" for name in names}
    missing = next((path for path in heads.values() if not path.is_file()), None)
    if missing or not heads:
        raise InputError(missing or task, "is not there" if missing else "lists no head", "prepare the heads again")
    return heads


def scan_share_of(task: Path) -> float:
    """Share of samples from real scans, in a raw task written by `prepare_task`."""
    return float(json.loads((task / LIST).read_text(encoding="utf-8")).get(SCAN_SHARE, 0.0))


def _scans(cohort: Path, labels: Mapping[str, Path]) -> dict[str, dict[str, Path]]:
    """Name -> T1, FLAIR or both, for every subject in ``cohort``."""
    found = {}
    for subject in find_subjects(cohort):
        if subject.name not in labels:
            raise InputError(cohort, f"has scans of {subject.name}, of whom there is no label map", "leave them out")
        given = {"T1": subject.t1, "FLAIR": subject.flair}
        found[subject.name] = {name: path for name, path in given.items() if path is not None}
        if not found[subject.name]:
            raise InputError(cohort, f"has neither T1 nor FLAIR of {subject.name}", "give one of them")
    return found


def _parcellation(folder: Path, name: str) -> Outputs | None:
    """Output of `yucca_wm.parcellate` for ``name``: the first place with all its files."""
    stems = (folder / name, folder / f"{name}_regions", folder / name / f"{name}_regions")
    for stem in stems:
        outputs = Outputs(stem.with_name(stem.name + NIFTI_SUFFIXES[0]))
        if outputs.unmasked.is_file() and outputs.affine.is_file():
            return outputs
    return None


@cache
def _masks(files: tuple[Path, ...], template: Path | None) -> LesionMasks:
    """The masks, read once per process."""
    return load_masks(list(files), template)


def _prepare(request: Request) -> dict[str, Any]:
    masks = _masks(request.masks, request.template) if request.masks else None
    head = prepare_head(request.labels, request.parcellation, masks, request.scans)
    save_head(head, request.out)
    white_matter = head.structures == CEREBRAL_WM
    return {
        "sha256": sha256(request.out),
        "brain_ml": round(float(LOOKUP.brain[head.structures].sum()) / 1000, 1),
        "regions": int(np.unique(head.regions[head.regions > 0]).size),
        "scans": sorted(head.scans),
        "white_matter_under_masks": round(float((head.lesions[white_matter] > 0).mean()), 4),
    }
