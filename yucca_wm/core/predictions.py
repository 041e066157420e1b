"""``predict.json``, the record of `yucca_wm.predict` beside its folders of maps, as localize and the pages read it.

It is that of the last run over a whole cohort. Subjects that were predicted alone since then (``--participant-label``)
have a later record in the record of runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from yucca_wm.core.files import case_name, sha256
from yucca_wm.core.notes import Note, read_back

PREDICTIONS = "predict.json"
RUN_RECORD = "run_record.jsonl"
"""Record of runs beside it, of which `yucca_wm.jobs.run_record` has the entries."""

STEP = "predict"
"""Name of the step in that record."""

MAP_FOLDERS = ("lesions/", "regions/")
"""Folders beside it of the maps whose source is recorded."""

FRAME = "frame"
"""Folder beside it of the alignments of the scans, and of pictures of them."""

PROBABILITY = "lesions_probability"
"""Folder beside it of the lesion probability maps of the package's models."""


REGION_NAMES = "region_names"
"""Key of the regions' names by label."""

SHOWN = "shown"
"""Key of the scans shown to a model of the user's own (``lesions``, ``regions``), if not all of them were."""

EXTRA = "yucca_wm"
"""Key of a subject's record in ``extra`` of the nibabel images that Python functions return."""


class By(StrEnum):
    """Source of lesions or regions."""

    NETWORK = "network"
    ATLAS = "atlas"
    OWN = "own model"
    EDITED = "edited"


def recorded_names(record: Mapping[str, Any]) -> dict[int, str]:
    """Label -> name of the regions, as a record states them (`names_record`)."""
    return {int(label): str(name) for label, name in record.get(REGION_NAMES, {}).items()}


def names_record(names: Mapping[int, str]) -> dict[str, dict[str, str]]:
    """Entry of a record for the names (label -> name) of the regions; empty without names."""
    return {REGION_NAMES: {str(label): name for label, name in names.items()}} if names else {}


@dataclass(frozen=True)
class PredictionRecord:
    """The record on one subject; empty for maps of other tools.

    scan_files, scan_sha256 : modality -> file, and its checksum (None: not a file, or not known).
    scan_voxels : modality -> checksum of the scan's values.
    lesions_on : modalities on which lesions were searched for.
    lesions_by, regions_by : their source, one of `By`.
    region_names : label -> name, if the user gave them.
    """

    scan_files: Mapping[str, str] = field(default_factory=dict)
    scan_sha256: Mapping[str, str | None] = field(default_factory=dict)
    scan_voxels: Mapping[str, str] = field(default_factory=dict)
    lesions_on: Sequence[str] = ()
    notes: Sequence[Note] = ()
    lesions_by: str | None = None
    regions_by: str | None = None
    region_names: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> PredictionRecord:
        """Read one subject's entry."""
        scans: Mapping[str, Mapping[str, Any]] = record.get("scans", {})
        return cls(
            {name: str(scan["file"]) for name, scan in scans.items() if "file" in scan},
            {name: scan.get("sha256") for name, scan in scans.items()},
            {name: str(scan["voxels_sha256"]) for name, scan in scans.items() if "voxels_sha256" in scan},
            tuple(record.get(SHOWN, {}).get("lesions", scans)),
            read_back(record),
            record.get("lesions_by"),
            record.get("regions_by"),
            recorded_names(record),
        )

    def differs_from(self, earlier: PredictionRecord) -> bool:
        """Whether it is of other scans or models than an earlier record, which may know of edited maps."""
        scans = [(one.scan_sha256, one.scan_voxels, list(one.lesions_on)) for one in (self, earlier)]
        by = ((self.lesions_by, earlier.lesions_by), (self.regions_by, earlier.regions_by))
        return scans[0] != scans[1] or any(before not in (now, By.EDITED) for now, before in by)


@dataclass(frozen=True)
class Predictions:
    """subjects : name -> record. failed : name -> reason."""

    subjects: Mapping[str, PredictionRecord] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


def read_predictions(path: Path) -> Predictions:
    """The record at ``path``; empty if there is none, or it is not one."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Predictions()


@lru_cache(maxsize=4)
def _read(path: Path, _changed_ns: int) -> Predictions:
    """Read once for all subjects."""
    record = json.loads(path.read_text(encoding="utf-8"))
    failed = {str(name): str(reason) for name, reason in record.get("failed", {}).items()}
    names = {REGION_NAMES: record.get(REGION_NAMES, {})}
    return Predictions({str(name): PredictionRecord.of(names | case) for name, case in record["cases"].items()}, failed)


def prediction_record(made: Path) -> PredictionRecord:
    """The record of `yucca_wm.predict` on this map; empty without one, as for other tools' maps. Of a map that is no
    longer as it was written, it says so."""
    folder, name = made.parent.parent, case_name(made)
    known = read_predictions(folder / PREDICTIONS).subjects.get(name)
    last, written = _last_results(folder / RUN_RECORD).get(name, (None, {}))
    if last is None:
        return known or PredictionRecord()
    found = PredictionRecord.of(last)
    if known is not None:
        found = replace(found, region_names=known.region_names) if found.differs_from(known) else known
    kind = made.parent.name
    if written.get(f"{kind}/{made.name}") in (None, _checksum(made)):
        return found
    return replace(found, lesions_by=By.EDITED) if kind == "lesions" else replace(found, regions_by=By.EDITED)


def _checksum(path: Path) -> str | None:
    try:
        return _checksum_at(path, path.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=1024)
def _checksum_at(path: Path, _changed_ns: int) -> str:
    """Computed once for all that ask."""
    return sha256(path)


Last = tuple[Mapping[str, Any] | None, Mapping[str, str]]
"""Record of a subject by its last prediction, None if that was not finished; and checksums of the files that it left,
by path in the folder."""


def _last_results(path: Path) -> Mapping[str, Last]:
    """Subject -> its last prediction; empty without a record of runs."""
    try:
        return _results_in(path, path.stat().st_mtime_ns)
    except OSError:
        return {}


@lru_cache(maxsize=4)
def _results_in(path: Path, _changed_ns: int) -> dict[str, Last]:
    found: dict[str, Last] = {}
    for _, entry in run_lines(path, STEP):
        with suppress(KeyError, TypeError, AttributeError):
            outputs = entry.get("outputs", {}).items()
            left = {name: state["sha256"] for name, state in outputs if name.startswith(MAP_FOLDERS)}
            found[entry["subject"]] = (entry.get("result") if entry["state"] == "done" else None, left)
    return found


def run_lines(path: Path, step: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Position and content of the lines of ``step`` in the record of runs at ``path``; lines that a killed run left
    half-written are passed over."""
    position = 0
    with path.open("rb") as stream:
        for line in stream:
            try:
                content = json.loads(line)
            except ValueError:
                content = None
            if isinstance(content, dict) and content.get("step") == step:
                yield position, content
            position += len(line)
