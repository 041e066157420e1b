"""What is recorded of a region map: names of its regions, and doubts and settings of `yucca_wm.parcellate`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib

from yucca_wm.cohort.subject import UNMASKED
from yucca_wm.core.errors import InputError, count
from yucca_wm.core.files import case_name
from yucca_wm.core.predictions import PredictionRecord, prediction_record, recorded_names
from yucca_wm.core.regions import RegionTable
from yucca_wm.imaging.images import Image, Source, file_of, name_of
from yucca_wm.imaging.label_names import stated_names
from yucca_wm.imaging.reading import note, spelled

RECORD = ".json"
"""Ending of the record beside a region map."""


@dataclass(frozen=True)
class RegionRecord:
    """The record of `yucca_wm.parcellate` on one region map; empty for maps of other tools.

    doubts : what is doubtful about the registration. settings : of the run, and checksums of the atlas's files.
    names : label -> name.
    """

    doubts: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> RegionRecord:
        settings = dict(record.get("settings", {}))
        if "atlas" in record:
            settings["atlas"] = record["atlas"]
        return cls(tuple(map(str, record.get("doubts", ()))), settings, recorded_names(record))


def record_beside(region_map: Path) -> Path:
    """Path at which `yucca_wm.parcellate` would have left the record of a region map, masked or not."""
    masked = region_map.with_name(region_map.name.replace(UNMASKED.removesuffix("nii.gz"), "."))
    return masked.with_name(case_name(masked) + RECORD)


def read_region_record(region_map: Path) -> RegionRecord:
    """The record of a region map; empty if there is none beside it, or it is another tool's."""
    try:
        return RegionRecord.of(json.loads(record_beside(region_map).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError):
        return RegionRecord()


def record_of_map(source: Source) -> PredictionRecord:
    """The record of a lesion or region map: attached to an image in memory, else in ``predict.json`` beside its file;
    empty without one."""
    if isinstance(source, Image) and source.record:
        return PredictionRecord.of(source.record)
    file = _file_of(source)
    return PredictionRecord() if file is None else prediction_record(file)


def parcellation_of(regions: Source) -> RegionRecord:
    """`read_region_record` of the file that a region map is, or was read from."""
    file = None if isinstance(regions, Image) and regions.record else _file_of(regions)
    return RegionRecord() if file is None else read_region_record(file)


def _file_of(source: Source) -> Path | None:
    """The file that it is, or was read from: an image in memory may also be called like a file that there is not."""
    file = file_of(source)
    return file if file is not None and (not isinstance(source, Image) or file.is_file()) else None


def recorded_beside(regions: Source) -> Mapping[int, str]:
    """Label -> name of the regions, as the record of a region map states them; empty without one."""
    return parcellation_of(regions).names or record_of_map(regions).region_names


def names_of(region_map: Path) -> Mapping[int, str]:
    """Label -> name of the regions in a file, as its header or the record beside it states them; empty if nothing
    does, or the file cannot be read."""
    try:
        stated = stated_names(nib.load(region_map).header)
    except Exception:  # noqa: BLE001  (nibabel raises many types; whoever reads the voxels says what is wrong)
        stated = {}
    return stated or recorded_beside(region_map)


def check_names(source: Source, image: Image, labels: Collection[int], table: RegionTable) -> None:
    """`compare_names` for the labels in a region map, as its header names them and as the record beside it does; what
    it returns is noted, and so is a map without names that lacks most regions of a table that nobody gave.

    image : the map in memory, as read from ``source``. labels : in it.
    """
    stated, recorded = stated_names(image.header), recorded_beside(source)
    for names in (stated, recorded):
        made = {label: name for label, name in names.items() if label in labels}
        note(*compare_names(name_of(source), "region map", made, table))
    if not (table.given or stated or recorded or record_of_map(source).regions_by):
        note(*few_regions(labels, table, f"name them with {spelled('--names', 'names=')}"))


def few_regions(labels: Collection[int], table: RegionTable, remedy: str) -> list[str]:
    """A sentence, with ``remedy``, if a map without names has fewer than half of the table's regions."""
    wanted = set(table.white_matter.indices)
    if 2 * len(wanted.intersection(labels)) >= len(wanted):
        return []
    return [f"a region map has fewer than half of the {len(wanted)} regions: if its labels are others, {remedy}"]


def compare_names(name: str, what: str, made: Mapping[int, str], table: RegionTable) -> list[str]:
    """Compare the names that labels had when a map or model was made with those in the table; returns a sentence if
    some differ.

    name, what : of the map or model, in messages. made : label -> name.

    Raises InputError for other names if no table was given, and for labels with each other's names. Names that are all
    new in a given table are only said: regions may have been renamed.
    """
    called = table.names
    other = sorted(label for label in made.keys() & called.keys() if made[label] != called[label])
    if not other:
        return []
    said = f"calls label {other[0]} {made[other[0]]}, the region table {called[other[0]]}"
    said += f" ({count(len(other), 'label')} with other names)"
    if not table.given or {made[label] for label in other} & set(called.values()):
        raise InputError(name, said, f"give the table that it was made with: {spelled('--names', 'names=')}")
    return [f"the {what} {said}"]
