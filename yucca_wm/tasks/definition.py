"""The six tasks, in one table used by conversion, documentation and the demo."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from yucca_wm.cohort.subject import Split
from yucca_wm.core.modality import Modality
from yucca_wm.core.regions import regions


class Target(StrEnum):
    """Structure that a task segments; the value is the field of `Subject` that holds the truth."""

    LESIONS = "lesions"
    REGIONS = "regions"

    @property
    def classes(self) -> dict[int, str]:
        """Label -> class name, background first."""
        if self is Target.LESIONS:
            return {0: "background", 1: "white matter lesion", 2: "other pathology"}
        return {0: "background"} | {region.index: region.name for region in regions()}

    @property
    def remedy(self) -> str:
        """Remedy for a subject without it."""
        if self is Target.LESIONS:
            return "add it (WMH challenge: wmh.nii.gz, BIDS: *_label-lesion_mask.nii.gz), or list it in a table"
        return "make it with python -m yucca_wm.parcellate --cohort"

    @property
    def noun(self) -> str:
        """A subject's map of it, in words."""
        return "lesion mask" if self is Target.LESIONS else "region map"

    @property
    def lacking(self) -> str:
        """That a subject or cohort has no such map."""
        return f"has no {self.noun}"


@dataclass(frozen=True)
class Task:
    """One raw Yucca task.

    A task without a modality trains one model on both: T1 and FLAIR of a subject are two cases of one input channel,
    and the labels of the test subjects are included. A task with a modality holds that image of the test subjects.
    """

    name: str
    target: Target
    modality: Modality | None = None

    @property
    def split(self) -> Split:
        """The split whose images it holds."""
        return Split.TRAIN if self.modality is None else Split.TEST

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Modalities of a subject that it takes."""
        return tuple(Modality) if self.modality is None else (self.modality,)


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("Task001_WM_Lesion", Target.LESIONS),
        Task("Task002_WM_Lesion_T1", Target.LESIONS, Modality.T1),
        Task("Task003_WM_Lesion_FLAIR", Target.LESIONS, Modality.FLAIR),
        Task("Task004_WM_Location", Target.REGIONS),
        Task("Task005_WM_Location_T1", Target.REGIONS, Modality.T1),
        Task("Task006_WM_Location_FLAIR", Target.REGIONS, Modality.FLAIR),
    )
}
