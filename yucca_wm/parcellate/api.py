"""``yucca_wm.parcellate``: region labels of one subject, by registration of the atlas, in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike

from yucca_wm.atlas.fetch import cached_atlas
from yucca_wm.atlas.maps import Atlas, load_atlas
from yucca_wm.cohort.ids import called, check_name
from yucca_wm.core.columns import Column, Kind, TableForm
from yucca_wm.core.files import make_folder
from yucca_wm.core.notes import About, Note, recorded
from yucca_wm.core.predictions import EXTRA
from yucca_wm.core.regions import Region
from yucca_wm.imaging.image_input import sources_of
from yucca_wm.imaging.images import as_nifti, file_of
from yucca_wm.parcellate.case import Labelling, Person, label, read_person, record_of, write
from yucca_wm.parcellate.outputs import named
from yucca_wm.parcellate.settings import NONZERO, Init, Metric, Settings, Sides, Transform
from yucca_wm.registration.warp import Warp

if TYPE_CHECKING:
    import nibabel as nib
    import pandas as pd

    from yucca_wm.core.tsv import TableInput
    from yucca_wm.imaging.image_input import ImageInput

QUALITY = (
    "white_matter", "wm_volume_ml", "lesions_added_ml", "wm_dice", "fit", "doubts", "filled_voxels",
    "unlabelled_voxels", "folded_voxels",
)  # fmt: skip
"""Entries of the record that describe the quality of the labels."""


VOLUMES = TableForm[tuple[Region, float]](
    "volumes",
    (
        Column("region_id", lambda row: row[0].index, "label of the region", kind=Kind.COUNT),
        Column("name", lambda row: row[0].name, "name of the region"),
        Column("volume_ml", lambda row: row[1], "volume of the region", "mL"),
    ),
    subjects=False,
)


@dataclass(frozen=True)
class Parcellation:
    """Region labels of one subject; made by `yucca_wm.parcellate`.

    Attributes
    ----------
    subject : str
        Name of the subject.
    regions : nibabel.Nifti1Image
        Region labels inside the subject's white matter, on its grid (uint8 for the built-in regions).
    unmasked : nibabel.Nifti1Image
        The transferred labels before those outside the white matter are removed.
    transform : Warp
        Subject world mm -> atlas world mm (RAS+).
    quality : dict of str to Any
        Goodness of fit: ``wm_dice`` (overlap of the transferred atlas white matter with the subject's), ``fit`` (by
        part of the brain, and agreement of starts), ``doubts`` (sentences; empty if there are none),
        ``wm_volume_ml``, ``filled_voxels``, ``unlabelled_voxels``, ``folded_voxels``.
    volumes : pandas.DataFrame
        One row per region: ``region_id``, ``name``, ``volume_ml``.
    """

    subject: str
    regions: nib.Nifti1Image = field(repr=False)
    unmasked: nib.Nifti1Image = field(repr=False)
    transform: Warp = field(repr=False)
    quality: dict[str, Any]
    volumes: pd.DataFrame = field(repr=False)
    _atlas: Atlas = field(repr=False)
    _person: Person = field(repr=False)
    _labelling: Labelling = field(repr=False)
    _settings: Settings = field(repr=False)

    def save(self, path: str | os.PathLike[str], *, picture: bool = True) -> Path:
        """Write the files of ``yucca-wm parcellate --out``: label maps, transforms (ITK), record and picture.

        Parameters
        ----------
        path : path
            The region map to write (``.nii``, ``.nii.gz``), its companions beside it; or a folder.
        picture : bool
            Also draw the picture for quality control.

        Returns
        -------
        pathlib.Path
            The region map.

        Raises
        ------
        InputError
            The folder cannot be written, or the path has another suffix.
        """
        out = named(path, self.subject)
        make_folder(out.folder)
        write(self._atlas, self._person, self._labelling, self._settings, out, picture=picture)
        return out.regions


def parcellate(
    wm: ImageInput | None = None,
    t1: ImageInput | None = None,
    *,
    lesions: ImageInput | None = None,
    atlas_wm: str | os.PathLike[str] | None = None,
    atlas_labels: str | os.PathLike[str] | None = None,
    names: TableInput | None = None,
    transform: Literal["affine", "deformable"] = "affine",
    metric: Literal["ls", "mattes"] = "ls",
    init: Literal["centre", "search"] = "centre",
    wm_labels: Sequence[int] | Literal["nonzero"] | None = None,
    threshold: float = 0.5,
    sides: Literal["known", "swapped", "ignore"] = "known",
    fill_mm: float = 3.0,
    affine: ArrayLike | None = None,
    subject: str | None = None,
) -> Parcellation:
    """Label a subject's white matter by region: register an atlas to it and transfer the labels.

    Every image of the subject is a path (NIfTI, FreeSurfer), a nibabel image, a SimpleITK image, or an array [i, j, k]
    with ``affine``; all lie on one grid.

    Parameters
    ----------
    wm : path, nibabel image, SimpleITK image or array, optional
        White matter: label map, mask or probability map, recognised by its values. Default: found on ``t1`` by
        the models that come with this package.
    t1 : path, nibabel image, SimpleITK image or array, optional
        T1, with or without skull, also used to judge the fit. Needed if there is no ``wm``.
    lesions : path, nibabel image, SimpleITK image or array, optional
        Map of white-matter lesions, which count as white matter: a mask, or 1 lesion and 2 other pathology.
    atlas_wm, atlas_labels : path, optional
        White matter and label map of an atlas, on one grid. Default: the one that ``yucca-wm atlas fetch`` keeps.
    names : path or pandas.DataFrame, optional
        Table of the atlas's labels with at least ``index`` and ``name``. Default: the 34 regions of the package.
    transform : {"affine", "deformable"}
        Deformations that the registration may use.
    metric : {"ls", "mattes"}
        Criterion that the affine registration maximises: agreement of smoothed masks, or mutual information.
    init : {"centre", "search"}
        Start of the registration: centres of mass, or a search over rotations, for an image whose header is lost.
    wm_labels : sequence of int or "nonzero", optional
        Labels of white matter in a label map. Default: 44 and 45 (FAST-AID).
    threshold : float
        Lowest value of a probability map that counts as white matter.
    sides : {"known", "swapped", "ignore"}
        Convention that left and right labels of the white matter are checked against.
    fill_mm : float
        White-matter voxels without a label take the nearest one within this distance, in mm.
    affine : array_like, shape (4, 4), optional
        Voxel index -> world mm (RAS+), for those images that are arrays.
    subject : str, optional
        Name of the subject. Default: from the file name, else ``"subject"``.

    Returns
    -------
    Parcellation
        Label maps, the transform, and how well they fit.

    Raises
    ------
    InputError
        An image that cannot be read, is not white matter, or lies on another grid; a missing atlas; an affine that
        is missing or belongs to no array.
    ValueError
        Neither ``wm`` nor ``t1``, only one of the atlas's files, or an unknown choice or a number out of range.

    Examples
    --------
    >>> labels = parcellate(wm="wm.nii.gz")  # doctest: +SKIP
    >>> labels.quality["wm_dice"]  # doctest: +SKIP
    """
    if wm is None and t1 is None:
        raise ValueError("give wm or t1")
    if (atlas_wm is None) != (atlas_labels is None):
        raise ValueError("atlas_wm and atlas_labels go together")
    if not 0 < threshold <= 1:
        raise ValueError("threshold lies between 0 and 1")
    if not 0 <= fill_mm <= 50:
        raise ValueError("fill_mm lies between 0 and 50")
    settings = Settings(
        transform=Transform(transform),
        metric=Metric(metric),
        init=Init(init),
        wm_labels=wm_labels if wm_labels is None or wm_labels == NONZERO else tuple(map(int, wm_labels)),
        threshold=threshold,
        sides=Sides(sides),
        fill_mm=fill_mm,
    )
    sources = sources_of({"wm": wm, "t1": t1, "lesions": lesions}, affine)
    of = [file_of(sources[which]) for which in ("wm", "t1") if which in sources]
    name = check_name(subject or called(*of), "subject")
    if atlas_wm is None or atlas_labels is None:
        atlas = load_atlas(*cached_atlas("give atlas_wm and atlas_labels"), names)
    else:
        atlas = load_atlas(atlas_wm, atlas_labels, names)
    person = read_person(sources.get("wm"), settings, sources.get("t1"), lesions=sources.get("lesions"))
    result = label(atlas, person.found, settings, person.beside)
    return _result(name, atlas, person, result, settings)


def _result(subject: str, atlas: Atlas, person: Person, result: Labelling, settings: Settings) -> Parcellation:
    record = record_of(atlas, person, result, settings)
    volumes = record["volume_ml"]
    grid = person.found.mask
    names = atlas.table.names
    labelled, unmasked = (as_nifti(grid.with_data(labels), names) for labels in (result.regions, result.unmasked))
    doubts = [Note(doubt, About.POOR_REGISTRATION) for doubt in record["doubts"]]
    for image in (labelled, unmasked):
        image.extra[EXTRA] = recorded(doubts)  # tells `yucca_wm.localize` its flags
    return Parcellation(
        subject,
        labelled,
        unmasked,
        result.warp,
        {name: record[name] for name in QUALITY},
        VOLUMES.data_frame(VOLUMES.values((region, volumes[region.name])) for region in atlas.table),
        atlas,
        person,
        result,
        settings,
    )
