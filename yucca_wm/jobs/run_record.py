"""The run record: one line of JSON for every subject that a step did, in the step's output folder.

It determines what is still to be done. The last line of a subject counts; a line truncated by a crash is ignored, so
that its subject is done again.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import files_of, no_such_file, sha256
from yucca_wm.core.predictions import RUN_RECORD as RECORD
from yucca_wm.core.predictions import run_lines

HEADER = "header"
"""Key among the parameters: the form given by ``--header``, if any. It belongs to a subject's own files."""


class State(StrEnum):
    """done; failed (with a reason); begun: not done yet, and an earlier result no longer counts."""

    DONE = "done"
    FAILED = "failed"
    BEGUN = "begun"


@dataclass(frozen=True)
class FileState:
    """Fingerprint of a file, or of the files of a folder: cheap marks, and a sha256."""

    path: str
    bytes: int
    mtime_ns: int
    ctime_ns: int
    sha256: str

    @classmethod
    def of(cls, path: str | os.PathLike[str], known: FileState | None = None) -> FileState:
        """State of ``path``; read only if its marks differ from those of ``known``. Raises InputError."""
        if known is not None and known.is_unchanged(path):
            return known
        if not (Path(path).is_file() or Path(path).is_dir()):
            raise no_such_file(path)
        marks = _marks(path)  # before reading: what is written meanwhile shows the next time
        return cls(*marks, _digest(*marks))

    def is_unchanged(self, path: str | os.PathLike[str]) -> bool:
        """Whether the file at ``path`` still has the same marks."""
        try:
            return _marks(path) == (self.path, self.bytes, self.mtime_ns, self.ctime_ns)
        except OSError:
            return False


@dataclass(frozen=True)
class Entry:
    """One line: what was done for ``subject`` in ``step``, from which inputs, how, and with what outcome.

    depends_on : what its result depended on besides inputs and parameters. result : values that the step keeps (JSON).
    reason : why it failed. notes : doubts about its files. outputs : the files that it left, by path in the folder.
    """

    subject: str
    step: str
    state: State
    inputs: Mapping[str, FileState] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    depends_on: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    result: Any = None
    reason: str = ""
    notes: Sequence[str] = ()
    outputs: Mapping[str, FileState] = field(default_factory=dict)
    version: str = __version__
    when: str = ""

    def same_work(
        self, parameters: Mapping[str, Any], depends_on: Mapping[str, Any], inputs: Mapping[str, FileState]
    ) -> bool:
        """Whether redoing it with these would give the result that exists already."""
        mine = {name: file.sha256 for name, file in self.inputs.items()}
        now = {name: file.sha256 for name, file in inputs.items()}
        return self.repeats(parameters) and self.depends_on == plain(depends_on) and mine == now

    def repeats(self, parameters: Mapping[str, Any]) -> bool:
        """Whether it was done by this version of the package with ``parameters``; if these choose no form of the
        header, the one chosen for this subject's files holds."""
        same = self._settings(parameters) == plain(parameters)
        return self.state is State.DONE and self.version == __version__ and same

    def otherwise(self, parameters: Mapping[str, Any]) -> str:
        """In words, how it was done differently from ``parameters``."""
        if self.version != __version__:
            return f"by version {self.version} of the package"
        before, now = self._settings(parameters), plain(parameters)
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        return f"with other settings ({', '.join(names) or 'other kinds of maps were given'})"

    def _settings(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Its parameters, without the form of the header if ``parameters`` choose none."""
        return {name: value for name, value in self.parameters.items() if name != HEADER or HEADER in parameters}

    def as_line(self) -> bytes:
        content = {
            "subject": self.subject,
            "step": self.step,
            "state": self.state,
            "reason": self.reason or None,
            "notes": list(self.notes) or None,
            "seconds": round(self.seconds, 3),
            "when": self.when or datetime.now(UTC).isoformat(timespec="seconds"),
            "version": self.version,
            "inputs": {name: vars(file) for name, file in self.inputs.items()},
            "outputs": {name: vars(file) for name, file in self.outputs.items()} or None,
            "parameters": self.parameters,
            "depends_on": self.depends_on or None,
            "result": self.result,
        }
        there = {key: value for key, value in content.items() if value is not None}
        return json.dumps(there, ensure_ascii=False, allow_nan=False).encode() + b"\n"

    @classmethod
    def of(cls, content: dict[str, Any]) -> Entry:
        """Entry with the ``content`` of a line; raises ValueError, KeyError or TypeError if it is not one of ours."""
        inputs, outputs = (
            {name: FileState(**file) for name, file in content.pop(role, {}).items()} for role in ("inputs", "outputs")
        )
        return cls(inputs=inputs, outputs=outputs, state=State(content.pop("state")), **content)


class Record:
    """The record in ``folder``: the last entry of every subject in ``step``, and a way to append more."""

    def __init__(self, folder: str | os.PathLike[str], step: str) -> None:
        self.path = Path(folder) / RECORD
        self._offsets: dict[str, int] = {}
        self._writing = threading.Lock()
        if self.path.is_file():
            for offset, content in run_lines(self.path, step):
                with suppress(ValueError, KeyError, TypeError, AttributeError):  # not one of our lines
                    self._offsets[Entry.of(content).subject] = offset

    @property
    def subjects(self) -> list[str]:
        """The subjects in the record."""
        return list(self._offsets)

    def last(self, subject: str) -> Entry | None:
        """The last entry of ``subject``, None if there is none."""
        if subject not in self._offsets:
            return None
        with self.path.open("rb") as stream:
            stream.seek(self._offsets[subject])
            return Entry.of(json.loads(stream.readline()))

    def inputs_of(self, subjects: Iterable[str]) -> dict[str, Mapping[str, FileState]]:
        """Subject -> the files that its last run read; without subjects that are not in the record."""
        return {name: entry.inputs for name in subjects if (entry := self.last(name)) is not None}

    def add(self, entry: Entry, *, sync: bool = False) -> None:
        """Append ``entry``; with ``sync`` it is on the disk before this returns.

        Other processes may append at the same time, and the previous line may be truncated. Raises InputError.
        """
        with self._writing:
            try:
                self._offsets[entry.subject] = _append(self.path, entry.as_line(), sync=sync)
            except OSError as error:
                problem = f"cannot be written ({error.strerror or error})"
                raise InputError(self.path, problem, "make room, and run again to go on") from error


@lru_cache(maxsize=32)
def _digest(path: str, *_marks: int) -> str:
    """`sha256`, computed only once for a file that serves every subject."""
    return sha256(path)


def _marks(path: str | os.PathLike[str]) -> tuple[str, int, int, int]:
    """Absolute path, size, and times of last change (content, and anything); totals over all its files."""
    stats = [file.stat() for file in dict.fromkeys([Path(path), *files_of(path)])]
    size = sum(stat.st_size for stat in stats)
    return (
        str(Path(path).absolute()),
        size,
        max(stat.st_mtime_ns for stat in stats),
        max(stat.st_ctime_ns for stat in stats),
    )


def plain(parameters: Mapping[str, Any]) -> Any:
    """``parameters`` as they are read back from a line."""
    return json.loads(json.dumps(parameters, allow_nan=False))


def _append(path: Path, line: bytes, *, sync: bool) -> int:
    """Write ``line`` as a line of its own; returns its position in bytes."""
    import fcntl

    with path.open("a+b", buffering=0) as stream:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(stream, fcntl.LOCK_EX)  # released with the file
        start = end = stream.seek(0, os.SEEK_END)
        if end:
            stream.seek(end - 1)
            if stream.read(1) != b"\n":
                start, line = end + 1, b"\n" + line
        try:
            if stream.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            stream.truncate(end)
            raise
        if sync:
            os.fsync(stream.fileno())
    return start
