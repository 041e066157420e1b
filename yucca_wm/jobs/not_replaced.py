"""Files that a step does not replace: those that it reads, and those that it has not written as they are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from yucca_wm.core.errors import InputError
from yucca_wm.imaging import reading
from yucca_wm.jobs.run_record import Entry, FileState, State
from yucca_wm.jobs.step import Step, Work


def check_apart(works: Iterable[Work[Any]]) -> None:
    """Raise InputError if a file that is read would be replaced or removed."""
    works = list(works)
    read = {os.path.realpath(path) for work in works for path in work.inputs.values()}  # a loop of links is itself
    for path in (path for work in works for path in work.leaves):
        if os.path.realpath(path) in read:
            raise InputError(path, "is read by this run, which would replace it", "choose another --out-dir")


def not_to_be_replaced(step: Step, name: str, work: Work[Any], last: Entry | None) -> InputError | None:
    """The error for an existing output that this step has not written as it is: made elsewhere, or edited since."""
    if last is None or last.state is State.FAILED:  # a failed run leaves no output
        there = None if name in step.known else next((path for path in work.outputs if path.exists()), None)
        return not_ours(there, step.name) if there else None
    for path in work.outputs if last.state is State.DONE else ():
        written = last.outputs.get(step.place(path))
        if written and path.is_file() and path.stat().st_size and FileState.of(path, written).sha256 != written.sha256:
            with suppress(InputError):
                if last.same_work(step.parameters, work.states(last)):
                    return None  # it stays
            return _stays(path, f"was changed after yucca-wm {step.name} wrote it")
    return None


def not_ours(path: Path, step: str) -> InputError:
    """The error for a file that a step would replace although no run of it has written it."""
    return _stays(path, f"exists already and was not written by yucca-wm {step}")


def _stays(path: Path, problem: str) -> InputError:
    remedy = f"choose another {reading.spelled('--out-dir, or replace it by --force', 'folder')}"
    return InputError(path, problem, remedy)
