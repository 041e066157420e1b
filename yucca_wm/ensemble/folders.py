"""Folders of softmax files merged case by case into a folder of label maps."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yucca_wm import __version__, images
from yucca_wm.cohort.run import Outcome, run_cases
from yucca_wm.ensemble.merge import Method, merge
from yucca_wm.ensemble.plain import PlainSoftmax
from yucca_wm.ensemble.resampled import Resampled
from yucca_wm.ensemble.store import Probabilities, SoftmaxFile, open_softmax
from yucca_wm.errors import InputError
from yucca_wm.files import make_folder, remove_temporaries, write_json

SUFFIX = ".npz"
MANIFEST = "ensemble.json"
CONFIDENCE_FOLDER = "confidence"


@dataclass(frozen=True)
class Options:
    """How to merge.

    weights : one positive number per folder, or None for equal ones.
    allow_missing : merge cases that only some folders have from those.
    resample : bring grids that differ to that of the first folder.
    confidence : write a map of how probable each voxel's label is as well.
    """

    method: Method = Method.MEAN
    weights: tuple[float, ...] | None = None
    allow_missing: bool = False
    resample: bool = False
    confidence: bool = False
    jobs: int = 1


@dataclass(frozen=True)
class _Case:
    name: str
    files: tuple[tuple[int, Path], ...]
    out_dir: Path
    options: Options


def merge_folders(
    in_dirs: Sequence[str | os.PathLike[str]], out_dir: str | os.PathLike[str], options: Options | None = None
) -> Outcome[dict[str, Any]]:
    """Merge the softmax files of ``in_dirs`` that have the same name; write label maps and ``ensemble.json``.

    A case that is already there, made from the same files in the same way, is kept. One bad case does not stop the
    others. Raises InputError for an empty folder, and for cases that only some folders have unless they are allowed.
    """
    options = options or Options()
    folders = [softmax_files(folder) for folder in in_dirs]
    if not folders:
        raise InputError("--in_dirs", "names no folder")
    if options.weights is not None and len(options.weights) != len(folders):
        raise InputError("--weights", f"has {len(options.weights)} numbers for {len(folders)} folders")
    if options.weights is not None and min(options.weights) <= 0:
        raise InputError("--weights", "must be positive")
    names = sorted(set().union(*folders))
    partial = {name: [str(d) for d, found in zip(in_dirs, folders, strict=True) if name not in found] for name in names}
    partial = {name: where for name, where in partial.items() if where}
    if partial and not options.allow_missing:
        shown = "; ".join(f"'{name}' is not in {', '.join(where)}" for name, where in list(partial.items())[:5])
        more = f" and {len(partial) - 5} more" if len(partial) > 5 else ""
        raise InputError(
            "--in_dirs",
            f"cases are missing: {shown}{more}",
            "predict them, or merge what there is with --allow_missing",
        )
    out = make_folder(out_dir)
    for folder in (out, out / CONFIDENCE_FOLDER):
        remove_temporaries(folder)
    cases = {
        name: _Case(name, tuple((n, found[name]) for n, found in enumerate(folders) if name in found), out, options)
        for name in names
    }
    known = _previous(out)
    outcome = run_cases(
        _merge_case, {n: (c, known.get(n)) for n, c in cases.items()}, jobs=options.jobs, label="ensemble"
    )
    write_json(
        out / MANIFEST,
        {
            "tool": f"yucca-wm {__version__}",
            "folders": [str(folder) for folder in in_dirs],
            "method": str(options.method),
            "weights": list(options.weights or [1.0] * len(folders)),
            "cases": outcome.results,
            "failed": outcome.failures,
        },
    )
    return outcome


def softmax_files(folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Case name -> softmax file. Raises InputError when the folder is not there or has none."""
    root = Path(folder)
    if not root.is_dir():
        raise InputError(root, "is not a folder", "give the folder that yucca_inference wrote to")
    found = {p.name.removesuffix(SUFFIX): p for p in sorted(root.glob(f"*{SUFFIX}")) if not p.name.startswith(".")}
    if not found:
        raise InputError(root, "holds no softmax file (.npz)", "run yucca_inference with --save_softmax")
    return found


def open_probabilities(path: Path) -> SoftmaxFile | PlainSoftmax:
    """A softmax file of ours, or one that plain Yucca wrote."""
    return PlainSoftmax(path) if _is_plain(path) else open_softmax(path)


def _merge_case(task: tuple[_Case, dict[str, Any] | None]) -> dict[str, Any]:
    case, known = task
    options, target = case.options, case.out_dir / f"{case.name}.nii.gz"
    confidence = case.out_dir / CONFIDENCE_FOLDER / f"{case.name}.nii.gz"
    weights = [options.weights[number] if options.weights else 1.0 for number, _ in case.files]
    made = {
        "members": [
            {"file": str(path), "sha256": _sha256(path), "weight": weight}
            for (_, path), weight in zip(case.files, weights, strict=True)
        ],
        "method": str(options.method),
        "resampled": options.resample,
        "label_map": target.name,
    }
    if options.confidence:
        made["confidence"] = f"{CONFIDENCE_FOLDER}/{target.name}"
    if known is not None and target.is_file() and {key: known.get(key) for key in made} == made:
        return known
    for outdated in (target, confidence):  # if this fails, no old map may pass for the new one
        outdated.unlink(missing_ok=True)
    members: list[Probabilities] = [open_probabilities(path) for _, path in case.files]
    if options.resample:
        members = [members[0], *(Resampled.like(member, members[0].grid) for member in members[1:])]
    about = [getattr(member, "about", {}) for member in members]
    merged = merge(members, method=options.method, weights=weights, confidence=options.confidence)
    if merged.confidence is not None:
        images.save(merged.grid.image(merged.confidence), make_folder(confidence.parent) / confidence.name)
    images.save(merged.grid.image(merged.labels), target)
    return {**made, "models": about}


def _is_plain(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "data.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _previous(out: Path) -> dict[str, dict[str, Any]]:
    try:
        return dict(json.loads((out / MANIFEST).read_text(encoding="utf-8"))["cases"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
