"""Which lesion map belongs to which region map: by name, never by position."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from yucca_wm.cohort.ids import person_of_file
from yucca_wm.cohort.pairing import image_files, match
from yucca_wm.cohort.pairing import subject_of as subject_of
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import case_name, natural_key
from yucca_wm.core.images import Source
from yucca_wm.localize.flags import registration_record
from yucca_wm.localize.softmaxes import SoftmaxFiles

SAME = "is given as {first} and as {second}; each needs a file of its own"


@dataclass(frozen=True)
class Modality:
    """The maps of one subject that were made from one modality. regions : None for those of the ensemble."""

    name: str
    lesions: Source
    regions: Source | None = None


@dataclass(frozen=True)
class Companions:
    """What may come with a lesion and region map; None where it is not asked for.

    lesion_softmax, region_softmax : what they were made from.
    modalities : maps made from one modality, as far as the subject has them.
    tissue : tissue map.
    """

    lesion_softmax: SoftmaxFiles | None = None
    region_softmax: SoftmaxFiles | None = None
    modalities: tuple[Modality, ...] | None = None
    tissue: Source | None = None

    def files(self) -> dict[str, Path]:
        """Those that are files, by what they are."""
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
    """The maps of one subject, each a file or in memory. ventricles, companions : what there is beside them."""

    subject: str
    lesions: Source
    regions: Source
    ventricles: Source | None = None
    companions: Companions = Companions()


@dataclass(frozen=True)
class Pair(Maps):
    """The files of one subject.

    case : name of its lesion map among those of one folder; empty in a cohort, whose files may all be called alike.
    """

    lesions: Path
    regions: Path
    ventricles: Path | None = None
    case: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What files that come with its lesion map may be called."""
        return tuple(dict.fromkeys(filter(None, (self.case, self.subject))))

    def clash(self) -> str | None:
        """What is wrong when one file is given for two maps; None if nothing is."""
        maps = {"lesion map": self.lesions, "region map": self.regions, "ventricle map": self.ventricles}
        there = {what: path for what, path in maps.items() if path is not None and path.is_file()}
        for (first, one), (second, other) in combinations(there.items(), 2):
            if one.samefile(other):
                return f"{one}: {SAME.format(first=first, second=second)}"
        return None

    def files(self) -> dict[str, Path]:
        """Those that there are, by what they are."""
        files = {"lesions": self.lesions, "regions": self.regions, **self.companions.files()}
        if (record := registration_record(self.regions)).is_file():
            files["registration"] = record
        return files if self.ventricles is None else {**files, "ventricles": self.ventricles}


def pair_cases(
    lesions: str | os.PathLike[str],
    regions: str | os.PathLike[str],
    ventricles: str | os.PathLike[str] | None = None,
) -> tuple[dict[str, Pair], dict[str, str]]:
    """Subjects (in natural order) with both maps, and what keeps the others out (case -> reason).

    Each argument is a folder or one file; one region (or ventricle) file serves all lesion maps, as in a common
    space. Equal file names pair first; then names that are equal without endings such as ``_regions`` or
    ``_lesions``, or with the same BIDS ``sub-`` and ``ses-``, by the rule of `yucca_wm.cohort.ids`. A folder without
    images but with ``sub-*`` folders is read as a BIDS derivative, and region maps are also found as
    `yucca_wm.parcellate` leaves a cohort's, each in a folder of its subject; what lies beside them is no region map.

    Raises InputError when a path does not exist or holds no image, or one is given for lesions and regions alike.
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
    """The subject that a pair of files is of. name : of its case. alone : the lesion map is not one of a folder's."""
    whose = (person_of_file(lesions) if alone else None) or name
    return whose if case_name(regions) == name else subject_of(whose)
