"""``yucca_wm.localize``: localize one subject's lesions, from two label maps to tables in memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from yucca_wm.cohort.ids import NOBODY, check_name
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import case_name, make_folder
from yucca_wm.core.predictions import PREDICTIONS
from yucca_wm.core.regions import RegionTable, region_table
from yucca_wm.imaging.image_input import sources_of
from yucca_wm.imaging.images import Source, as_nifti, file_of, name_of
from yucca_wm.imaging.labels import OTHER_PATHOLOGY
from yucca_wm.imaging.lesion_maps import ALL
from yucca_wm.localize.case import localize_maps
from yucca_wm.localize.heatmap import draw_heat_map
from yucca_wm.localize.inputs.pairs import Companions, Maps, subject_named
from yucca_wm.localize.inputs.reading import LabelMaps, read_maps
from yucca_wm.localize.maps import labelled_lesions
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.localize.measures.load import CaseResult
from yucca_wm.localize.outputs.group import write_group
from yucca_wm.localize.outputs.parts import Parts, files_of, part_of
from yucca_wm.localize.summary import summary
from yucca_wm.localize.tables import PLACES, tables_of_subject
from yucca_wm.localize.terminal import in_short

if TYPE_CHECKING:
    import nibabel as nib
    import pandas as pd
    from matplotlib.figure import Figure

    from yucca_wm.core.tsv import TableInput
    from yucca_wm.imaging.image_input import ImageInput


@dataclass(frozen=True)
class Localization:
    """Lesion locations of one subject; returned by `yucca_wm.localize`.

    Attributes
    ----------
    subject : str
        Name of the subject in the tables.
    loads : pandas.DataFrame
        One row per region, then ``outside`` (lesion voxels in no region) and ``total``; the columns of
        ``lesion_load.tsv``: ``subject``, ``region_id``, ``name``, ``side``, ``group``, ``region_volume_ml``,
        ``lesion_volume_ml``, ``load_percent`` (of the region's volume), ``share_percent`` (of the lesion volume),
        ``n_lesions``, ``n_lesions_touching``, ``largest_lesion_ml``, ``region_voxels``, ``lesion_voxels``,
        ``ignored_volume_ml``. Values are those of the file: volumes to 1e-6 ml.
    lesions : pandas.DataFrame
        One row per lesion, largest first; the columns of ``lesions.tsv``: voxels, volume in ml, centroid and extent in
        mm (world, RAS+), main region, all regions it touches.
    places : pandas.DataFrame or None
        Lesion volume by place (infratentorial, periventricular, juxtacortical, deep) and ``total``, as in
        ``places.tsv``; None without a tissue map.
    flags : dict of str to str
        What to know before trusting the numbers, name -> sentence; empty if there is nothing to report.
    result : yucca_wm.localize.measures.load.CaseResult
        The same numbers at full precision.
    """

    subject: str
    loads: pd.DataFrame
    lesions: pd.DataFrame
    places: pd.DataFrame | None
    flags: dict[str, str]
    result: CaseResult
    _maps: Maps
    _read: LabelMaps
    _table: RegionTable
    _settings: Settings

    def __repr__(self) -> str:
        return "\n".join((f"Localization of {self.subject}", *in_short(self.result)))

    def lesion_map(self) -> nib.Nifti1Image:
        """The lesions labelled by region, on the grid of the lesion map.

        Returns
        -------
        nibabel.Nifti1Image
            Array [i, j, k]: ``region_id`` at every lesion voxel that the tables count, one more than the largest
            ``region_id`` outside all regions, 0 elsewhere.
        """
        maps = self._read
        return as_nifti(maps.cut(labelled_lesions(maps.lesions, maps.regions, self._table, self._settings)))

    def plot(self) -> Figure:
        """Draw the load of every region as a heat map, like the command.

        Returns
        -------
        matplotlib.figure.Figure
            A figure without a window; ``savefig`` writes it.
        """
        shown = self._table.measured
        known = {row.region_id: row.load_percent for row in self.result.load}
        percent = np.array([[known[region.index] for region in shown]], dtype=np.float64)
        return draw_heat_map([self.subject], [region.name for region in shown], percent)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the files that ``yucca-wm localize`` writes for one subject: tables, ``localize.json`` and heat map.

        Parameters
        ----------
        folder : path
            Created if missing. Results saved there earlier are replaced.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        InputError
            The folder cannot be written, or contains results of a command, which keeps its own record, or of
            `yucca_wm.predict`.
        """
        out = make_folder(folder)
        check_no_run(out)
        if (out / PREDICTIONS).is_file():
            raise InputError(out, "holds the results of yucca_wm.predict, with tables of their own", OTHER_FOLDER)
        stated = files_of(self._maps)
        if self._maps.ventricles is not None:
            stated["ventricles"] = name_of(self._maps.ventricles)
        write_one(out, self, stated, files_of(self._maps))
        return out


def localize(
    lesions: ImageInput,
    regions: ImageInput,
    names: TableInput | RegionTable | None = None,
    connectivity: Literal[6, 18, 26] = 26,
    min_size_mm3: float = 3.0,
    *,
    tissue: ImageInput | None = None,
    ventricles: ImageInput | None = None,
    lesion_labels: Sequence[int] | Literal["all"] = (1,),
    ignored_labels: Sequence[int] | None = None,
    threshold: float | None = None,
    assign_outside_mm: float = 0.0,
    resample: bool = False,
    affine: ArrayLike | None = None,
    subject: str | None = None,
) -> Localization:
    """Localize one subject's lesions: load of every region, a table of lesions, and flags.

    Every image is a path (NIfTI, FreeSurfer), a nibabel image, a SimpleITK image, or an array [i, j, k] with
    ``affine``. The same grid stored in another orientation is accepted; any other needs ``resample``.

    Parameters
    ----------
    lesions : path, nibabel image, SimpleITK image or array
        Lesion map: a mask, labels (``lesion_labels``), or probabilities (``threshold``).
    regions : path, nibabel image, SimpleITK image or array
        Region map with the labels of ``names``.
    names : path, pandas.DataFrame or RegionTable, optional
        Table of the regions with at least ``index`` and ``name`` (such as a BIDS ``dseg.tsv``). Default: the 34
        regions of the package.
    connectivity : {6, 18, 26}
        Neighbours that belong to one lesion: 6 over faces, 18 also over edges, 26 also over corners.
    min_size_mm3 : float
        Smaller lesions are excluded from all results; 0 keeps all.
    tissue : path, nibabel image, SimpleITK image or array, optional
        Tissue map (as from `yucca_wm.predict`): adds each lesion's place and `Localization.places`.
    ventricles : path, nibabel image, SimpleITK image or array, optional
        Ventricle map: adds each lesion's distance to it in mm. Not with ``tissue``, which includes the ventricles.
    lesion_labels : sequence of int or "all"
        Labels of the lesion map that count as lesion.
    ignored_labels : sequence of int, optional
        Labels that may occur but do not count. Default: 2 (other pathology); none with ``lesion_labels="all"``.
    threshold : float, optional
        The lesion map holds probabilities; voxels at or above this value are lesion.
    assign_outside_mm : float
        Also assign lesion voxels in no region to the nearest one within this distance in mm, in separate columns.
    resample : bool
        Bring the other maps to the grid of the lesion map, by nearest neighbour, instead of raising an error.
    affine : array_like, shape (4, 4), optional
        Voxel index -> world mm (RAS+), for those images that are arrays.
    subject : str, optional
        Name of the subject. Default: from the lesion map's file name (for a nibabel image: the file it was read from,
        or is named after, as from `yucca_wm.predict`), else ``"subject"``.

    Returns
    -------
    Localization
        Tables, flags, and methods to draw and save them.

    Raises
    ------
    InputError
        An image that cannot be read or is not a label map, labels that are not in the table, grids that differ,
        ``affine`` missing for an array, or given without one.
    ValueError
        A number outside its range, or both ``tissue`` and ``ventricles``.

    Examples
    --------
    >>> found = localize("sub-01_lesions.nii.gz", "sub-01_regions.nii.gz")  # doctest: +SKIP
    >>> found.loads.set_index("name")["load_percent"]  # doctest: +SKIP
    >>> localize(scan.lesions, scan.regions, tissue=scan.tissue).places  # doctest: +SKIP
    """
    if tissue is not None and ventricles is not None:
        raise ValueError("tissue already includes the ventricles: leave ventricles out")
    if ignored_labels is None:
        ignored_labels = () if lesion_labels == ALL else (OTHER_PATHOLOGY,)
    settings = Settings(
        lesion_labels=(ALL,) if isinstance(lesion_labels, str) else tuple(lesion_labels),
        ignored_labels=tuple(ignored_labels),
        connectivity=connectivity,
        min_size_mm3=min_size_mm3,
        assign_outside_mm=assign_outside_mm,
        resample=resample,
        threshold=threshold,
    )
    given = {"lesions": lesions, "regions": regions, "tissue": tissue, "ventricles": ventricles}
    sources = sources_of(given, affine)
    maps = Maps(
        check_name(subject or _named(sources["lesions"], sources["regions"]), "subject"),
        sources["lesions"],
        sources["regions"],
        sources.get("ventricles"),
        Companions(tissue=sources.get("tissue")),
    )
    return localization_of(maps, region_table(names), settings)


def localization_of(maps: Maps, table: RegionTable, settings: Settings) -> Localization:
    """Localize the lesions of one subject."""
    read = read_maps(maps, table, settings)
    result = localize_maps(maps, read, table, settings)
    frames = {entry.name: entry.data_frame(result) for entry in tables_of_subject(maps, table, settings)}
    loads, lesions = frames["lesion_load.tsv"], frames["lesions.tsv"]
    return Localization(
        maps.subject, loads, lesions, frames.get(PLACES), dict(result.flags), result, maps, read, table, settings
    )


OTHER_FOLDER = "choose another folder"


def check_no_run(folder: Path) -> None:
    """Raise InputError if a command keeps its record in ``folder``: its tables may cover more than one subject."""
    if (folder / "parts").is_dir():
        raise InputError(folder, "holds the results of a command", OTHER_FOLDER)


def write_one(folder: Path, found: Localization, stated: Mapping[str, str], files: Mapping[str, str]) -> None:
    """Write the outputs of one subject. stated, files : as in `write_group`."""
    maps, table, settings = found._maps, found._table, found._settings
    tables = tables_of_subject(maps, table, settings)
    with tempfile.TemporaryDirectory() as temporary:
        parts = Parts(Path(temporary))
        lines = {entry.name: entry.lines(found.result) for entry in tables}
        parts.write(found.subject, part_of(found.result, maps, table, lines))
        write_group(folder, parts, {found.subject: files}, tables, summary({}, settings, dict(stated)), table)


def _named(lesions: Source, regions: Source) -> str:
    """Name of the subject, as the command derives it."""
    file = file_of(lesions)
    if file is None:
        return NOBODY
    return subject_named(case_name(file), file, file_of(regions) or file, alone=True)
