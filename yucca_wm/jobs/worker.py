"""Do one subject of a step: in a worker, under its lock, with earlier results out of the way until it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import case_name
from yucca_wm.imaging import reading
from yucca_wm.jobs.lock import hold
from yucca_wm.jobs.not_replaced import has_left
from yucca_wm.jobs.run_record import Entry, FileState, Record, State, plain
from yucca_wm.jobs.step import Case, Step, Work

ASIDE = "earlier_"
"""Part of the names of files put aside: as long as `yucca_wm.core.files.TEMPORARY` expects."""

SUBJECT_WAIT_S = 30.0
"""Seconds to wait for a subject's lock: when a cluster worker is lost, its subject goes to another before the first has
released it."""


@dataclass(frozen=True)
class Due(Generic[Case]):
    """A subject that may have to be done, with its last record entry. to_remove : files to remove before."""

    name: str
    work: Work[Case]
    last: Entry | None
    to_remove: Sequence[Path]


@dataclass(frozen=True)
class Done:
    """Answer of a worker."""

    inputs: Mapping[str, FileState]
    seconds: float
    result: Any
    notes: Sequence[str] = ()
    outputs: Mapping[str, FileState] = field(default_factory=dict)

    def entry(self, name: str, step: Step, work: Work[Any], failure: str | None) -> Entry:
        """The line for the record. failure : why it failed; None: done."""
        return Entry(
            name,
            step.name,
            State.DONE if failure is None else State.FAILED,
            self.inputs,
            step.parameters,
            work.depends_on,
            seconds=self.seconds,
            result=self.result,
            reason=failure or "",
            notes=self.notes,
            outputs=self.outputs,
        )


def do_subject(due: Due[Case], *, function: Callable[[Case], Any], step: Step, force: bool, keep: bool) -> Done:
    """In the worker: read the inputs, and do the subject if they have really changed.

    keep : put an earlier result aside, and delete it once the subject is done.
    """
    work, last = due.work, due.last
    begun, others = False, set[Path]()
    with hold(step.folder / f".{due.name}.lock", f"{step.folder}: {due.name}", wait_s=SUBJECT_WAIT_S):
        try:
            inputs = work.states(last)
            if (
                last is not None
                and not force
                and last.same_work(step.parameters, work.depends_on, inputs)
                and has_left(step, work, last)
            ):
                return Done(inputs, last.seconds, last.result, last.notes, last.outputs)  # only touched or copied
            remove_earlier(due.to_remove, keep=keep)
            others = {path for path in work.others if path.exists()}  # not ours
            begun, began = True, time.perf_counter()
            with reading.reading(reading.headers()) as notes:
                result = function(work.case)
            seconds = time.perf_counter() - began
            for name, path in work.inputs.items():
                if FileState.of(path, inputs[name]) is not inputs[name]:
                    raise InputError(path, "changed while it was read", "run again")
        except Exception:
            if step.replaces:  # leftovers of an earlier run must not pass for this one's
                remove_earlier(
                    [path for path in work.leaves if path not in others] if begun else due.to_remove,
                    keep=keep and not begun,
                )
            raise
        for path in work.leaves if keep else ():
            _aside(path).unlink(missing_ok=True)
        outputs = step.left(path for path in work.leaves if path not in others)
    return Done(inputs, seconds, result, tuple(notes), outputs)


def is_current(step: Step, work: Work[Any], last: Entry) -> bool:
    """Whether nothing has changed, judged without reading any file."""
    same = last.repeats(step.parameters) and last.depends_on == plain(work.depends_on) and has_left(step, work, last)
    return (
        same
        and last.inputs.keys() == work.inputs.keys()
        and all(last.inputs[name].is_unchanged(path) for name, path in work.inputs.items())
    )


def is_same(step: Step, work: Work[Any], last: Entry) -> bool:
    """Whether nothing has changed, also where files were only copied or moved: those are read."""
    if is_current(step, work, last):
        return True
    try:
        return last.same_work(step.parameters, work.depends_on, work.states(last)) and has_left(step, work, last)
    except InputError:  # a file is missing
        return False


def remove_earlier(paths: Iterable[Path], *, keep: bool) -> None:
    for path in paths:
        if keep and path.is_file():
            path.replace(_aside(path))
        path.unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    """Where an earlier result waits until any subject succeeds; what a killed run leaves here counts as temporary."""
    return path.with_name(f".{case_name(path)}.tmp-{ASIDE}{path.name.removeprefix(case_name(path))}")


def bring_back(due: Iterable[Due[Any]], record: Record) -> None:
    """Restore the earlier results, because no subject could be done."""
    for each in due:
        for path in each.work.leaves:
            if _aside(path).is_file():
                _aside(path).replace(path)
        if each.last is not None and each.last.state is State.DONE:
            record.add(each.last)
