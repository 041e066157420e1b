"""``yucca_wm.predict``: lesions, regions, tissue and the load of every region from one subject's scans, in memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from numpy.typing import ArrayLike

from yucca_wm.cohort.ids import called, check_name
from yucca_wm.core.files import make_folder
from yucca_wm.core.modality import MODALITIES
from yucca_wm.core.notes import NOTES
from yucca_wm.core.predictions import EXTRA, STEP
from yucca_wm.core.regions import RegionTable, region_table
from yucca_wm.core.stages import stages_aloud
from yucca_wm.imaging.image_input import sources_of
from yucca_wm.imaging.images import as_nifti, as_written, file_of
from yucca_wm.imaging.reading import Headers, reading
from yucca_wm.jobs.cases import Outcome
from yucca_wm.jobs.resumable import record_saved
from yucca_wm.jobs.step import Step, Work
from yucca_wm.localize.api import Localization, check_no_run, localization_of, write_one
from yucca_wm.localize.inputs.pairs import Companions, Maps, Modality
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.localize.terminal import in_short
from yucca_wm.predict.account import own_names, write_account, write_predictions
from yucca_wm.predict.case import Case, Options, alone, other_outputs, outputs
from yucca_wm.predict.choice import LESIONS, REGIONS, SPACES, TISSUE, choose
from yucca_wm.predict.cohort import companion_places
from yucca_wm.predict.folder import check_scans, check_whose, remove_stale_tables
from yucca_wm.predict.own_models import LoadedModel, check_classes, check_region_names, load, shown
from yucca_wm.predict.person import Predicted, predict_person, write_predicted
from yucca_wm.predict.report import write_pages

if TYPE_CHECKING:
    import nibabel as nib
    import pandas as pd

    from yucca_wm.core.tsv import TableInput
    from yucca_wm.imaging.image_input import ImageInput
    from yucca_wm.predict.choice import ModelPath


@dataclass(frozen=True)
class Prediction:
    """Results from one subject's scans; returned by `yucca_wm.predict`.

    All maps are on the grid of the FLAIR, or of the T1 with ``space="t1"`` or if there is no FLAIR.

    Attributes
    ----------
    subject : str
        Name of the subject in the tables.
    lesions : nibabel.Nifti1Image or None
        Array [i, j, k]: 1 in white-matter lesions, else 0; None if only regions were requested.
    regions : nibabel.Nifti1Image or None
        Array [i, j, k] of region labels, in white matter and lesions, else 0; None if only lesions were requested.
    tissue : nibabel.Nifti1Image or None
        Array [i, j, k] of tissue labels (lesion voxels have the tissue around them); None without the models of this
        package.
    maps : dict of str to nibabel.Nifti1Image
        These and all other maps by the name of the folder that the command writes them to:
        ``lesions_probability`` and, with your own models, ``lesions_T1`` and so on.
    localization : Localization or None
        Lesion locations, with places and flags; None without lesions or regions.
    notes : list of str
        What was done to the scans, and what is uncertain.
    """

    subject: str
    lesions: nib.Nifti1Image | None
    regions: nib.Nifti1Image | None
    tissue: nib.Nifti1Image | None
    maps: dict[str, nib.Nifti1Image]
    localization: Localization | None
    notes: list[str]
    _predicted: Predicted
    _models: Mapping[str, tuple[str, ...]]
    _options: Options
    _table: RegionTable

    def __repr__(self) -> str:
        found = [f"maps: {', '.join(self.maps)}"] if self.localization is None else in_short(self.localization.result)
        notes = [f"note: {note}" for note in self.notes] or ["no notes"]
        return "\n".join((f"Prediction of {self.subject}", *found, *notes))

    @property
    def loads(self) -> pd.DataFrame | None:
        """Load of every region, one row per region (`Localization.loads`); None without lesions or regions."""
        return None if self.localization is None else self.localization.loads

    @property
    def flags(self) -> dict[str, str]:
        """Flag -> what to check (`Localization.flags`); empty without lesions or regions."""
        return {} if self.localization is None else self.localization.flags

    def save(self, folder: str | os.PathLike[str], *, report: bool = True) -> Path:
        """Write the files that ``yucca-wm predict`` writes: maps, tables, ``predict.json``, the alignment of the
        scans, and the pages.

        Parameters
        ----------
        folder : path
            Created if missing. Earlier results of this subject are replaced.
        report : bool
            Also write the pages, if the packages of ``yucca-wm[report]`` are installed.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        InputError
            The folder cannot be written, or contains results of another subject, maps of this name from elsewhere,
            or results of a command, which keeps its own record.
        """
        out = make_folder(folder)
        check_no_run(out)
        check_whose(out, [self.subject], "choose another folder")
        check_scans(out, self.subject, self._predicted.made["scans"])
        case = self._predicted.case
        leaves, others = (of(case, self._models, out, self._options) for of in (outputs, other_outputs))
        work = Work(case, case.files, leaves, others)
        record_saved(Step(STEP, out), self.subject, work, lambda: write_predicted(self._predicted, out))
        outcome = Outcome({self.subject: self._predicted.made}, {})
        write_account(out, outcome, self._table)
        write_predictions(out, outcome, {self.subject: self.flags})
        remove_stale_tables(out, list(self.maps))
        if self.localization is None:
            return out
        written = [what for what in (LESIONS, REGIONS, TISSUE) if what in self.maps]
        places = companion_places(out, list(case.scans), self._models, self._options)
        stated = {LESIONS: str(out / LESIONS), REGIONS: str(out / REGIONS), **places.stated}
        files = {what: str(out / what / f"{self.subject}.nii.gz") for what in written}
        write_one(out, self.localization, stated, files)
        if report:
            write_pages([case], out, self._table, self._options.space)
        return out


def predict(
    t1: ImageInput | None = None,
    flair: ImageInput | None = None,
    *,
    lesion_model: ModelPath | None = None,
    region_model: ModelPath | None = None,
    names: TableInput | RegionTable | None = None,
    space: Literal["flair", "t1"] = "flair",
    header: Literal["sform", "qform"] | None = None,
    mirror: bool = False,
    max_memory_gb: float | None = None,
    confidence: bool = False,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    affine: ArrayLike | None = None,
    subject: str | None = None,
    verbose: bool = False,
) -> Prediction:
    """Segment lesions, regions and tissue on a subject's T1, FLAIR or both, and localize the lesions.

    Raw scans are accepted: with or without skull, in any orientation, each on its own grid; the T1 is registered to
    the FLAIR. Each scan is a path (NIfTI, FreeSurfer, a folder of one DICOM series), a nibabel image, a SimpleITK
    image, or an array [i, j, k] with ``affine``.

    Parameters
    ----------
    t1, flair : path, nibabel image, SimpleITK image or array, optional
        The scans, arrays as [i, j, k]; one of the two is enough.
    lesion_model, region_model : path or "shipped", optional
        A ``version_N`` folder of ``yucca_train``, an exported .zip, or the models that come with this package.
        Default: these for both. With your own model for one of the two, the other is not segmented unless you also
        give a model for it, or ``"shipped"``. ``region_model="atlas"``: the regions of the atlas that ``yucca-wm
        atlas fetch`` keeps, registered to the white matter found by the package's models, which also find the lesions.
    names : path, pandas.DataFrame or RegionTable, optional
        Table of the regions of your own region model. Default: the 34 regions of the package.
    space : {"flair", "t1"}
        Scan that defines the grid of the maps, if both are given.
    header : {"sform", "qform"}, optional
        Which one to use if the sform and qform of a file's header disagree. Default: raise an error.
    mirror : bool
        Also predict on mirror images of the scan, and average (your own models, trained on mirrored heads; slower).
    max_memory_gb : float, optional
        Maximum memory for the logits of one image, in GB (your own models).
    confidence : bool
        Also make maps of the probability of each voxel's label.
    device : {"auto", "cpu", "cuda", "mps"}
        Device that the networks run on.
    affine : array_like, shape (4, 4), optional
        Voxel index -> world mm (RAS+), for those scans that are arrays.
    subject : str, optional
        Name of the subject. Default: from the name of the file or its folder (for a nibabel image: the file it was
        read from), else ``"subject"``.
    verbose : bool
        Print each stage of the work to stderr as it begins.

    Returns
    -------
    Prediction
        Maps, loads, and notes on what is uncertain.

    Raises
    ------
    InputError
        A scan that cannot be read, shows no whole head or does not fit the other; a model that cannot be read or
        segments something else; an atlas that has not been fetched; ``affine`` missing for an array, or given without
        one.
    ValueError
        Neither scan given; ``names`` without your own region model; ``mirror`` or ``max_memory_gb`` without a model
        of your own.

    Examples
    --------
    >>> scan = predict(t1="T1.nii.gz", flair="FLAIR.nii.gz")  # doctest: +SKIP
    >>> scan.loads.set_index("name")["load_percent"]  # doctest: +SKIP
    """
    from yucca_wm.models.shipped import networks

    if t1 is None and flair is None:
        raise ValueError("give t1, flair or both")
    if space not in SPACES:
        raise ValueError(f"space is {space}, not flair or t1")
    choice = choose(lesion_model, region_model)
    for option, asked in (("mirror", mirror), ("max_memory_gb", max_memory_gb is not None)):
        if asked and not choice.given:
            raise ValueError(f"{option} goes with models of one's own")
    if names is not None and REGIONS not in choice.given:
        raise ValueError("names goes with a region_model of one's own")
    scans = sources_of({"T1": t1, "FLAIR": flair}, affine)
    name = check_name(subject or called(*map(file_of, scans.values())), "subject")
    options = Options(
        shipped=choice.shipped,
        registered=choice.registered,
        space=space,
        mirror=mirror,
        max_memory_gb=max_memory_gb,
        confidence=confidence,
    )
    announced = stages_aloud() if verbose else nullcontext()
    with warnings.catch_warnings(), announced, reading(Headers(header, 'header="{}"')):
        warnings.simplefilter("ignore", FutureWarning)  # from torch, about code that is not the user's
        models = {what: load(path, device) for what, path in choice.given.items()}
        check_classes(models)
        table = region_table(names)
        unsure = check_region_names(models, table)
        predicted = predict_person(Case(name, scans), models, options, partial(networks, device))
    return _result(predicted, models, options, table, unsure)


def _result(
    predicted: Predicted, models: Mapping[str, LoadedModel], options: Options, table: RegionTable, unsure: list[str]
) -> Prediction:
    name, record = predicted.case.name, predicted.made | own_names(table)
    found = {what: replace(as_written(image), record=record) for what, image in predicted.maps.items()}
    localization = None
    if {LESIONS, REGIONS} <= found.keys():
        modalities = None
        if LESIONS in models:
            modalities = tuple(
                Modality(m, found[alone(LESIONS, m)], found.get(alone(REGIONS, m)))
                for m in MODALITIES
                if alone(LESIONS, m) in found
            )
        companions = Companions(modalities=modalities, tissue=found.get(TISSUE))
        localization = localization_of(
            Maps(name, found[LESIONS], found[REGIONS], companions=companions), table, Settings()
        )
    maps = {what: as_nifti(image, predicted.names.get(what)) for what, image in found.items()}
    for image in maps.values():
        image.set_filename(f"{name}.nii.gz")  # tells `yucca_wm.localize` the subject
        image.extra[EXTRA] = record  # and this its flags, and the names that were given
    return Prediction(
        name,
        maps.get(LESIONS),
        maps.get(REGIONS),
        maps.get(TISSUE),
        maps,
        localization,
        [*predicted.made[NOTES], *unsure],
        predicted,
        shown(models),
        options,
        table,
    )
