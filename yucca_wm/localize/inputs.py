"""Who is to be localized, and where their maps are: folders of maps, one person's files, or a cohort."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yucca_wm.cohort.layouts import AUTO, find_subjects
from yucca_wm.cohort.pairing import image_files, match
from yucca_wm.core.files import natural_key
from yucca_wm.localize.pairs import Pair, pair_cases
from yucca_wm.tasks.definition import Target

Place = str | os.PathLike[str]

NOBODYS = "is named after no subject of the cohort"


@dataclass(frozen=True)
class Inputs:
    """lesions, regions : where the maps were looked for: a folder, a file, or the cohort that they are of.
    pairs : subject -> its files. failures : case -> what keeps it out.
    stated : as entries of ``localize.json``'s inputs.
    adds : one person's files, who comes to those that are there already; otherwise these are all there are.
    """

    lesions: Path
    regions: Path
    pairs: Mapping[str, Pair]
    failures: Mapping[str, str]
    stated: Mapping[str, str] = field(default_factory=dict)
    adds: bool = False

    @property
    def has_ventricles(self) -> bool:
        return "ventricles" in self.stated


def folder_inputs(lesions: Place, regions: Place, ventricles: Place | None = None) -> Inputs:
    """Folders (or files) of maps that go together by name; raises InputError as `pair_cases`."""
    pairs, failures = pair_cases(lesions, regions, ventricles)
    stated = {"lesions": str(lesions), "regions": str(regions)}
    stated |= {"ventricles": str(ventricles)} if ventricles is not None else {}
    return Inputs(Path(lesions), Path(regions), pairs, failures, stated, adds=Path(lesions).is_file())


def cohort_inputs(
    root: Place,
    layout: str = AUTO,
    *,
    lesions: Place | None = None,
    regions: Place | None = None,
    ventricles: Place | None = None,
) -> Inputs:
    """The lesion masks of a cohort and the region maps that `yucca_wm.parcellate` left with it.

    lesions, regions, ventricles : folders in their place, with files named after the subjects (a region file for all).

    Subjects without a map are failures. Raises InputError as `find_subjects`, and where a folder holds no image.
    """
    folder = Path(root)
    subjects = {subject.name: subject for subject in find_subjects(folder, layout)}
    failures: dict[str, str] = {}
    everyone = {name: Path(name) for name in subjects}

    def maps(of: Target, place: Place | None) -> dict[str, Path]:
        if place is not None:
            found = image_files(Path(place), failures, lesion=of is Target.LESIONS)
            return match(everyone, found, Path(place), failures, unused=NOBODYS)
        there = {name: path for name, subject in subjects.items() if (path := getattr(subject, of)) is not None}
        failures.update({name: f"has no {of}; {of.remedy}" for name in everyone if name not in there | failures})
        return there

    lesion_files = maps(Target.LESIONS, lesions)
    region_files = maps(Target.REGIONS, regions)
    ventricle_files: dict[str, Path] = {}
    if ventricles is not None:
        found = image_files(Path(ventricles), failures, lesion=False)
        ventricle_files = match(everyone, found, Path(ventricles), failures, unused=NOBODYS)
    pairs: dict[str, Pair] = {}
    for name in sorted(everyone.keys() - failures.keys(), key=natural_key):
        pair = Pair(name, lesion_files[name], region_files[name], ventricle_files.get(name))
        if (clash := pair.clash()) is not None:
            failures[name] = clash
        else:
            pairs[name] = pair
    stated = {"cohort": str(root)}
    given = {"lesions": lesions, "regions": regions, "ventricles": ventricles}
    stated |= {what: str(place) for what, place in given.items() if place is not None}
    home = folder.parent if folder.is_file() else folder
    return Inputs(Path(lesions or home), Path(regions or home), pairs, failures, stated)
