"""Open every file of one subject and judge it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np

from yucca_wm.check.findings import Facts, Level, Problem
from yucca_wm.cohort.subject import FILE_COLUMNS, Subject
from yucca_wm.core.errors import InputError, by_axis
from yucca_wm.core.modality import Modality
from yucca_wm.core.notes import About, Note
from yucca_wm.core.regions import regions
from yucca_wm.imaging.grids import reordered
from yucca_wm.imaging.images import Image, check_same_grid, same_grid
from yucca_wm.imaging.kinds import MOST_LESIONS_ML, refuse_flat
from yucca_wm.parcellate.settings import Settings
from yucca_wm.parcellate.white_matter import check_sides, white_matter
from yucca_wm.scan.check import check_different, check_one
from yucca_wm.scan.contrast import exchanged
from yucca_wm.scan.names import name_notes
from yucca_wm.scan.notes import EXCHANGED
from yucca_wm.scan.read import read_scan
from yucca_wm.tasks.case import REGISTER, load_map
from yucca_wm.tasks.definition import Target

PLAUSIBLE_SPACING_MM = (0.2, 8.0)
PLAUSIBLE_EXTENT_MM = (80.0, 420.0)
"""Plausible voxel size and field of view (mm) of a head scan, along each axis."""

PLAUSIBLE_WM_ML = (150.0, 900.0)
"""Plausible volume of cerebral white matter; 220 to 546 ml in the 170 subjects of the WMH challenge."""

MIN_COMPARED = 100
"""Maps with fewer nonzero voxels may be equal by chance."""

MAX_OUTSIDE = 0.8
"""Lesions lie in or near white matter: a larger share (of at least 1 ml) outside all regions suggests a mix-up."""

SCANS = tuple(modality.column for modality in Modality)
VOLUME_LABELS = {"wm": (1,), "lesions": (1,), "regions": regions().white_matter.indices}
"""Labels that make up the volume of each map."""


@dataclass
class Findings:
    """Problems and facts of one subject, collected during the check."""

    subject: str
    problems: list[Problem] = field(default_factory=list)
    facts: Facts = field(default_factory=Facts)

    def error(self, error: InputError) -> None:
        self.problems.append(Problem(Level.ERROR, self.subject, error.path, error.problem, error.remedy))

    def warn(self, file: str | Path, problem: str, remedy: str = "") -> None:
        self.problems.append(Problem(Level.WARNING, self.subject, str(file), problem, remedy))

    def note(self, file: str | Path, problem: str, remedy: str) -> None:
        self.problems.append(Problem(Level.NOTE, self.subject, str(file), problem, remedy))

    def attempt(self, read: Callable[[], Image]) -> Image | None:
        """The image, or None with the error recorded."""
        try:
            return read()
        except InputError as error:
            self.error(error)
            return None


def check_scan(subject: Subject, settings: Settings) -> Findings:
    """Find all problems of one subject's own files.

    settings : how white matter will be read when the cohort is parcellated.
    """
    found = Findings(subject.name)
    images: dict[str, Image] = {}

    def read(column: str, reader: Callable[[Path], Image]) -> None:
        path = subject.files(column).get(column)
        if path is not None and (image := found.attempt(lambda: reader(path))) is not None:
            images[column] = image

    def scan(path: Path) -> Image:
        image, said = _scan(path)
        for note in said:
            if note.about is not About.DONE:
                found.warn(path, note, "look at the scan")
        return image

    for modality in Modality:
        read(modality.column, scan)
    for target in Target:
        read(target, partial(load_map, target=target))
    read("wm", partial(_white_matter, settings=settings))
    found.facts = _facts(subject, images)
    for image in images.values():
        for note in image.header_notes:
            found.warn(image.name, note, "repair its header if the other is right")
    _check_grids(found, images, all_scans=all(column in images for column in subject.files(*SCANS)))
    _check_volumes(found, images)
    scans = {str(modality): images[modality.column] for modality in Modality if modality.column in images}
    try:
        check_different(scans)
    except InputError as error:
        found.error(error)
    for note in name_notes({modality: path for modality, path in subject.scans.items() if modality in scans}):
        found.warn(subject.scans[Modality(next(iter(scans)))], note)
    if len(scans) == len(Modality) and exchanged(*(scans[str(modality)] for modality in (Modality.T1, Modality.FLAIR))):
        found.warn(scans[str(Modality.FLAIR)].name, EXCHANGED.note())
    return found


def _scan(path: Path) -> tuple[Image, list[Note]]:
    """A scan acceptable to predict and to a task, with air at 0 as in predict, and what predict would note of it.

    Raises InputError as they do.
    """
    refuse_flat(scan := read_scan(path))
    return check_one(scan)


def _white_matter(path: Path, settings: Settings) -> Image:
    found = white_matter(path, settings)
    check_sides(found, found.mask.affine)
    return found.mask


def _check_grids(found: Findings, images: dict[str, Image], *, all_scans: bool) -> None:
    """Compare every map with the scans it may lie on, and scans with the last one; then check size and position of
    every scan (or, without one, of the first map). all_scans : if not, the one that a map lies on may be missing."""
    grid = next(iter(images.values()), None)
    if grid is None:
        return
    scans = [images[column] for column in SCANS if column in images]
    for scan in scans[:-1]:
        if not same_grid(reordered(scan, scans[-1]), scans[-1]):
            problem = "T1 and FLAIR are on different grids"
            found.note(scan.name, problem, f"predict registers them; to train, add {REGISTER}")
    for column, image in images.items():
        if all_scans and column not in SCANS and not any(same_grid(scan, image) for scan in scans):
            try:
                check_same_grid(grid, image)
            except InputError as error:
                found.error(error)
    for image in scans or [grid]:
        _check_place(found, image)


def _check_place(found: Findings, grid: Image) -> None:
    spacing, extent = grid.spacing_mm, grid.spacing_mm * grid.shape
    if not ((spacing >= PLAUSIBLE_SPACING_MM[0]) & (spacing <= PLAUSIBLE_SPACING_MM[1])).all():
        found.warn(grid.name, f"has voxels of {by_axis(spacing)} mm", "check the unit and the header")
    elif not ((extent >= PLAUSIBLE_EXTENT_MM[0]) & (extent <= PLAUSIBLE_EXTENT_MM[1])).all():
        found.warn(grid.name, f"shows {by_axis(extent)} mm", "check that it is a whole head")
    if np.array_equal(grid.affine, np.eye(4)):
        remedy = "copy the header of the original scan, or use --init search"
        found.warn(grid.name, "has an identity affine: its header looks lost", remedy)


def _check_volumes(found: Findings, images: dict[str, Image]) -> None:
    volume_ml = found.facts.volume_ml
    for column in ("wm", "regions"):
        if column in volume_ml and not PLAUSIBLE_WM_ML[0] <= volume_ml[column] <= PLAUSIBLE_WM_ML[1]:
            found.warn(images[column].name, f"holds {volume_ml[column]:.3g} ml of white matter", "look at it")
    if volume_ml.get("lesions", 0) > MOST_LESIONS_ML:
        found.warn(images["lesions"].name, f"holds {volume_ml['lesions']:.3g} ml of lesions", "look at it")
    if {"lesions", "regions"} <= images.keys() and images["lesions"].shape == images["regions"].shape:
        lesions = images["lesions"].data == 1
        outside = float((images["regions"].data[lesions] == 0).mean()) if lesions.any() else 0.0
        if outside > MAX_OUTSIDE and volume_ml["lesions"] >= 1:
            problem = f"has {outside:.0%} of its lesions outside all regions"
            found.warn(images["lesions"].name, problem, "check that both maps show this subject")


def _facts(subject: Subject, images: dict[str, Image]) -> Facts:
    grid = next(iter(images.values()), None)
    files = subject.files(*FILE_COLUMNS)
    sizes = {column: path.stat().st_size for column, path in files.items() if path.is_file()}
    facts = Facts(size_bytes=sizes)
    if grid is None:
        return facts
    volumes = {column: _volume_ml(image, column) for column, image in images.items() if column in VOLUME_LABELS}
    return replace(
        facts,
        shape=grid.shape,
        spacing_mm=tuple(float(mm) for mm in grid.spacing_mm),
        orientation="".join(nib.aff2axcodes(grid.affine)),
        digests={
            column: image.voxels_sha256
            for column, image in images.items()
            if np.count_nonzero(image.data) >= MIN_COMPARED
        },
        volume_ml=volumes,
    )


def _volume_ml(image: Image, column: str) -> float:
    return float(np.isin(image.data, VOLUME_LABELS[column]).sum()) * image.voxel_volume_ml
