"""One subject of a task: check its files, then write its cases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from yucca_wm.cohort.region_record import few_regions, recorded_beside
from yucca_wm.cohort.subject import Split, Subject
from yucca_wm.core.errors import InputError, YuccaWMError
from yucca_wm.core.files import atomic_path, sha256
from yucca_wm.core.modality import Modality
from yucca_wm.core.regions import regions
from yucca_wm.imaging.grids import reordered
from yucca_wm.imaging.images import Image, check_same_grid, load, load_labels, same_grid, save
from yucca_wm.imaging.kinds import labels_in, refuse_flat, refuse_mask
from yucca_wm.imaging.label_names import stated_names
from yucca_wm.imaging.reading import note
from yucca_wm.tasks.definition import Target, Task
from yucca_wm.tasks.grids import in_order, put_in_order, registered
from yucca_wm.tasks.raw_folder import image_file


@dataclass(frozen=True)
class Request:
    """Input of `write_subject`: write ``subject``, which belongs to ``split``, into the raw task at ``folder``.

    register : bring T1 and FLAIR to one grid if they are not aligned (`yucca_wm.tasks.grids`).
    """

    task: Task
    subject: Subject
    split: Split
    folder: Path
    register: bool = False

    def cases(self) -> dict[str, Modality | None]:
        """Case name -> modality of its image (None: a label without an image).

        The names of training cases include the modality; those of test cases do not, so that predictions from T1 and
        FLAIR pair up by name.
        """
        if self.split is Split.TEST:
            return {self.subject.name: self.task.modality}
        present = [modality for modality in self.task.modalities if modality in self.subject.scans]
        return {f"{self.subject.name}_{modality}": modality for modality in present}

    def files(self) -> tuple[str, ...]:
        """Files to be written, relative to the task's folder."""
        return tuple(file for case, modality in self.cases().items() for file in self.case_files(case, modality))

    def case_files(self, case: str, modality: Modality | None) -> Iterator[str]:
        """The image of a case, then its label, if the task holds them."""
        side = "Tr" if self.split is Split.TRAIN else "Ts"
        if modality is not None:
            yield f"images{side}/{image_file(case)}"
        if self.task.modality is None:
            yield f"labels{side}/{case}.nii.gz"


REGISTER = 'YUCCA_WM_CONVERT="--register"'
"""How the user requests registration."""

NOT_WRITTEN = "could not be written: "
"""Start of the message of a failure caused by the output folder, not by the subject."""


def write_subject(request: Request) -> dict[str, str]:
    """Check every image of a subject, then write its cases; returns the files written (file in the task -> sha256).

    All files of the subject are checked, even those that this task does not hold, so that a subject is in all tasks of
    a target or in none.

    Raises
    ------
    YuccaWMError : the message begins with NOT_WRITTEN if the output folder is to blame (a full disk).
    InputError : as `load` and `load_labels`; the grids of images and label differ; an image has only one value, an axis
        of one voxel, or no orientation in its header.
    """
    images, label = check_subject(request.subject, request.task, register=request.register)
    try:
        for case, modality in request.cases().items():
            for file in request.case_files(case, modality):
                target = request.folder / file
                if file.startswith("images"):
                    assert modality is not None
                    _write_image(images[modality], target)
                else:
                    assert label is not None
                    _write_label(label, images[modality] if modality else next(iter(images.values()), label), target)
        return {file: sha256(request.folder / file) for file in request.files()}
    except (OSError, InputError) as error:
        raise YuccaWMError(NOT_WRITTEN + str(error)) from error


def check_subject(
    subject: Subject, task: Task, *, register: bool = False
) -> tuple[dict[Modality, Image], Image | None]:
    """Load and check the subject's images and the task's label, where they exist; raises as `write_subject`."""
    images = {}
    for modality in Modality:
        if (path := subject.scans.get(modality)) is not None:
            images[modality] = load(path)
            refuse_flat(images[modality])
    label_path: Path | None = getattr(subject, task.target)
    label = load_map(label_path, task.target) if label_path is not None else None
    if register and len(images) > 1:
        return registered(subject.name, images, label)
    if images:
        like = next(iter(images.values()))
        images = {modality: _beside(image, like) for modality, image in images.items()}
        label = None if label is None else _ordered_as(label, like)
    return images, label


def load_map(path: Path, target: Target) -> Image:
    """A subject's label map of ``target``; raises InputError as `load_labels`, and for a mask in place of regions.

    Notes a region map without names that has few of the built-in regions, whose names the task would give it.
    """
    found = load_labels(path, allowed=target.classes)
    if target is Target.REGIONS:
        refuse_mask(held := labels_in(found), regions(), str(path))
        if not (stated_names(found.header) or recorded_beside(path)):
            note(*few_regions(held, regions(), "state their names in the maps (parcellate --names does)"))
    return found


def _ordered_as(image: Image, like: Image) -> Image:
    """``image`` with its voxels in the order of ``like``'s, so that predictions from both lie on one grid."""
    if image is like or same_grid(like, image):
        return image
    ordered = reordered(image, like)
    check_same_grid(like, ordered)
    return replace(ordered, path=None)  # the file has another voxel order


def _beside(image: Image, like: Image) -> Image:
    """As `_ordered_as`, for two scans."""
    try:
        return _ordered_as(image, like)
    except InputError as error:
        remedy = f"have them registered ({REGISTER}), or resample one to the other"
        raise InputError(error.path, error.problem, remedy) from None


def _write_image(image: Image, target: Path) -> None:
    """Copy the file unchanged if Yucca reads it correctly, else convert it."""
    source = image.path
    if source is None or not (source.name.lower().endswith(".nii.gz") and _yucca_reads_right(image)):
        save(put_in_order(image), target)
        return
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def _yucca_reads_right(image: Image) -> bool:
    """Whether Yucca reads the file right: axes in order, millimetres, voxel sizes in pixdim (not only the affine)."""
    header = image.header
    assert header is not None
    three_d = tuple(header.get_data_shape()) == image.shape
    assert image.path is not None
    nifti: Any = nib.load(image.path)
    in_file = nifti.header
    sizes_mm = np.allclose(in_file.get_zooms()[:3], image.spacing_mm, rtol=1e-3)
    placed = np.allclose(in_file.get_best_affine(), image.affine, atol=1e-3)
    return three_d and in_order(image) and sizes_mm and placed


def _write_label(label: Image, like: Image, target: Path) -> None:
    """Write ``label`` as uint8 with the header of ``like``, so that image and label agree to the last digit."""
    save(put_in_order(replace(like, data=label.data.astype(np.uint8))), target)
