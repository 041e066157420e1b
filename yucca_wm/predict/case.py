"""One subject's scans, the options of a prediction, and the files that it writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yucca_wm.core.errors import InputError
from yucca_wm.core.modality import MODALITIES
from yucca_wm.core.predictions import PROBABILITY
from yucca_wm.imaging.images import Source
from yucca_wm.predict.choice import LESIONS, REGIONS, TISSUE
from yucca_wm.predict.frame_files import frame_files


@dataclass(frozen=True)
class Options:
    """Options of a prediction, the same for every subject.

    shipped : use the models that come with this package for whatever no given model segments.
    registered : take the regions from the fetched atlas, registered to the white matter that these models find.
    space : scan that defines the grid of the maps, one of `choice.SPACES`; ignored if the subject has no such scan.
    mirror : average over mirror images (test-time augmentation).
    max_memory_gb : maximum memory for the logits of one image, in GB; None: no limit.
    confidence : also write the probability of each voxel's label.
    keep_softmax : keep each modality's softmax file.
    soft : also compute the volumes expected from the softmax files, which are kept.
    """

    shipped: bool = False
    registered: bool = False
    space: str = "flair"
    mirror: bool = False
    max_memory_gb: float | None = None
    confidence: bool = False
    keep_softmax: bool = False
    soft: bool = False

    @property
    def softmax_stays(self) -> bool:
        return self.keep_softmax or self.soft


@dataclass(frozen=True)
class Case:
    """Raw scans of one subject by modality (one of `MODALITIES`): files or in memory, on any grids.

    problem : why there are no scans, if the cohort shows a reason.
    """

    name: str
    scans: Mapping[str, Source] = field(default_factory=dict)
    problem: InputError | None = None

    @property
    def files(self) -> dict[str, Path]:
        """The scans that are files (or DICOM folders)."""
        return {modality: scan for modality, scan in self.scans.items() if isinstance(scan, Path)}


def alone(what: str, modality: str) -> str:
    """Folder of the label maps from one modality alone: ``lesions_T1``, ``regions_FLAIR``, ..."""
    return f"{what}_{modality}"


def by_shipped(models: Iterable[str]) -> list[str]:
    """Targets of the models of this package: those that no given model segments, and tissue."""
    return [what for what in (LESIONS, REGIONS, TISSUE) if what not in models]


def outputs(case: Case, models: Mapping[str, Collection[str]], out: Path, options: Options) -> list[Path]:
    """The files that `predict_case` always writes.

    models : `LESIONS` or `REGIONS` -> modalities whose scans the given model is shown.
    """
    made: list[Path] = []
    if options.shipped:
        kinds = [*by_shipped(models), *[PROBABILITY] * options.confidence]
        made += [out / kind / f"{case.name}.nii.gz" for kind in kinds]
    for what, modalities in models.items():
        seen = [modality for modality in case.scans if modality in modalities]
        made.append(out / what / f"{case.name}.nii.gz")
        made += [out / alone(what, modality) / f"{case.name}.nii.gz" for modality in seen]
        if options.confidence:
            made.append(out / f"{what}_confidence" / f"{case.name}.nii.gz")
        if options.softmax_stays:
            made += [out / f"{what}_softmax" / modality / f"{case.name}.npz" for modality in seen]
    return made


def other_outputs(case: Case, models: Mapping[str, Collection[str]], out: Path, options: Options) -> list[Path]:
    """Files that an earlier run, with other scans or options, may have left; they must not be taken for this run's."""
    if not case.scans:
        return []
    everything = Case(case.name, dict.fromkeys(MODALITIES, Path()))
    models_of_all = dict.fromkeys((LESIONS, REGIONS), MODALITIES)
    possible = outputs(everything, models_of_all, out, Options(shipped=True, confidence=True, keep_softmax=True))
    possible += frame_files(case.name, out)
    return sorted(set(possible) - set(outputs(case, models, out, options)))
