"""A localization as a BIDS derivative: labelled lesion maps, their label table and sidecars."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
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


def write_derivative(
    pairs: Sequence[Pair], table: RegionTable, settings: Settings, folder: str | os.PathLike[str]
) -> Path:
    """Write ``dataset_description.json``, ``dseg.tsv``, and for every subject
    ``sub-*/[ses-*/]anat/*_desc-lesionregions_dseg.nii.gz`` with its sidecar.

    Raises InputError when two subjects get the same BIDS name.
    """
    root = make_folder(folder)
    names: dict[str, str] = {}
    for pair in pairs:
        name = "_".join(f"{key}-{value}" for key, value in entities(pair.subject).items())
        if name in names:
            raise InputError(
                pair.lesions, f"subjects {names[name]} and {pair.subject} are both {name} in BIDS", "rename one"
            )
        names[name] = pair.subject
    write_json(
        root / "dataset_description.json",
        {
            "Name": "Lesions labelled by white-matter region",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "yucca-wm", "Version": __version__}],
        },
    )
    labels = [(str(region.index), region.name, region.color.upper()) for region in table]
    write_tsv(
        root / "dseg.tsv", ("index", "name", "color"), [*labels, (str(outside_label(table)), "outside", "#FFFFFF")]
    )
    for pair in pairs:
        parts = entities(pair.subject)
        anat = make_folder(root.joinpath(*(f"{key}-{parts[key]}" for key in ("sub", "ses") if key in parts), "anat"))
        stem = "_".join(f"{key}-{value}" for key, value in parts.items()) + f"_desc-{DESCRIPTION}_dseg"
        write_map(pair, table, settings, anat / f"{stem}.nii.gz")
        write_json(anat / f"{stem}.json", _sidecar(pair, settings))
    return root


def _sidecar(pair: Pair, settings: Settings) -> dict[str, Any]:
    return {
        "Description": "Region label at every lesion voxel; see dseg.tsv at the root",
        "Manual": False,
        "Sources": [str(pair.lesions), str(pair.regions)],
        "LesionLabels": list(settings.lesion_labels),
        "LesionConnectivity": settings.connectivity,
        "LesionMinimumSizeMm3": settings.min_size_mm3,
    }
