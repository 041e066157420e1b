"""One subject's share of every output, kept on disk: memory does not grow with the cohort, and a run that goes on, or
one for each subject and one for the group, leaves what a single run leaves."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path
from yucca_wm.core.tsv import tsv_lines


@dataclass(frozen=True)
class Part:
    """What one subject adds to the outputs.

    tables : name of a table -> its lines, as they stand in the file.
    summary : the entry of ``localize.json``.
    load_percent : [regions of the heat map], None where a region has no voxel.
    """

    tables: dict[str, str]
    summary: dict[str, Any]
    load_percent: list[float | None]


@dataclass(frozen=True)
class Parts:
    """The parts of a cohort, a file each; may be written by several threads or processes."""

    folder: Path

    def path(self, subject: str) -> Path:
        """Where a subject's part is."""
        return self.folder / f"{subject}.json"

    def write(self, subject: str, part: Part) -> None:
        """Keep a subject's part."""
        with atomic_path(self.path(subject), sync=False) as temporary:
            temporary.write_text(json.dumps(vars(part), ensure_ascii=False), encoding="utf-8")

    def read(self, subject: str) -> Part:
        """A part that was written. Raises InputError when it is not as it was written."""
        try:
            return Part(**json.loads(self.path(subject).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(self.path(subject), f"is damaged ({error})", "remove it, and run again") from error

    def of_others(self, subjects: Collection[str]) -> dict[str, Path]:
        """The parts of those who are not among ``subjects``: they have left the cohort."""
        return {path.stem: path for path in self.folder.glob("*.json") if path.stem not in subjects}


def write_outputs(
    parts: Parts,
    subjects: Mapping[str, Mapping[str, str]],
    columns: Mapping[str, Sequence[str]],
    about: Mapping[str, Any],
    folder: Path,
) -> NDArray[np.float64]:
    """Write the tables and ``localize.json`` with the parts of ``subjects`` in that order, one in memory at a time.

    subjects : with what their entries in ``localize.json`` say of where their files are now.
    columns : name of a table -> its columns.
    about : content of ``localize.json``; the entry "subjects" is filled in.

    Returns load in percent, [subjects, regions of the heat map], NaN where a region has no voxel.
    """
    loads = []
    before, after = _text({**about, "subjects": {}}).split('"subjects": {}')
    with ExitStack() as stack:
        tables = {name: stack.enter_context(_stream(folder / name)) for name in columns}
        summary = stack.enter_context(_stream(folder / "localize.json"))
        for name, stream in tables.items():
            stream.write(tsv_lines([columns[name]]))
        summary.write(before + '"subjects": {')
        for number, subject in enumerate(subjects):
            part = parts.read(subject)
            for name, stream in tables.items():
                stream.write(part.tables[name])
            entry = _text({subject: part.summary | dict(subjects[subject])})[1:-2]
            summary.write("," * (number > 0) + entry.replace("\n", "\n  "))
            loads.append(np.array(part.load_percent, dtype=np.float64))
        summary.write("\n  }" * bool(subjects) + "}" * (not subjects) + after + "\n")
    return np.array(loads)


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)


@contextmanager
def _stream(path: Path) -> Iterator[TextIO]:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        yield stream
