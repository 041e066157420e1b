"""Merge folders of softmax files, case by case, into a folder of label maps."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import case_name, make_folder, remove_temporaries, write_json
from yucca_wm.core.predictions import recorded_names
from yucca_wm.ensemble.merge import Method, merge
from yucca_wm.ensemble.probabilities import Probabilities, Resampled
from yucca_wm.ensemble.store import SoftmaxFile, open_softmax
from yucca_wm.ensemble.yucca_softmax import PlainSoftmax
from yucca_wm.imaging import images
from yucca_wm.jobs.cases import Outcome
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import only_run_in, run_step
from yucca_wm.jobs.run_record import FileState
from yucca_wm.jobs.step import Step, Work

SUFFIX = ".npz"
MANIFEST = "ensemble.json"
CONFIDENCE_FOLDER = "confidence"


@dataclass(frozen=True)
class Options:
    """How to merge.

    weights : one positive number per folder, or None for equal ones.
    allow_missing : merge cases that only some folders have from those folders.
    resample : resample grids that differ to that of the first folder.
    confidence : also write a map of the probability of each voxel's label.
    """

    method: Method = Method.MEAN
    weights: tuple[float, ...] | None = None
    allow_missing: bool = False
    resample: bool = False
    confidence: bool = False


def merge_folders(
    in_dirs: Sequence[str | os.PathLike[str]],
    out_dir: str | os.PathLike[str],
    options: Options | None = None,
    run: RunOptions | None = None,
) -> Outcome[dict[str, Any]]:
    """Merge the softmax files of ``in_dirs`` that have the same name; write label maps and ``ensemble.json``.

    A case that already exists, made from the same files in the same way, is kept. One bad case does not stop the
    others. Results record what each case's label map was made from.

    Raises InputError for an empty folder, for a folder or file given twice (also through links), for cases that only
    some folders have unless they are allowed, and if another run is writing to ``out_dir``.
    """
    options = options or Options()
    folders = [softmax_files(folder) for folder in in_dirs]
    _check(in_dirs, folders, options)
    weights = options.weights or (1.0,) * len(folders)
    names = sorted(set().union(*folders))
    files = {name: {n: found[name] for n, found in enumerate(folders) if name in found} for name in names}
    with only_run_in(out_dir, run := run or RunOptions()) as out:
        remove_temporaries(out / CONFIDENCE_FOLDER)
        parameters = {"method": options.method, "weights": weights, "resample": options.resample}
        works = {
            name: Work(
                (name, members),
                {f"softmax of folder {number + 1}": path for number, path in members.items()},
                [path for path in _outputs(out, name).values() if options.confidence or path.parent == out],
                [] if options.confidence else [_outputs(out, name)["confidence"]],  # not of the new label map
            )
            for name, members in files.items()
        }
        work = partial(_merge_case, weights=weights, out=out, options=options)
        outcome = run_step(Step("ensemble", out, parameters), work, works, run)
        cases = {name: _said(name, files[name], weights, options, made) for name, made in outcome.results.items()}
        manifest = {
            "tool": f"yucca-wm {__version__}",
            "folders": [str(folder) for folder in in_dirs],
            "method": str(options.method),
            "weights": list(weights),
            "cases": cases,
            "failed": outcome.failures,
        }
        write_json(out / MANIFEST, manifest)
        _name_others(out, files)
    return Outcome(cases, outcome.failures)


def _name_others(out: Path, cases: Collection[str]) -> None:
    """Print on stderr which other label maps lie in ``out`` beside those of ``cases``: the next step reads them too."""
    others = [case_name(path) for path in sorted(out.glob("*.nii.gz")) if case_name(path) not in cases]
    if others:
        named = some_of(others)
        print(f"note: {out} also holds label maps of an earlier run, not made now: {named}", file=sys.stderr)


def _check(in_dirs: Sequence[str | os.PathLike[str]], folders: list[dict[str, Path]], options: Options) -> None:
    """Raise InputError unless every folder has a weight and, where required, every case."""
    if not folders:
        raise InputError("--in_dirs", "names no folder")
    if options.weights is not None and len(options.weights) != len(folders):
        raise InputError("--weights", f"has {len(options.weights)} numbers for {len(folders)} folders")
    if options.weights is not None and min(options.weights) <= 0:
        raise InputError("--weights", "must be positive")
    _check_once(in_dirs, folders)
    lacking: dict[str, list[str]] = {}
    for name in sorted(set().union(*folders)):
        if where := [str(folder) for folder, found in zip(in_dirs, folders, strict=True) if name not in found]:
            lacking[name] = where
    if lacking and not options.allow_missing:
        shown = "; ".join(f"'{name}' is not in {', '.join(where)}" for name, where in list(lacking.items())[:5])
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        raise InputError(
            "--in_dirs",
            f"cases are missing: {shown}{more}",
            "predict them, or merge what there is with --allow_missing",
        )


def _check_once(in_dirs: Sequence[str | os.PathLike[str]], folders: list[dict[str, Path]]) -> None:
    """Raise InputError if two folders, or two files of a case, are the same one: it would count twice."""
    for first, second in combinations(range(len(folders)), 2):
        if Path(in_dirs[first]).samefile(in_dirs[second]):
            named = f"is folder {first + 1} and folder {second + 1} of --in_dirs: what it says would count twice"
            raise InputError(in_dirs[second], named, "name each folder once; --weights says how much it counts")
        for name in folders[first].keys() & folders[second].keys():
            one, other = folders[first][name], folders[second][name]
            if one.exists() and other.exists() and one.samefile(other):
                problem = f"is the same file as {one}: what it says would count twice"
                raise InputError(other, problem, "give each model's own file")


def softmax_files(folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Case name -> softmax file. Raises InputError if the folder is missing or has none."""
    root = Path(folder)
    if not root.is_dir():
        raise InputError(root, "is not a folder", "give the folder that yucca_inference wrote to")
    found = {p.name.removesuffix(SUFFIX): p for p in sorted(root.glob(f"*{SUFFIX}")) if not p.name.startswith(".")}
    if not found:
        raise InputError(root, "holds no softmax file (.npz)", "run yucca_inference with --save_softmax")
    return found


def open_probabilities(path: Path) -> SoftmaxFile | PlainSoftmax:
    """Open a softmax file of this package, or one written by plain Yucca."""
    return PlainSoftmax(path) if _is_plain(path) else open_softmax(path)


def _outputs(out: Path, name: str) -> dict[str, Path]:
    return {"label_map": out / f"{name}.nii.gz", "confidence": out / CONFIDENCE_FOLDER / f"{name}.nii.gz"}


def _merge_case(
    case: tuple[str, Mapping[int, Path]], weights: Sequence[float], out: Path, options: Options
) -> dict[str, Any]:
    """Write one case's maps; ``case``: its name and its file in each folder. Returns what is recorded of the files."""
    name, files = case
    target = _outputs(out, name)
    members: list[Probabilities] = [open_probabilities(path) for path in files.values()]
    if options.resample:
        members = [members[0], *(Resampled.like(member, members[0].grid) for member in members[1:])]
    digests = [FileState.of(path).sha256 for path in files.values()]
    for path, digest in zip(files.values(), digests, strict=True):
        if digests.count(digest) > 1:
            raise InputError(path, "is there in two folders, byte for byte: what it says would count twice")
    about = [getattr(member, "about", {}) for member in members]
    names = _names(list(files.values()), about)
    merged = merge(members, method=options.method, weights=[weights[n] for n in files], confidence=options.confidence)
    if merged.confidence is not None:
        make_folder(out / CONFIDENCE_FOLDER)
        images.save(merged.grid.image(merged.confidence), target["confidence"])
    images.save(merged.grid.image(merged.labels), target["label_map"], names)
    return {"sha256": digests, "models": about}


def _names(files: Sequence[Path], about: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Label -> name of the regions, as the first file that has names states them.

    Raises InputError if a name belongs to another label in another file: their classes are not the same.
    """
    stated = [(file, names) for file, model in zip(files, about, strict=True) if (names := recorded_names(model))]
    for (first, names), (other, others) in combinations(stated, 2):
        label_of = {name: label for label, name in names.items()}
        for label, name in others.items():
            if label_of.get(name, label) != label:
                problem = f"calls label {label} {name}, which is label {label_of[name]} in {first}"
                raise InputError(other, problem, "ensemble predictions of the same label set")
    return stated[0][1] if stated else {}


def _said(
    name: str, files: Mapping[int, Path], weights: Sequence[float], options: Options, made: Mapping[str, Any]
) -> dict[str, Any]:
    """A case's entry in ``ensemble.json``."""
    members = [
        {"file": str(path), "sha256": digest, "weight": weights[number]}
        for (number, path), digest in zip(files.items(), made["sha256"], strict=True)
    ]
    outputs = _outputs(Path(), name)
    confidence = {"confidence": str(outputs["confidence"])} if options.confidence else {}
    return {
        "members": members,
        "method": str(options.method),
        "resampled": options.resample,
        "label_map": str(outputs["label_map"]),
        **confidence,
        "models": made["models"],
    }


def _is_plain(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "data.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
