"""Which lesion map belongs to which region map: by name, never by position."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from yucca_wm.errors import InputError
from yucca_wm.files import NIFTI_SUFFIXES, case_name
from yucca_wm.localize.flags import registration_record
from yucca_wm.localize.modalities import Modality
from yucca_wm.localize.softmaxes import SoftmaxFiles

ENDINGS = re.compile(r"(_(regions?|lesions?|dseg|mask|seg|labels?|parcellation|ventricles?|tissues?))+$", re.IGNORECASE)
"""What tools append to a subject's name to say what kind of map it is."""

LESION_ENTITY = re.compile(r"(label|desc)-[a-z0-9]*(lesion|wmh)", re.IGNORECASE)
"""What marks a lesion map among the masks and segmentations of a BIDS derivative."""


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
    tissue: Path | None = None

    def files(self) -> dict[str, Path]:
        """Those that there are, by what they are."""
        files: dict[str, Path] = {}
        for what, softmax in (("lesion_softmax", self.lesion_softmax), ("region_softmax", self.region_softmax)):
            if softmax is not None:
                weighted = enumerate(zip(softmax.files, softmax.weights, strict=True))
                files |= {f"{what} {number}, weight {weight:g}": path for number, (path, weight) in weighted}
        for modality in self.modalities or ():
            files[f"{modality.name}_lesions"] = modality.lesions
            if modality.regions is not None:
                files[f"{modality.name}_regions"] = modality.regions
        return files if self.tissue is None else {**files, "tissue": self.tissue}


@dataclass(frozen=True)
class Pair:
    """The files of one subject."""

    subject: str
    lesions: Path
    regions: Path
    ventricles: Path | None = None
    companions: Companions = Companions()

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
    """Subjects (sorted) with both maps, and what keeps the others out (case -> reason).

    Each argument is a folder or one file; one region (or ventricle) file serves all lesion maps, as in a common
    space. Equal file names pair first; then names that are equal without endings such as ``_regions`` or
    ``_lesions``, or with the same BIDS ``sub-`` and ``ses-``. A folder without images but with ``sub-*`` folders is
    read as a BIDS derivative, and region maps are also found as `yucca_wm.parcellate` leaves a cohort's, each in a
    folder of its subject.

    Raises InputError when a path does not exist or holds no image.
    """
    failures: dict[str, str] = {}
    lesion_files = _files(Path(lesions), failures, lesion=True)
    region_files = _files(Path(regions), failures, lesion=False)
    partners = _match(lesion_files, region_files, Path(regions), failures)
    ventricle_files: dict[str, Path] = {}
    if ventricles is not None:
        found = _files(Path(ventricles), failures, lesion=False)
        ventricle_files = _match({name: lesion_files[name] for name in partners}, found, Path(ventricles), failures)
    pairs: dict[str, Pair] = {}
    for name, partner in sorted(partners.items()):
        if ventricles is not None and name not in ventricle_files:
            continue
        subject = name if case_name(partner) == name else subject_of(name)
        if subject in pairs:
            failures[name] = (
                f"{lesion_files[name]}: subject '{subject}' has another lesion map, {pairs[subject].lesions}"
            )
            continue
        pairs[subject] = Pair(subject, lesion_files[name], partner, ventricle_files.get(name))
    return pairs, failures


def subject_of(name: str) -> str:
    """Subject (and session) that a case name stands for: ``sub-1_ses-2_desc-x_dseg`` -> ``sub-1_ses-2``."""
    if name.startswith("sub-"):
        return "_".join(part for part in name.split("_") if part.startswith(("sub-", "ses-", "run-")))
    return ENDINGS.sub("", name) or name


def _files(path: Path, failures: dict[str, str], *, lesion: bool) -> dict[str, Path]:
    """Case name -> file; a case that occurs twice goes to ``failures``."""
    if path.is_file():
        return {case_name(path): path}
    if not path.is_dir():
        raise InputError(path, "no such file or folder")
    candidates = [file for file in sorted(path.iterdir()) if _is_image(file)]
    if not candidates:
        derivative = [file for file in sorted(path.glob("sub-*/**/*")) if _is_image(file)]
        candidates = [file for file in derivative if bool(LESION_ENTITY.search(file.name)) == lesion]
        if not lesion:
            parcellated = [file for file in sorted(path.glob("*/*_regions.nii.gz")) if not file.name.startswith(".")]
            candidates = [file for file in candidates if case_name(file).endswith("_dseg")] or parcellated
    if not candidates:
        raise InputError(path, "holds no NIfTI image (.nii.gz or .nii)")
    by_name: dict[str, list[Path]] = defaultdict(list)
    for file in candidates:
        by_name[case_name(file)].append(file)
    for name, files in by_name.items():
        if len(files) > 1:
            failures[name] = f"{files[1]}: case '{name}' occurs twice, also as {files[0].name}; keep one of them"
    return {name: files[0] for name, files in by_name.items()}


def _is_image(path: Path) -> bool:
    return path.name.lower().endswith(NIFTI_SUFFIXES) and not path.name.startswith(".") and path.is_file()


def _match(firsts: dict[str, Path], seconds: dict[str, Path], where: Path, failures: dict[str, str]) -> dict[str, Path]:
    """Case name -> partner in ``seconds``, for every case that is not among the failures."""
    if where.is_file():
        (only,) = seconds.values()
        return {name: only for name in firsts if name not in failures}
    by_subject: dict[str, list[str]] = defaultdict(list)
    for name in seconds:
        if name not in firsts:
            by_subject[subject_of(name)].append(name)
    partners: dict[str, Path] = {}
    used: set[str] = set()
    for name, file in firsts.items():
        options = [name] if name in seconds else by_subject[subject_of(name)]
        used.update(options)
        if name in failures:
            continue
        if not options:
            failures[name] = f"{file}: has no partner in {where}"
        elif len(options) > 1:
            failures[name] = f"{file}: has {len(options)} possible partners in {where}: {', '.join(sorted(options))}"
        elif options[0] in failures:
            failures[name] = failures[options[0]]
        else:
            partners[name] = seconds[options[0]]
    for name in sorted(set(seconds) - used - set(failures)):
        failures[name] = f"{seconds[name]}: has no lesion map of its name"
    return partners
