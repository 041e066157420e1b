"""Write lesion maps labelled by region, which show where each voxel was counted: in a folder or as BIDS derivative."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from yucca_wm import __version__
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import case_name, make_folder, write_json, write_text
from yucca_wm.core.regions import FORM, OUTSIDE, RegionTable
from yucca_wm.core.tsv import write_tsv
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image
from yucca_wm.localize.inputs.pairs import Pair
from yucca_wm.localize.measures.lesions import Settings, counted_lesions

BIDS_VERSION = "1.9.0"
DESCRIPTION = "lesionregions"
INPUTS = ("lesions", "regions")

README = """# Lesions labelled by white-matter region

Written by yucca-wm (`python -m yucca_wm.localize --bids`). Every `*_desc-lesionregions_dseg.nii.gz` lies on the grid of
the subject's lesion map. A lesion voxel holds the label of the region that it lies in, or the label "outside" where no
region is; every other voxel is 0. `dseg.tsv` names the labels. Lesions below the minimum size that the sidecars state
are left out. `DatasetLinks` in `dataset_description.json` says where the maps came from; `Sources` names each of them.

Regions are where an atlas puts them after registration. This is research software, not a medical device.
"""

COLUMNS = ("index", "name", "color", "side", "group")
SHARED = {
    "Description": "Region label at every lesion voxel; dseg.tsv names the labels",
    "Manual": False,
    **{name: FORM.sidecar()[name] for name in ("side", "group")},
}
"""``dseg.json``: metadata of all images, and of those columns of ``dseg.tsv`` that BIDS does not define."""


def outside_label(table: RegionTable) -> int:
    """Label of lesion voxels in no region: one more than the largest region label (37 for the built-in table)."""
    return max(table.indices) + 1


def labelled_lesions(lesions: Image, regions: Image, table: RegionTable, settings: Settings) -> Image:
    """Region label [i, j, k] at every counted lesion voxel, `outside_label` outside all regions, 0 elsewhere."""
    components = counted_lesions(lesions, settings)
    outside = outside_label(table)
    labelled = np.zeros(lesions.shape, dtype=np.min_scalar_type(outside))
    at = tuple(components.voxels.T)
    labelled[at] = np.where(regions.data[at] == 0, outside, regions.data[at])
    return lesions.with_data(labelled)


def entities(subject: str) -> dict[str, str]:
    """BIDS entities of a subject; characters that BIDS does not allow are removed (``WMH_0`` -> ``WMH0``)."""
    parts = dict(re.findall(r"(?:^|_)(sub|ses|run)-([A-Za-z0-9]+)", subject))
    return parts if "sub" in parts else {"sub": re.sub(r"[^A-Za-z0-9]", "", subject)}


@dataclass(frozen=True)
class Derivative:
    """A BIDS derivative at ``root`` with a labelled lesion map for every subject.

    lesions, regions : folders (or files) that the maps are read from.
    """

    root: Path
    lesions: Path
    regions: Path

    def files(self, pair: Pair) -> tuple[Path, Path]:
        """``sub-*/[ses-*/]anat/*_desc-lesionregions_dseg.nii.gz`` and its sidecar; the space in the lesion map's name
        is kept."""
        anat = _anat(self.root, pair.subject)
        space = re.search(r"_(space-[A-Za-z0-9]+)(?=_|$)", case_name(pair.lesions))
        names = [_name(pair.subject), *([space[1]] if space else []), f"desc-{DESCRIPTION}_dseg"]
        stem = "_".join(names)
        return anat / f"{stem}.nii.gz", anat / f"{stem}.json"

    def write_subject(self, pair: Pair, labelled: Image, settings: Settings) -> None:
        """Write a subject's map (from `labelled_lesions`) and sidecar."""
        image, sidecar = self.files(pair)
        make_folder(image.parent)
        images.save(labelled, image)
        sources = [
            f"bids:{name}:{self._place(name, path)}"
            for name, path in zip(INPUTS, (pair.lesions, pair.regions), strict=True)
        ]
        write_json(
            sidecar,
            {
                "SpatialReference": sources[0],
                "Sources": sources,
                "LesionLabels": list(settings.lesion_labels),
                **({"LesionThreshold": settings.threshold} if settings.threshold is not None else {}),
                "LesionConnectivity": settings.connectivity,
                "LesionMinimumSizeMm3": settings.min_size_mm3,
            },
        )

    def write_description(self, table: RegionTable) -> None:
        """Write the files common to all subjects: ``dataset_description.json``, ``README.md``, ``dseg.tsv`` and
        ``dseg.json``."""
        make_folder(self.root)
        links = {name: self._folder(name).resolve().as_uri() for name in INPUTS}
        write_json(
            self.root / "dataset_description.json",
            {
                "Name": "Lesions labelled by white-matter region",
                "BIDSVersion": BIDS_VERSION,
                "DatasetType": "derivative",
                "GeneratedBy": [{"Name": "yucca-wm", "Version": __version__}],
                "DatasetLinks": links,
            },
        )
        write_text(self.root / "README.md", README)
        rows = [
            (str(region.index), region.name, region.color.upper(), str(region.side), region.group) for region in table
        ]
        rows.append((str(outside_label(table)), OUTSIDE, "#FFFFFF", "none", OUTSIDE))
        write_tsv(self.root / "dseg.tsv", COLUMNS, rows)
        write_json(self.root / "dseg.json", SHARED)

    def _folder(self, name: str) -> Path:
        place = {"lesions": self.lesions, "regions": self.regions}[name]
        return place.parent if place.is_file() else place

    def _place(self, name: str, path: Path) -> str:
        """``path`` relative to the folder of its kind, quoted for a BIDS URI."""
        return quote(Path(os.path.relpath(path, self._folder(name))).as_posix())


def check_names(subjects: Iterable[str], where: Path) -> None:
    """Raise InputError about ``where`` if two subjects get the same BIDS name."""
    names: dict[str, str] = {}
    for subject in subjects:
        name = _name(subject)
        if name in names:
            raise InputError(where, f"subjects {names[name]} and {subject} are both {name} in BIDS", "rename one")
        names[name] = subject


def _name(subject: str) -> str:
    return "_".join(f"{key}-{value}" for key, value in entities(subject).items())


def _anat(root: Path, subject: str) -> Path:
    parts = entities(subject)
    return root.joinpath(*(f"{key}-{parts[key]}" for key in ("sub", "ses") if key in parts), "anat")
