"""Files that a step does not replace or remove: those that it reads, and those that it has not written as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import check_not_read
from yucca_wm.imaging import reading
from yucca_wm.jobs.run_record import Entry, FileState, Record, State
from yucca_wm.jobs.step import Step, Work


def check_apart(works: Iterable[Work[Any]]) -> None:
    """Raise InputError if a file that is read would be replaced or removed."""
    works = list(works)
    read = [path for work in works for path in work.inputs.values()]
    check_not_read((path for work in works for path in work.leaves), read)


class Written:
    """The files that runs of a step have written in its folder, according to its record."""

    def __init__(self, step: Step, record: Record) -> None:
        self._step, self._record = step, record

    @cached_property
    def _by_anybody(self) -> dict[str, list[FileState]]:
        """Path in the folder -> states, of every subject: names of files may change hands."""
        found: dict[str, list[FileState]] = {}
        for subject in self._record.subjects:
            if (entry := self._record.last(subject)) is not None:
                for place, state in entry.outputs.items():
                    found.setdefault(place, []).append(state)
        return found

    def is_ours(self, path: Path, last: Entry | None) -> bool:
        """Whether the file at ``path`` is as the run of ``last``, or of another subject, has left it."""
        place = self._step.place(path)
        if last is not None and (own := last.outputs.get(place)) is not None and _is_as(path, own):
            return True
        return any(_is_as(path, state) for state in self._by_anybody.get(place, ()))

    def is_edited(self, subject: str, path: Path) -> bool:
        """Whether the file at ``path``, which the last run of ``subject`` left, is no longer as it was then."""
        last = self._record.last(subject)
        written = None if last is None else last.outputs.get(self._step.place(path))
        return written is not None and path.is_file() and not _is_as(path, written)

    def error(self, work: Work[Any], last: Entry | None) -> InputError | None:
        """The error for an output of a subject that exists, and is not ours as it is: made elsewhere, or edited since.

        What a stopped run was at is ours. A step that does not remove what it replaces tells files from elsewhere by
        other means.
        """
        if _is_unknown(last) or not (self._step.replaces or (last and last.state is State.DONE)):
            return None
        for path in work.outputs:
            if not path.is_file() or not path.stat().st_size or self.is_ours(path, last):
                continue
            if last is None or self._step.place(path) not in last.outputs:
                return not_ours(path, self._step.name)
            with suppress(InputError):
                same = last.same_work(self._step.parameters, work.depends_on, work.states(last))
                if same and has_left(self._step, work, last):
                    return None  # it stays
            return _stays(path, f"was changed after yucca-wm {self._step.name} wrote it")
        return None

    def to_remove(self, work: Work[Any], last: Entry | None, *, force: bool = False) -> tuple[Path, ...]:
        """Files that a subject may leave, and that may be removed before it is done again."""
        if force or _is_unknown(last):
            return work.leaves
        return tuple(path for path in work.leaves if path.is_file() and self.is_ours(path, last))

    def remove(self, subject: str, but: Collection[Path] = ()) -> None:
        """Remove the files of a subject that are as its run has left them, and folders that are empty then.

        but : files that other subjects use.
        """
        last = self._record.last(subject)
        for place, state in last.outputs.items() if last is not None else ():
            path = self._step.folder / place
            if path in but or not path.is_file() or not _is_as(path, state):
                continue
            path.unlink()
            for folder in path.parents:
                if folder == self._step.folder or any(folder.iterdir()):
                    break
                folder.rmdir()


def has_left(step: Step, work: Work[Any], last: Entry) -> bool:
    """Whether all outputs exist, and were written in the run of ``last`` (or one of them was edited since)."""
    return work.is_there and (not last.outputs or all(step.place(path) in last.outputs for path in work.outputs))


def _is_unknown(last: Entry | None) -> bool:
    """Whether the record does not tell a subject's files: its run was stopped."""
    return last is not None and (last.state is State.BEGUN or (last.state is State.DONE and not last.outputs))


def _is_as(path: Path, written: FileState) -> bool:
    return FileState.of(path, written).sha256 == written.sha256


def not_ours(path: Path, step: str) -> InputError:
    """The error for a file that a step would replace although no run of it has written it."""
    return _stays(path, f"exists already and was not written by yucca-wm {step}")


def _stays(path: Path, problem: str) -> InputError:
    return InputError(path, problem, or_force())


def or_force() -> str:
    """What to do where a file is not replaced."""
    return f"choose another {reading.spelled('--out-dir, or overwrite it with --force', 'folder')}"
