"""Bring a subject's scans to one grid: that of the FLAIR, on which lesions are drawn, or that of the T1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from nibabel.orientations import io_orientation
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.notes import Note
from yucca_wm.core.stages import stage
from yucca_wm.imaging.grids import Window, reordered, widened
from yucca_wm.imaging.images import Image, Source, resample, same_grid
from yucca_wm.registration.itk import save_affine
from yucca_wm.registration.rigid import LEAST_COVERAGE, LEAST_PEAK, WEAK_PEAK, Rigid, inverse, near, register
from yucca_wm.scan.check import checked
from yucca_wm.scan.contrast import exchanged
from yucca_wm.scan.notes import EXCHANGED, MOVED, NOT_ALIGNED, PLACED, WEAK, WRONG_HEADER

LEAST_GAIN, LEAST_MOVED_MM = 0.02, 1.0
"""Scans that share a grid are moved only if this improves the agreement of their edges by at least this share and moves
the brain's surface by at least this distance; noise of the registration stays below both."""

SURE_PEAK = 1.35
"""Scans whose edges agree less than this are compared with one of them mirrored, too."""

WRONG_HEADER_DEG = 45.0
"""No head turns by more than this between two scans of one session; a larger rotation means a wrong header."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """A subject's scans on one grid.

    images : modality -> scan [i, j, k], all on the reference's own grid; the reference's voxels are those of its file
        (with air at 0: `yucca_wm.scan.air`).
    reference : the modality that defines the grid.
    transforms : modality that was moved -> 4x4 matrix, world of that scan -> world of the reference (RAS mm).
    own : each modality except the reference -> the scan on its own grid (with air at 0).
    notes : what was done and what is uncertain (`yucca_wm.scan.notes`).
    """

    images: dict[str, Image]
    reference: str
    transforms: dict[str, Matrix] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    own: dict[str, Image] = field(default_factory=dict)

    def beyond(self) -> tuple[dict[str, Image], Window]:
        """The scans on the reference's grid, extended to the fields of view of all scans.

        Returns modality -> scan, 0 outside its own field of view, and the window of that grid that is the reference's.
        """
        moved = {
            modality: replace(image, affine=self.transforms.get(modality, np.eye(4)) @ image.affine)
            for modality, image in self.own.items()
        }
        wide, window = widened(self.images[self.reference], moved.values())
        if wide.shape == self.images[self.reference].shape:
            return self.images, window
        return {m: resample(moved[m], wide, order=1) if m in moved else wide for m in self.images}, window

    def to_space(self, labels: Image, like: Image | None) -> Image:
        """A label map of this frame in the space of another scan of the subject, resampled once (nearest neighbour).

        like : that scan; for None ``labels`` itself is returned, and for a scan on the frame's grid that was not moved
            its voxels, under that scan's own affine.
        """
        if like is None or (not self.transforms and same_grid(labels, like)):
            return labels if like is None else like.with_data(labels.data)  # moved scans may share a grid by chance
        moved = next(iter(self.transforms.values()), np.eye(4))
        return carry_labels(labels, np.asarray(inverse(moved), np.float64), like)

    def save_transforms(self, folder: str | Path, name: str) -> list[Path]:
        """Write ``name_T1_to_FLAIR.tfm`` for every moved scan: ITK, reference points -> its points, LPS mm."""
        return [
            save_affine(inverse(matrix), Path(folder) / f"{name}_{moved}_to_{self.reference}.tfm")
            for moved, matrix in self.transforms.items()
        ]


def bring_to_one_frame(scans: Mapping[str, Source], *, space: str = "flair") -> Frame:
    """Bring all scans of a subject to the grid of one of them.

    Scans with matching grids are reoriented to the reference's axes without interpolation, unless they visibly do not
    fit. Others are registered rigidly and resampled once, linearly: splines overshoot beside bright fat and at the edge
    of a stripped brain, and networks take the rings for structure.

    Parameters
    ----------
    scans : mapping of str to Source
        Modality (``T1``, ``FLAIR``) -> NIfTI file, DICOM folder of one series, or image in memory.
    space : {"flair", "t1"}
        Scan that defines the grid, if given; else the first one.

    Returns
    -------
    Frame
        Scans [i, j, k] on that grid, transforms, and notes.

    Raises
    ------
    InputError
        As `check_scans`, and for scans that cannot be registered: of two subjects, or of too little of one head.
    """
    stage(f"reading {' and '.join(scans)}")
    images, notes = checked(scans)
    preferred = "T1" if space == "t1" else "FLAIR"
    name = preferred if preferred in images else next(iter(images))
    placed, transforms, own = {}, {}, {}
    if len(images) > 1:
        stage(f"aligning {' and '.join(images)}")
    for modality, image in images.items():
        placed[modality] = image
        if modality != name:
            placed[modality], matrix, said = _laid_on(images[name], image, name, modality)
            notes += [note.on(modality) for note in said]
            if matrix is not None:
                transforms[modality] = matrix
            own[modality] = image
    if {"T1", "FLAIR"} <= placed.keys() and exchanged(placed["T1"], placed["FLAIR"]):
        notes.append(EXCHANGED.note())
    return Frame(placed, name, transforms, notes, own)


def carry_labels(image: Image, matrix: Matrix, like: Image) -> Image:
    """A label map in another space, resampled once, by nearest neighbour.

    Parameters
    ----------
    image : Image
        Label map [i, j, k].
    matrix : ndarray, float, shape (4, 4)
        World of ``image`` -> world of ``like`` (RAS mm), as in `Frame.transforms`; identity if nothing was moved.
    like : Image
        Image that defines the grid.

    Returns
    -------
    Image
        The labels on the grid of ``like``, 0 outside the field of view of ``image``.
    """
    return resample(image, like, to_image=inverse(matrix))


def _laid_on(reference: Image, image: Image, name: str, modality: str) -> tuple[Image, Matrix | None, list[Note]]:
    """``image`` on the grid of ``reference``, its transform [4, 4] (None: not moved), and notes."""
    there = turned_onto(image, reference)
    found = _registered(reference, image, modality)
    said = [WEAK.note(reference=name, peak=found.peak, least=LEAST_PEAK)] if found.weak else []
    if there is not None and (found.gain < LEAST_GAIN or found.moved_mm < LEAST_MOVED_MM):
        return there, None, said
    if found.gain <= 0:
        placed = resample(image, reference, order=1)
        return placed, None, [PLACED.note(reference=name), *said]
    moved = MOVED if there is None else NOT_ALIGNED
    note = moved.note(reference=name, moved_mm=found.moved_mm, turn_deg=found.turn_deg)
    if found.turn_deg > WRONG_HEADER_DEG:
        note = WRONG_HEADER.note(moved=note, reference=name)
    return resample(image, reference, order=1, to_image=found.matrix), inverse(found.matrix), [note, *said]


def _registered(reference: Image, image: Image, modality: str) -> Rigid:
    """Rigid registration of ``image`` to ``reference``; raises InputError if it fails, and for mirrored scans.

    Of 20 pairs, the edges of the right ones agree 1.26 to 2.14 times chance, with one scan mirrored 1.03 to 1.29. The
    FLAIR is always the fixed image, so that both directions give the same result.
    """
    turned = modality == "FLAIR"
    fixed, moving = (image, reference) if turned else (reference, image)
    found = register(fixed, moving)
    if found.coverage < LEAST_COVERAGE:
        problem = f"shows only {found.coverage:.0%} of the brain in {fixed.name}"
        raise InputError(moving.name, problem, "give scans of the whole head")
    if found.peak < SURE_PEAK and (other := near(fixed, mirrored(moving))).peak >= max(WEAK_PEAK, found.peak):
        raise InputError(
            moving.name,
            f"fits {fixed.name} only with left and right exchanged (agreement of edges then {other.peak:.2f} "
            f"times chance, but {found.peak:.2f} as given)",
            "one of the two is mirrored: convert both from DICOM again",
        )
    if found.failed:
        raise InputError(
            moving.name,
            f"could not be registered to {fixed.name} (agreement of edges {found.peak:.2f} times chance, at least "
            f"{LEAST_PEAK} is needed)",
            "check that both show the whole head of one person",
        )
    return found.reversed() if turned else found


def mirrored(image: Image) -> Image:
    """``image`` with left and right exchanged."""
    axis = int(np.flatnonzero(io_orientation(image.affine)[:, 0] == 0)[0])
    return replace(image, data=np.ascontiguousarray(np.flip(image.data, axis)))


def turned_onto(image: Image, like: Image) -> Image | None:
    """``image`` with its axes reordered and flipped to match ``like``, without interpolation.

    None if its voxels then do not coincide with those of ``like`` within `images.GRID_TOLERANCE_MM`.
    """
    turned = reordered(image, like)
    if not same_grid(turned, like):
        return None
    return replace(turned, data=np.ascontiguousarray(turned.data), affine=like.affine)
