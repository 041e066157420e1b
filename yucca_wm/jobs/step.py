"""What a step is, and one subject's part of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from yucca_wm.jobs.run_record import Entry, FileState

Case = TypeVar("Case")


@dataclass(frozen=True)
class Step:
    """A step, its output folder and its parameters.

    parameters : everything a result depends on besides the subject's own files (JSON): settings, checksums of an atlas.
    replaces : remove an earlier result before its subject is done again, so that it cannot pass for the new one.
    keeps : if no subject at all can be done (a wrong folder was given), leave everything as it was, the record too.
    """

    name: str
    folder: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    replaces: bool = True
    keeps: bool = False

    def place(self, path: Path) -> str:
        """An output's path in the step's folder, as in its record."""
        return os.path.relpath(path, self.folder)

    def left(self, paths: Iterable[Path]) -> dict[str, FileState]:
        """Those of ``paths`` that exist, as they are recorded: place -> state."""
        return {self.place(path): FileState.of(path) for path in paths if path.is_file()}


@dataclass(frozen=True)
class Work(Generic[Case]):
    """One subject's part of a step.

    case : argument of the step's function. inputs : files it reads, by role. outputs : files it leaves; the subject is
    due again if one is missing. others : further files that it or an earlier run, with other options, may leave.
    depends_on : what else its result depends on (JSON), such as what the record of another step says about its inputs.
    """

    case: Case
    inputs: Mapping[str, Path]
    outputs: Sequence[Path] = ()
    others: Sequence[Path] = ()
    depends_on: Mapping[str, Any] = field(default_factory=dict)

    @property
    def leaves(self) -> tuple[Path, ...]:
        """All files that may exist for this subject."""
        return tuple(dict.fromkeys((*self.outputs, *self.others)))

    @property
    def is_there(self) -> bool:
        """Whether no output is missing or empty (as a power cut may leave it)."""
        return all(output.is_file() and output.stat().st_size for output in self.outputs)

    def states(self, last: Entry | None) -> dict[str, FileState]:
        """State of every input, read only where it differs from the one recorded in ``last``. Raises InputError."""
        known = last.inputs if last is not None else {}
        return {name: FileState.of(path, known.get(name)) for name, path in self.inputs.items()}
