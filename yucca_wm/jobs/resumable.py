"""Run one step for a whole cohort: keep finished subjects, do the rest, and record everything."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from yucca_wm.cohort.ids import looks_like
from yucca_wm.core import verbosity
from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import case_name, make_folder, missing_folders, remove_temporaries
from yucca_wm.imaging import reading
from yucca_wm.jobs.cases import Outcome, run_cases
from yucca_wm.jobs.lock import hold
from yucca_wm.jobs.not_replaced import Written, check_apart
from yucca_wm.jobs.options import Level, RunOptions, selected
from yucca_wm.jobs.run_record import HEADER, Entry, Record, State
from yucca_wm.jobs.step import Case, Step, Work
from yucca_wm.jobs.worker import Done, Due, bring_back, do_subject, is_current, is_same, remove_earlier

SAVED = {"saved": "from Python"}
"""Parameters of such an entry: a command does the subject again."""


@contextmanager
def only_run_in(folder: str | os.PathLike[str], options: RunOptions) -> Iterator[Path]:
    """Make ``folder`` and keep other runs out of it: all of them or, at the participant level, only whole runs. A
    folder that was made for nothing is removed."""
    made = missing_folders(Path(folder))
    out = make_folder(folder)
    try:
        with hold(out / ".lock", out, shared=not options.is_whole):
            yield out
    except BaseException:
        with suppress(OSError):  # not empty
            for path in made:
                path.rmdir()
        raise


def run_step(
    step: Step,
    function: Callable[[Case], Any],
    works: Mapping[str, Work[Case]],
    options: RunOptions,
    *,
    threads: bool = False,
) -> Outcome[Any]:
    """Apply ``function`` to every subject whose inputs or parameters have changed since its recorded run.

    ``function`` returns the values to record (JSON); results are those of this run and of earlier ones. The
    caller holds `only_run_in`. At the group level nothing is done, and every unfinished subject is a failure.

    A file that no run in this folder has written as it is (a mask drawn or edited by hand) is only replaced if
    ``options.force``: otherwise its subject is a failure.

    Files are read with the `reading` settings in force here; doubts about them are noted here, including earlier runs',
    and so are subjects whose earlier results, of other files, are replaced.

    Raises InputError if a label of ``options.participants`` is not a subject, a file is both read and written, every
    subject has such a file, or the record cannot be written.
    """
    if (form := reading.headers().form) is not None:
        step = replace(step, parameters={**step.parameters, HEADER: form})
    names, unknown = selected(works, options.participants)
    if unknown:
        known = some_of(works, 3)
        problem = f"'{unknown[0]}' is not a subject here{looks_like(unknown[0], works.keys())}"
        raise InputError("--participant-label", problem, f"there are {known}")
    record = Record(step.folder, step.name)
    chosen = {name: work for name, work in works.items() if name in names}
    check_apart(chosen.values())
    folders = {step.folder, *_folders_of(chosen.values(), step.folder)}
    if options.is_whole:
        _clear(step.folder, folders)
    if options.level is Level.GROUP:
        return _gathered(step, chosen, record)
    kept, due, refused = _sorted_out(step, chosen, record, force=options.force)
    if chosen and len(refused) == len(chosen):
        raise next(iter(refused.values()))
    if kept and len(chosen) > 1 and not verbosity.is_quiet():
        said = f"{len(kept)} of {len(chosen)} cases are done already; --force repeats them"
        print(f"{step.name}: {said}", file=sys.stderr)

    other_files: dict[str, Path] = {}

    def sent(name: str) -> None:
        last = due[name].last
        if last is not None and last.state is State.DONE:
            record.add(replace(last, state=State.BEGUN, result=None, when=""), sync=True)
        elif last is None or last.state is State.FAILED:  # so that what it leaves, if stopped, is known to be its own
            record.add(Entry(name, step.name, State.BEGUN, {}, step.parameters))

    def answered(name: str, answer: Any, failure: str | None) -> Any:
        done = Done({}, 0.0, None) if failure is not None else answer
        entry = done.entry(name, step, due[name].work, failure)
        reading.note(*done.notes)
        if (former := _former_file(due[name].last, entry)) is not None:
            other_files[name] = former
        record.add(entry)
        return done.result

    keep = step.keeps and options.is_whole
    do = partial(do_subject, function=function, step=step, force=options.force, keep=keep)
    try:
        outcome = run_cases(do, due, label=step.name, options=options, threads=threads, sent=sent, answered=answered)
    except BaseException:  # stopped: the subjects that workers were at are given up
        stems = {case_name(path) for name in due for path in due[name].work.leaves}
        _clear(step.folder, folders, None if options.is_whole else stems)
        raise
    if other_files:
        former = next(iter(other_files.values()))
        reading.note(f"earlier results of {some_of(other_files)}, of other files ({former}), are replaced")
    results = kept | outcome.results
    if keep and not results:
        bring_back(due.values(), record)
    if options.is_whole:
        _clear(step.folder, folders)
    failures = outcome.failures | {name: str(error) for name, error in refused.items()}
    done, failed = ({name: part[name] for name in chosen if name in part} for part in (results, failures))
    return Outcome(done, failed, refused)


def _former_file(last: Entry | None, now: Entry) -> Path | None:
    """A file that a finished run read where this one, which is done, read another one elsewhere."""
    if last is None or not last.state is now.state is State.DONE:
        return None
    both = ((last.inputs[what], state) for what, state in now.inputs.items() if what in last.inputs)
    return next((Path(old.path) for old, new in both if old.path != new.path and old.sha256 != new.sha256), None)


def _sorted_out(
    step: Step, works: Mapping[str, Work[Case]], record: Record, *, force: bool
) -> tuple[dict[str, Any], dict[str, Due[Case]], dict[str, InputError]]:
    """Subjects whose results are kept (subject -> result), that may have to be done, and that must not be (-> error),
    because that would replace a file that no run has written as it is."""
    kept: dict[str, Any] = {}
    due: dict[str, Due[Case]] = {}
    refused: dict[str, InputError] = {}
    written = Written(step, record)
    for name, work in works.items():
        last = record.last(name)
        if last is not None and not force and is_current(step, work, last):
            kept[name] = last.result
            reading.note(*last.notes)
        elif not force and (error := written.error(work, last)):
            refused[name] = error
        else:
            to_remove = written.to_remove(work, last, force=force) if step.replaces else ()
            due[name] = Due(name, work, last, to_remove)
    return kept, due, refused


def record_saved(step: Step, name: str, work: Work[Any], write: Callable[[], None]) -> None:
    """Write results that exist already (in memory) as a run of ``step`` would have left them, and record them.

    Raises InputError if an output exists that no run wrote as it is, or the record cannot be written.
    """
    record = Record(step.folder, step.name)
    written, last = Written(step, record), record.last(name)
    if error := written.error(work, last):
        raise error
    remove_earlier(written.to_remove(work, last), keep=False)
    begun = Entry(name, step.name, State.BEGUN, work.states(None), SAVED)
    record.add(begun)
    write()
    record.add(replace(begun, state=State.DONE, outputs=step.left(work.leaves)))


def _gathered(step: Step, works: Mapping[str, Work[Any]], record: Record) -> Outcome[Any]:
    """Results finished at the participant level; every other subject is a failure."""
    results: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for name, work in works.items():
        last = record.last(name)
        if last is not None and last.state is State.FAILED:
            failures[name] = last.reason
        elif last is None or last.state is State.BEGUN or not work.is_there:
            failures[name] = "is not done yet; run it at the participant level"
        elif not is_same(step, work, last):
            how = "with other files" if last.repeats(step.parameters) else last.otherwise(step.parameters)
            failures[name] = f"was done {how}; run it at the participant level again"
        else:
            results[name] = last.result
            reading.note(*last.notes)
    return Outcome(results, failures)


def _folders_of(works: Iterable[Work[Any]], root: Path) -> set[Path]:
    """Folders of all outputs and those between them and ``root``, where a step keeps files shared by all subjects."""
    folders = {path.parent for work in works for path in work.leaves}
    return folders | {parent for folder in folders for parent in folder.parents if root in parent.parents}


def _clear(folder: Path, folders: Iterable[Path], stems: Collection[str] | None = None) -> None:
    """Remove leftovers of killed runs: half-written files (with ``stems``, only of those names), and locks without a
    holder."""
    for place in folders:
        remove_temporaries(place, stems)
    for path in folder.glob(".?*.lock"):
        with suppress(InputError), hold(path, path, wait_s=0):
            pass  # removed by acquiring and releasing it
