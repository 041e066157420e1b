"""Write a cohort as one of the six raw Yucca tasks."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from yucca_wm.cli import Parser, exit_code, report_failures
from yucca_wm.cli.flags import add_flag, add_run_flags, run_options
from yucca_wm.cohort.ids import sharers
from yucca_wm.cohort.layouts import AUTO, find_subjects
from yucca_wm.cohort.region_record import names_of
from yucca_wm.cohort.subject import Split, Subject
from yucca_wm.core.errors import InputError, count
from yucca_wm.core.files import make_folder, write_json
from yucca_wm.core.modality import Modality, lacking, used_alone
from yucca_wm.imaging.reading import OPTION, reading_aloud, say
from yucca_wm.jobs.lock import only_run
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import run_step
from yucca_wm.jobs.run_record import Record
from yucca_wm.jobs.step import Step, Work
from yucca_wm.tasks.case import NOT_WRITTEN, Request, write_subject
from yucca_wm.tasks.definition import TASKS, Target, Task
from yucca_wm.tasks.raw_folder import RawFolder, dataset_json, find_source, name_problems
from yucca_wm.tasks.split import SEED, TEST_FRACTION, resolve_splits

STEP, VARIABLE = "convert", "YUCCA_WM_CONVERT"

PARALLEL_FROM = 24
"""Number of subjects from which worker processes pay off; fewer are done before they have started."""


@dataclass(frozen=True)
class Conversion:
    """Result of `convert`.

    folder : the raw task.
    files : its files now, relative to it.
    removed : files of an earlier run that were deleted.
    changed : files of an earlier run whose content has changed.
    failures : subject -> why it was left out, or what it lacks.
    subjects : number of subjects that belong to the task.
    shared : a line for each scan that is on both sides of the split.
    """

    folder: Path
    files: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    failures: dict[str, str]
    subjects: int
    shared: tuple[str, ...] = ()


def convert(
    task: Task,
    cohort: Path,
    raw_data: Path,
    *,
    layout: str = AUTO,
    test_fraction: float = TEST_FRACTION,
    seed: int = SEED,
    options: RunOptions | None = None,
    register: bool = False,
) -> Conversion:
    """Write ``task`` of the cohort at ``cohort`` to ``raw_data/<task name>``.

    A subject that cannot be used is left out of the task and recorded; the others go on. A repeated run redoes what has
    changed; files of an earlier run that are no longer due are removed, files from elsewhere never.

    options : by default all processors are used, but only if the cohort is worth starting processes for.
    register : register T1 and FLAIR that are not aligned, with cases on the FLAIR's grid; else such a subject is left
        out.

    Raises
    ------
    InputError : as `find_subjects`; no subject belongs to the task's split, has its images or its labels; the folder
        exists and is not ours, cannot be written, or another run is writing it.
    """
    subjects = find_subjects(cohort, layout)
    splits = resolve_splits(subjects, test_fraction=test_fraction, seed=seed)
    requests, failures = _plan(task, cohort, subjects, splits, raw_data / task.name)
    requests = {name: replace(request, register=register) for name, request in requests.items()}
    names = _region_names(task, [request.subject for request in requests.values()])
    with only_run(make_folder(raw_data) / task.name):
        folder = RawFolder.open(raw_data / task.name)
        foreign = folder.begin(file for request in requests.values() for file in request.files())
        for name, request in list(requests.items()):
            if clash := next((foreign[file] for file in request.files() if file in foreign), None):
                failures[name] = clash
                del requests[name]
        files, run_failures = _write(requests, folder, options or RunOptions())
        shared = _on_both_sides(folder, splits, requests.keys() - run_failures.keys())
        removed, changed = folder.finish(files)
        sides = {str(side): sorted(name for name in splits if splits[name] is side) for side in Split}
        split = {"seed": seed, "test_fraction": test_fraction, **sides}
        source = find_source(cohort, subjects)
        write_json(folder.path / "dataset.json", dataset_json(task, sorted(files), split, source, names))
    failures = dict(sorted((failures | run_failures).items()))
    concerned = len(requests.keys() | failures.keys())
    return Conversion(folder.path, tuple(sorted(files)), tuple(removed), tuple(changed), failures, concerned, shared)


def _region_names(task: Task, subjects: Iterable[Subject]) -> dict[int, str]:
    """Label -> name of the regions, as the region maps state them: models are stored with the names in
    ``dataset.json``.

    Raises InputError if two maps call a label, or place a name, differently.
    """
    names: dict[int, str] = {}
    labels: dict[str, int] = {}
    for path in (subject.regions for subject in subjects if task.target is Target.REGIONS):
        for label, name in names_of(path).items() if path is not None else ():
            if label not in task.target.classes:
                continue
            if names.setdefault(label, name) != name or labels.setdefault(name, label) != label:
                other = f"label {labels[name]} {name}" if name in labels else f"label {label} {names[label]}"
                problem = f"calls label {label} {name}, other region maps call {other}"
                raise InputError(str(path), problem, "make all of them with one table of regions")
    return names


def convert_or_exit(task_name: str, cohort: str, subdir: str | None, raw_data: str) -> None:
    """Entry point of ``yucca_convert_task``: run `convert`, print what was done, and exit with 1 if anything failed.

    Options come from the environment (``YUCCA_WM_CONVERT="--register --jobs 4"``), because that command is Yucca's.
    """
    usage = f'{VARIABLE}="[--register] [--header sform|qform] [--jobs N] [--force] [--scheduler ADDRESS]"'
    parser = Parser(VARIABLE, usage=usage)
    parser.add_argument("--register", action="store_true", help="bring T1 and FLAIR that differ in place to one grid")
    add_flag(parser, "--header")
    add_run_flags(parser, levels=False)

    def work() -> int:
        said = parser.parse_args(shlex.split(os.environ.get(VARIABLE, "")))
        with reading_aloud(said.header, f'{VARIABLE}="{OPTION}"'):
            place, how = Path(cohort) / (subdir or ""), run_options(said, parser)
            return _convert(task_name, place, Path(raw_data), how, register=said.register)

    if code := exit_code(work):
        sys.exit(code)


def _convert(task_name: str, cohort: Path, raw_data: Path, options: RunOptions, *, register: bool) -> int:
    done = convert(TASKS[task_name], cohort, raw_data, options=options, register=register)
    removed = f", {len(done.removed)} old ones removed" if done.removed else ""
    print(f"{done.folder}: {len(done.files)} files{removed}")
    if done.removed or done.changed:
        _warn_of_stale_data(task_name, len(done.removed) + len(done.changed))
    say(done.shared)
    return report_failures(done.failures, done.subjects)


def _warn_of_stale_data(task_name: str, files: int) -> None:
    """Warn that ``yucca_preprocess`` skips every case it has seen, so that old voxels would be trained on."""
    preprocessed = os.environ.get("YUCCA_PREPROCESSED_DATA")
    if preprocessed and (folder := Path(preprocessed) / task_name).is_dir():
        print(
            f"note: {count(files, 'file')} of {task_name} changed since the last conversion, but yucca_preprocess "
            f"would keep what it made of the old ones: remove {folder} before you run it",
            file=sys.stderr,
        )


def _on_both_sides(folder: RawFolder, splits: Mapping[str, Split], names: Collection[str]) -> tuple[str, ...]:
    """A line for each scan that is given for a person to train on and for one to test on, byte for byte."""
    inputs = Record(folder.path, STEP).inputs_of(names)
    scans = {modality.column for modality in Modality}
    given = (((what, of.sha256), name) for name, own in inputs.items() for what, of in own.items() if what in scans)
    return tuple(
        f"{' and '.join(sorted(names))} have the same {what}, byte for byte, on both sides of the split (training "
        "and test): keep one of them"
        for (what, _), names in sharers(given).items()
        if len({splits[name] for name in names}) > 1
    )


def _write(
    requests: Mapping[str, Request], folder: RawFolder, options: RunOptions
) -> tuple[dict[str, str], dict[str, str]]:
    """Files in the folder afterwards (file -> sha256) and failures (subject -> reason).

    A subject found unusable loses its earlier files; one that could not be written (a full disk), or whose files were
    edited, keeps them.
    """
    if options.jobs is None and len(requests) < PARALLEL_FROM:
        options = replace(options, jobs=1)
    works = {}
    columns = [modality.column for modality in Modality]
    for name, request in requests.items():
        outputs = [folder.path / file for file in request.files()]
        works[name] = Work(request, request.subject.files(*columns, request.task.target), outputs)
    asked = {"register": True} if any(request.register for request in requests.values()) else {}
    step = Step(STEP, folder.path, {"task": folder.path.name, **asked}, replaces=False)
    outcome = run_step(step, write_subject, works, options)
    files: dict[str, str] = {}
    for written in outcome.results.values():
        files |= written
    for name, reason in outcome.failures.items():
        if reason.startswith(NOT_WRITTEN) or name in outcome.refused:
            files |= {file: "" for file in requests[name].files() if (folder.path / file).is_file()}
    return files, outcome.failures


def _plan(
    task: Task, cohort: Path, subjects: Sequence[Subject], splits: dict[str, Split], folder: Path
) -> tuple[dict[str, Request], dict[str, str]]:
    """Requests by subject, and missing files (subject -> message), before any image is opened."""
    concerned = [subject for subject in subjects if task.modality is None or splits[subject.name] is Split.TEST]
    if not any(splits[subject.name] is task.split for subject in concerned):
        raise InputError(cohort, f"has no {task.split} subject", task.split.remedy)
    known = [modality for modality in task.modalities if any(modality in subject.scans for subject in concerned)]
    if not known:
        raise InputError(cohort, f"has no {' or '.join(task.modalities)} image", "see docs/your-own-data.md")
    labelled = {splits[subject.name] for subject in concerned if getattr(subject, task.target)}
    if task.modality is None and Split.TRAIN not in labelled:
        raise InputError(cohort, f"{task.target.lacking} for training", task.target.remedy)

    requests: dict[str, Request] = {}
    failures: dict[str, str] = {}
    for subject in concerned:
        split = splits[subject.name]
        missing = [modality for modality in known if modality not in subject.scans]
        if task.modality is None and split in labelled and getattr(subject, task.target) is None:
            failures[subject.name] = f"{task.target.lacking}; {task.target.remedy}"
        elif task.modality is None and split not in labelled:
            continue
        elif split is task.split and len(missing) == len(known):
            failures[subject.name] = lacking(missing)
        else:
            requests[subject.name] = Request(task, subject, split, folder)
            if missing and split is task.split:
                rest = [modality for modality in known if modality not in missing]
                failures[subject.name] = f"{lacking(missing)}; {used_alone(rest)}"
    training = {name: request.cases() if request.split is Split.TRAIN else () for name, request in requests.items()}
    problems = name_problems(training)
    for name in problems:
        del requests[name]
    return requests, failures | problems
