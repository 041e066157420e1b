"""Find the companions of a subject's lesion and region map: softmaxes, maps from one modality, and a tissue map.

Softmax files are in given folders, or where the commands of this package and of Yucca write them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from yucca_wm.cohort.ids import bare
from yucca_wm.cohort.pairing import image_files, match, subject_of
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import IMAGE_SUFFIXES, case_name
from yucca_wm.ensemble.folders import MANIFEST, SUFFIX
from yucca_wm.ensemble.mean import SoftmaxFiles
from yucca_wm.imaging.reading import note
from yucca_wm.localize.inputs.pairs import Companions, Modality, Pair, PathInput


@dataclass(frozen=True)
class CompanionPaths:
    """Where to look for companions of the maps.

    soft : read softmaxes. lesion_softmax, region_softmax : their folders; empty: beside the label maps.
    modality_lesions, modality_regions : modality (T1, FLAIR) -> folder of its label maps or softmax files.
    tissue : folder of tissue maps, or one file for all. tissue_of_others : ignore maps of other subjects without a
        note.
    """

    soft: bool = False
    lesion_softmax: tuple[PathInput, ...] = ()
    region_softmax: tuple[PathInput, ...] = ()
    modality_lesions: Mapping[str, PathInput] | None = None
    modality_regions: Mapping[str, PathInput] | None = None
    tissue: PathInput | None = None
    tissue_of_others: bool = False

    @property
    def asked(self) -> bool:
        """Whether any companion is requested."""
        return self.soft or bool(self.modality_lesions) or self.tissue is not None

    @property
    def stated(self) -> dict[str, Any]:
        """Entries for the inputs in ``localize.json``."""
        softmax = {"lesion_softmax": self.lesion_softmax, "region_softmax": self.region_softmax}
        stated: dict[str, Any] = {name: [str(path) for path in paths] for name, paths in softmax.items() if paths}
        for kind, places in (("lesions", self.modality_lesions), ("regions", self.modality_regions)):
            stated |= {f"{name.lower()}_{kind}": str(place) for name, place in (places or {}).items()}
        return stated if self.tissue is None else {**stated, "tissue": str(self.tissue)}

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters that a subject's result depends on besides its files."""
        modalities = {"modalities": sorted(self.modality_lesions)} if self.modality_lesions else {}
        return {"soft": True, **modalities} if self.soft else modalities

    def attach(
        self, pairs: Mapping[str, Pair], lesions: PathInput, regions: PathInput
    ) -> tuple[dict[str, Pair], dict[str, str]]:
        """Pairs with their companions, and case -> reason for subjects without a softmax file or a tissue map.

        A map of one modality may be missing. Raises InputError for a folder without a map of any subject, and for one
        given twice.
        """
        for places in (self.lesion_softmax, self.region_softmax, [*(self.modality_lesions or {}).values()]):
            _check_once(places)
        softmaxes: tuple[Softmaxes, Softmaxes] | None = None
        if self.soft:
            softmaxes = (
                _softmaxes(self.lesion_softmax, lesions, "--lesion-softmax"),
                _softmaxes(self.region_softmax, regions, "--region-softmax"),
            )
        alone = {name: _maps(place, pairs) for name, place in (self.modality_lesions or {}).items()}
        alone_regions = {name: _maps(place, pairs) for name, place in (self.modality_regions or {}).items()}
        attached: dict[str, Pair] = {}
        failures: dict[str, str] = {}
        tissue: dict[str, Path] = {}
        if self.tissue is not None:
            tissue, failures = _tissue(self.tissue, pairs, of_others=self.tissue_of_others)
        for subject, pair in pairs.items():
            if self.tissue is not None and subject not in tissue:
                continue
            modalities = tuple(
                Modality(name, files[subject], alone_regions.get(name, {}).get(subject))
                for name, files in alone.items()
                if subject in files
            )
            companions = Companions(
                modalities=modalities if self.modality_lesions else None, tissue=tissue.get(subject)
            )
            try:
                if softmaxes is not None:
                    companions = replace(
                        companions,
                        lesion_softmax=softmaxes[0].of(*pair.names),
                        region_softmax=softmaxes[1].of(case_name(pair.regions), subject),
                    )
            except InputError as error:
                failures[subject] = str(error)
                continue
            attached[subject] = replace(pair, companions=companions)
        return attached, failures


def _check_once(places: Sequence[PathInput]) -> None:
    """Raise InputError if one folder or file is given twice: it would agree with itself, or count twice."""
    for one, other in combinations(map(Path, places), 2):
        if one.exists() and other.exists() and one.samefile(other):
            problem = "is given twice" if one == other else f"is {one}, which is given already"
            raise InputError(other, problem, "give each model's and each modality's own maps")


def _tissue(place: PathInput, pairs: Mapping[str, Pair], *, of_others: bool) -> tuple[dict[str, Path], dict[str, str]]:
    """Subject -> tissue map, paired like lesion and region maps, and case -> reason for subjects without one.

    of_others : ignore maps of other subjects; else a note gives their number.
    """
    failures: dict[str, str] = {}
    found = image_files(Path(place), failures, lesion=False)
    mine = {subject: pair.lesions for subject, pair in pairs.items()}
    partners = match(mine, found, Path(place), failures)
    if not of_others and (n := len(found.keys() - failures.keys()) - len(set(partners.values()))) > 0:
        said = "tissue maps match no subject, and are" if n > 1 else "tissue map matches no subject, and is"
        note(f"{place}: {n} {said} not used")
    return partners, failures


def _softmaxes(folders: Sequence[PathInput], label_maps: PathInput, option: str) -> Softmaxes:
    return given_softmaxes(folders) if folders else softmaxes_beside(label_maps, option)


def _maps(place: PathInput, pairs: Mapping[str, Pair]) -> dict[str, Path]:
    """Subject -> its file in a folder of label maps or softmax files (the label map if there are both).

    A file belongs to a subject if it has the name of its lesion map, or if it is the only file with the subject's name
    (`subject_of`) and not named after another lesion map.
    """
    root = Path(place)
    if root.is_file() and len(pairs) == 1:
        return dict.fromkeys(pairs, root)
    if not root.is_dir():
        raise InputError(root, "is not a folder", "give the folder of the maps made from this modality")
    by_name: dict[str, Path] = {}
    by_subject: dict[str, list[Path]] = {}
    for path in sorted(root.iterdir(), key=lambda path: path.suffix == SUFFIX):
        if path.name.startswith(".") or not path.name.lower().endswith((*IMAGE_SUFFIXES, SUFFIX)):
            continue
        other = by_name.get(case_name(path))
        if other is not None and path.suffix != SUFFIX:
            raise InputError(root, f"holds {other.name} and {path.name}", "keep one of them")
        if other is None:
            by_name[case_name(path)] = path
            by_subject.setdefault(bare(subject_of(case_name(path))), []).append(path)
    found: dict[str, Path] = {}
    taken = {name for pair in pairs.values() for name in pair.names}
    for subject, pair in pairs.items():
        alone = [path for path in by_subject.get(bare(subject_of(subject)), []) if case_name(path) not in taken]
        named = [by_name[name] for name in pair.names if name in by_name]
        if named or len(alone) == 1:
            found[subject] = [*named, *alone][0]
    if pairs and not found:
        raise InputError(root, "has no map of any of the subjects", "name its files like the lesion maps")
    return found


@dataclass(frozen=True)
class Softmaxes:
    """Where to look for softmax files. where : description for errors.

    folders : folders of softmax files named after their case.
    merged : case -> files, from ``ensemble.json``.
    """

    where: str
    folders: tuple[Path, ...] = ()
    merged: dict[str, SoftmaxFiles] = field(default_factory=dict)

    def of(self, *names: str) -> SoftmaxFiles:
        """The files of a case with any of these ``names``; raises InputError if there are none."""
        for name in names:
            if name in self.merged:
                return self.merged[name]
            files = tuple(folder / f"{name}{SUFFIX}" for folder in self.folders)
            if there := tuple(path for path in files if path.is_file()):
                return SoftmaxFiles.equal(*there)
        raise InputError(names[0], f"has no softmax file in {self.where}", "predict it with --save_softmax")


def given_softmaxes(folders: Sequence[str | os.PathLike[str]]) -> Softmaxes:
    """Softmax files in these folders; files with the same name are averaged. Raises InputError if one is missing."""
    paths = tuple(Path(folder) for folder in folders)
    for path in paths:
        if not path.is_dir():
            raise InputError(path, "is not a folder", "give the folder of the softmax files (.npz)")
    return Softmaxes(", ".join(map(str, paths)), paths)


def softmaxes_beside(label_maps: str | os.PathLike[str], option: str) -> Softmaxes:
    """The softmax files that a folder of label maps was made from.

    Search order: the files that its ``ensemble.json`` names (``yucca_ensemble``); the folders in ``<folder>_softmax``
    (``yucca_wm.predict --keep-softmax``); the folder itself (``yucca_inference --save_softmax``).

    Raises InputError, which names ``option``, if there are none, or if they were not merged by their mean.
    """
    folder = Path(label_maps)
    folder = folder.parent if folder.is_file() else folder
    remedy = f"name their folders with {option}"
    if (folder / MANIFEST).is_file():
        return Softmaxes(str(folder / MANIFEST), merged=_merged(folder / MANIFEST, remedy))
    kept = folder.with_name(f"{folder.name}_softmax")
    folders = tuple(sorted(path for path in kept.glob("*") if path.is_dir())) if kept.is_dir() else (folder,)
    if not any(path.suffix == SUFFIX for place in folders for path in place.iterdir()):
        raise InputError(folder, "has no softmax files (.npz) beside it", remedy)
    return Softmaxes(", ".join(map(str, folders)), folders)


def _merged(manifest: Path, remedy: str) -> dict[str, SoftmaxFiles]:
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        method = content["method"]
        members = {name: made["members"] for name, made in content["cases"].items()}
        found = {
            name: SoftmaxFiles(
                tuple(Path(member["file"]) for member in entries),
                tuple(float(member.get("weight", 1)) for member in entries),
                tuple(str(member.get("sha256", "")) for member in entries),
            )
            for name, entries in members.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(manifest, f"is damaged ({error})", remedy) from error
    if method != "mean":
        raise InputError(manifest, f"says that they were merged by the {method} mean, not the arithmetic one", remedy)
    return found
