"""One subject's share of every output, kept on disk until all are done: memory does not grow with the cohort."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from yucca_wm.files import atomic_path
from yucca_wm.localize.tables import tsv_lines

PREFIX = ".parts-"


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

    def write(self, subject: str, part: Part) -> None:
        """Keep a subject's part."""
        (self.folder / f"{subject}.json").write_text(json.dumps(vars(part)), encoding="utf-8")

    def read(self, subject: str) -> Part:
        """A part that was written."""
        return Part(**json.loads((self.folder / f"{subject}.json").read_text(encoding="utf-8")))


@contextmanager
def parts_within(folder: Path) -> Iterator[Parts]:
    """Parts that are gone at the end, as are those of a run that was killed."""
    for left in folder.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=PREFIX, dir=folder) as temporary:
        yield Parts(Path(temporary))


def write_outputs(
    parts: Parts,
    subjects: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    about: Mapping[str, Any],
    folder: Path,
) -> NDArray[np.float64]:
    """Write the tables and ``localize.json`` with the parts of ``subjects`` in that order, one in memory at a time.

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
            entry = _text({subject: part.summary})[1:-2]
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
