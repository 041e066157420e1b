"""The record that `yucca_wm.parcellate` keeps beside each region map, as later steps read it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yucca_wm.cohort.subject import UNMASKED
from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import case_name
from yucca_wm.core.predictions import prediction_record
from yucca_wm.core.regions import RegionTable
from yucca_wm.imaging.reading import spelled

RECORD = ".json"
"""Ending of the record beside a region map."""


@dataclass(frozen=True)
class RegionRecord:
    """The record of one region map; empty for maps of other tools.

    doubts : what is doubtful about the registration. settings : of the run. names : names of its regions.
    """

    doubts: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    names: Sequence[str] = ()

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> RegionRecord:
        return cls(
            tuple(map(str, record.get("doubts", ()))),
            dict(record.get("settings", {})),
            tuple(record.get("volume_ml", ())),
        )


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


def names_of(region_map: Path) -> Sequence[str]:
    """Names of the regions that `yucca_wm.parcellate` or `yucca_wm.predict` made a map of; empty if not recorded."""
    return read_region_record(region_map).names or prediction_record(region_map).region_names


def refuse_other_regions(names: Sequence[str], table: RegionTable, name: str, remedy: str = "") -> None:
    """Raise InputError for a region map that was made with a table of the user's, and is read with the built-in one.

    names : names of the regions it was made with; empty if they are not known. name : of the map. remedy : what to do
    (default: give that table).
    """
    if names and table.is_built_in and set(names) != {region.name for region in table}:
        remedy = remedy or f"give that table with {spelled('--names', 'names=')}"
        raise InputError(name, f"was made with a region table of your own ({some_of(names)})", remedy)
