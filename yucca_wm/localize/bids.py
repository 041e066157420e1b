"""A localization as a BIDS derivative: labelled lesion maps, their label table and sidecars."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.errors import InputError
from yucca_wm.files import make_folder, write_json
from yucca_wm.localize.maps import outside_label, write_map
from yucca_wm.localize.pairs import Pair
from yucca_wm.localize.settings import Settings
from yucca_wm.localize.tables import write_tsv
from yucca_wm.regions import RegionTable

BIDS_VERSION = "1.9.0"
DESCRIPTION = "lesionregions"


def entities(subject: str) -> dict[str, str]:
    """``sub`` and ``ses`` of a subject; what BIDS does not allow in a label is left out (``WMH_0`` -> ``WMH0``)."""
    parts = dict(re.findall(r"(?:^|_)(sub|ses|run)-([A-Za-z0-9]+)", subject))
    return parts if "sub" in parts else {"sub": re.sub(r"[^A-Za-z0-9]", "", subject)}


@dataclass(frozen=True)
class Derivative:
    """A BIDS derivative at ``root`` with a labelled lesion map of every subject."""

    root: Path

    def files(self, subject: str) -> tuple[Path, Path]:
        """``sub-*/[ses-*/]anat/*_desc-lesionregions_dseg.nii.gz`` and its sidecar."""
        parts = entities(subject)
        anat = self.root.joinpath(*(f"{key}-{parts[key]}" for key in ("sub", "ses") if key in parts), "anat")
        stem = f"{_name(subject)}_desc-{DESCRIPTION}_dseg"
        return anat / f"{stem}.nii.gz", anat / f"{stem}.json"

    def write_subject(self, pair: Pair, table: RegionTable, settings: Settings) -> None:
        """Write a subject's map and sidecar."""
        image, sidecar = self.files(pair.subject)
        make_folder(image.parent)
        write_map(pair, table, settings, image)
        write_json(sidecar, _sidecar(pair, settings))

    def write_description(self, table: RegionTable) -> None:
        """Write ``dataset_description.json`` and ``dseg.tsv``."""
        make_folder(self.root)
        write_json(
            self.root / "dataset_description.json",
            {
                "Name": "Lesions labelled by white-matter region",
                "BIDSVersion": BIDS_VERSION,
                "DatasetType": "derivative",
                "GeneratedBy": [{"Name": "yucca-wm", "Version": __version__}],
            },
        )
        labels = [(str(region.index), region.name, region.color.upper()) for region in table]
        rows = [*labels, (str(outside_label(table)), "outside", "#FFFFFF")]
        write_tsv(self.root / "dseg.tsv", ("index", "name", "color"), rows)


def check_names(pairs: Iterable[Pair]) -> None:
    """Raise InputError when two subjects get the same BIDS name."""
    names: dict[str, str] = {}
    for pair in pairs:
        name = _name(pair.subject)
        if name in names:
            problem = f"subjects {names[name]} and {pair.subject} are both {name} in BIDS"
            raise InputError(pair.lesions, problem, "rename one")
        names[name] = pair.subject


def _name(subject: str) -> str:
    return "_".join(f"{key}-{value}" for key, value in entities(subject).items())


def _sidecar(pair: Pair, settings: Settings) -> dict[str, Any]:
    return {
        "Description": "Region label at every lesion voxel; see dseg.tsv at the root",
        "Manual": False,
        "Sources": [str(pair.lesions), str(pair.regions)],
        "LesionLabels": list(settings.lesion_labels),
        "LesionConnectivity": settings.connectivity,
        "LesionMinimumSizeMm3": settings.min_size_mm3,
    }
