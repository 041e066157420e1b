"""Find the subjects to localize and pair their maps: folders of maps, one subject's files, or a cohort.

Maps are paired by name, never by position.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

from yucca_wm.cohort.ids import person_of_file
from yucca_wm.cohort.layouts import AUTO, find_subjects
from yucca_wm.cohort.pairing import image_files, match, subject_of
from yucca_wm.cohort.region_record import record_beside
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import case_name, natural_key
from yucca_wm.ensemble.mean import SoftmaxFiles
from yucca_wm.imaging.images import Source
from yucca_wm.tasks.definition import Target

PathInput = str | os.PathLike[str]

SAME = "is given as {first} and as {second}; each needs a file of its own"

NOBODYS = "does not match any subject of the cohort"


@dataclass(frozen=True)
class Modality:
    """The maps of one subject made from one modality. regions : None: use those of the ensemble."""

    name: str
    lesions: Source
    regions: Source | None = None


@dataclass(frozen=True)
class Companions:
    """Companions of a lesion and region map; None if not requested.

    lesion_softmax, region_softmax : softmax files that the maps were made from.
    modalities : maps made from one modality, those that the subject has.
    tissue : tissue map.
    """

    lesion_softmax: SoftmaxFiles | None = None
    region_softmax: SoftmaxFiles | None = None
    modalities: tuple[Modality, ...] | None = None
    tissue: Source | None = None

    def files(self) -> dict[str, Path]:
        """Kind -> path, for those that are files."""
        files: dict[str, Source] = {}
        for what, softmax in (("lesion_softmax", self.lesion_softmax), ("region_softmax", self.region_softmax)):
            if softmax is not None:
                weighted = enumerate(zip(softmax.files, softmax.weights, strict=True))
                files |= {f"{what} {number}, weight {weight:g}": path for number, (path, weight) in weighted}
        for modality in self.modalities or ():
            files[f"{modality.name}_lesions"] = modality.lesions
            if modality.regions is not None:
                files[f"{modality.name}_regions"] = modality.regions
        if self.tissue is not None:
            files["tissue"] = self.tissue
        return {what: path for what, path in files.items() if isinstance(path, Path)}


@dataclass(frozen=True)
class Maps:
    """The maps of one subject, each a file or in memory. ventricles, companions : further maps, if any."""

    subject: str
    lesions: Source
    regions: Source
    ventricles: Source | None = None
    companions: Companions = Companions()


@dataclass(frozen=True)
class Pair(Maps):
    """The files of one subject.

    case : name of its lesion map among those of one folder; empty in a cohort, whose files may all have the same name.
    """

    lesions: Path
    regions: Path
    ventricles: Path | None = None
    case: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names that companions of its lesion map may have."""
        return tuple(dict.fromkeys(filter(None, (self.case, self.subject))))

    def clash(self) -> str | None:
        """Error text if one file is given for two maps, else None."""
        maps = {"lesion map": self.lesions, "region map": self.regions, "ventricle map": self.ventricles}
        there = {what: path for what, path in maps.items() if path is not None and path.is_file()}
        for (first, one), (second, other) in combinations(there.items(), 2):
            if one.samefile(other):
                return f"{one}: {SAME.format(first=first, second=second)}"
        return None

    def files(self) -> dict[str, Path]:
        """Kind -> path of all its files."""
        files = {"lesions": self.lesions, "regions": self.regions, **self.companions.files()}
        if (record := record_beside(self.regions)).is_file():
            files["registration"] = record
        return files if self.ventricles is None else {**files, "ventricles": self.ventricles}


@dataclass(frozen=True)
class Inputs:
    """lesions, regions : where the maps were looked for: a folder, a file, or their cohort.
    pairs : subject -> its files. failures : case -> reason for its exclusion.
    stated : entries for the inputs in ``localize.json``.
    adds : one subject's files, added to earlier results; otherwise these are all subjects.
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


def folder_inputs(
    lesions: PathInput, regions: PathInput, ventricles: PathInput | None = None, *, name: str | None = None
) -> Inputs:
    """Folders (or files) of maps, paired by name; raises InputError as `pair_cases`.

    name : of the subject of a single lesion map (default: from its file).
    """
    pairs, failures = pair_cases(lesions, regions, ventricles)
    if name is not None:
        pairs = {pair.subject: pair for pair in (replace(one, subject=name) for one in pairs.values())}
        failures = dict(zip([name], failures.values(), strict=False))  # none, or one
    stated = {"lesions": str(lesions), "regions": str(regions)}
    stated |= {"ventricles": str(ventricles)} if ventricles is not None else {}
    return Inputs(Path(lesions), Path(regions), pairs, failures, stated, adds=Path(lesions).is_file())


def cohort_inputs(
    root: PathInput,
    layout: str = AUTO,
    *,
    lesions: PathInput | None = None,
    regions: PathInput | None = None,
    ventricles: PathInput | None = None,
) -> Inputs:
    """The lesion masks of a cohort and the region maps that `yucca_wm.parcellate` wrote to it.

    lesions, regions, ventricles : folders to use instead, with files named after the subjects (or one region file for
        all).

    Subjects without a map are failures. Raises InputError as `find_subjects`, and for a folder without images.
    """
    folder = Path(root)
    subjects = {subject.name: subject for subject in find_subjects(folder, layout)}
    failures: dict[str, str] = {}
    everyone = {name: Path(name) for name in subjects}

    def maps(of: Target, place: PathInput | None) -> dict[str, Path]:
        if place is not None:
            if of is Target.LESIONS and Path(place).is_file() and len(subjects) > 1:
                problem = f"is one lesion map, but the cohort has {len(subjects)} subjects"
                raise InputError(place, problem, "give a folder of maps named after the subjects")
            found = image_files(Path(place), failures, lesion=of is Target.LESIONS)
            return match(everyone, found, Path(place), failures, unused=NOBODYS)
        there = {name: path for name, subject in subjects.items() if (path := getattr(subject, of)) is not None}
        lacking = f"has no {of.noun}; {of.remedy}, or name the folder that the maps are in (--{of})"
        failures.update({name: lacking for name in everyone if name not in there | failures})
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


def pair_cases(
    lesions: str | os.PathLike[str],
    regions: str | os.PathLike[str],
    ventricles: str | os.PathLike[str] | None = None,
) -> tuple[dict[str, Pair], dict[str, str]]:
    """Subjects (in natural order) with both maps, and case -> reason for the others.

    Each argument is a folder or one file; one region (or ventricle) file serves all lesion maps, as in a common
    space. Equal file names pair first; then names that are equal without endings such as ``_regions`` or
    ``_lesions``, or with the same BIDS ``sub-`` and ``ses-``, by the rule of `yucca_wm.cohort.ids`. A folder without
    images but with ``sub-*`` folders is read as a BIDS derivative. Region maps are also found where
    `yucca_wm.parcellate` writes a cohort's, each in its subject's folder; other files there are not region maps.

    Raises InputError if a path does not exist or contains no image, or one path is given for both lesions and regions.
    """
    failures: dict[str, str] = {}
    lesion_files = image_files(Path(lesions), failures, lesion=True)
    region_files = image_files(Path(regions), failures, lesion=False)
    if lesion_files.keys() == region_files.keys() and Path(lesions).samefile(regions):
        problem = SAME.format(first="lesion maps", second="region maps").partition("; ")[0]
        raise InputError(lesions, problem, "give a folder for each, or list the files in a table: --cohort TABLE")
    alone = Path(lesions).is_file()
    unused = None if alone else "has no lesion map of its name"
    partners = match(lesion_files, region_files, Path(regions), failures, unused=unused)
    if ventricles is not None:
        found = image_files(Path(ventricles), failures, lesion=False)
        due = {name: lesion_files[name] for name in partners}
        ventricle_files = match(due, found, Path(ventricles), failures, unused=unused)
        partners = {name: partner for name, partner in partners.items() if name in ventricle_files}
    pairs: dict[str, Pair] = {}
    for name, partner in sorted(partners.items(), key=lambda item: natural_key(item[0])):
        subject = subject_named(name, lesion_files[name], partner, alone=alone)
        if subject in pairs:
            failures[name] = (
                f"{lesion_files[name]}: subject '{subject}' has another lesion map, {pairs[subject].lesions}"
            )
            continue
        beside = ventricle_files[name] if ventricles is not None else None
        pair = Pair(subject, lesion_files[name], partner, beside, case=name)
        if (clash := pair.clash()) is not None:
            failures[name] = clash
        else:
            pairs[subject] = pair
    return pairs, {name: failures[name] for name in failures if name in lesion_files} if alone else failures


def subject_named(name: str, lesions: Path, regions: Path, *, alone: bool) -> str:
    """The subject of a pair of files. name : of its case. alone : the lesion map was given as a single file."""
    whose = (person_of_file(lesions) if alone else None) or name
    return whose if case_name(regions) == name else subject_of(whose)
