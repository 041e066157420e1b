"""``yucca_wm.predict``: one person's scans to lesions, regions, tissue and the load of every region, in memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from numpy.typing import ArrayLike

from yucca_wm.cohort.ids import called, check_name
from yucca_wm.core.files import make_folder
from yucca_wm.core.modality import MODALITIES
from yucca_wm.core.regions import RegionTable, region_table
from yucca_wm.imaging.image_input import sources_of
from yucca_wm.imaging.images import as_nifti, as_written, file_of
from yucca_wm.imaging.reading import Headers, reading
from yucca_wm.jobs.cases import Outcome
from yucca_wm.localize.api import Localization, check_no_run, localization_of, write_one
from yucca_wm.localize.inputs.pairs import Companions, Maps, Modality
from yucca_wm.localize.inputs.records import By
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.localize.terminal import in_short
from yucca_wm.predict.account import write_account, write_predictions
from yucca_wm.predict.case import Case, Options, alone, other_outputs
from yucca_wm.predict.choice import LESIONS, REGIONS, SPACES, TISSUE, choose
from yucca_wm.predict.cohort import companion_places
from yucca_wm.predict.folder import check_whose, others_files, remove_stale_tables
from yucca_wm.predict.own_models import LoadedModel, check_classes, load, other_names
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
    """What was found on one person's scans; made by `yucca_wm.predict`.

    All maps lie on the grid of the FLAIR, or of the T1 with ``space="t1"`` or where there is no FLAIR.

    Attributes
    ----------
    subject : str
        What the person is called in the tables.
    lesions : nibabel.Nifti1Image or None
        1 in white-matter lesions; None where only regions were asked for.
    regions : nibabel.Nifti1Image or None
        Region labels, in white matter and lesions; None where only lesions were asked for.
    tissue : nibabel.Nifti1Image or None
        Tissue labels (a lesion's voxels are of the tissue it lies in); None without the models of this package.
    maps : dict of str to nibabel.Nifti1Image
        These and all others by the name of the folder that the command writes them to: ``lesions_probability``, and
        with models of one's own ``lesions_T1`` and so on.
    localization : Localization or None
        Where the lesions are, with places and flags; None without lesions or regions.
    notes : list of str
        What was done to the scans, and what was not sure.
    """

    subject: str
    lesions: nib.Nifti1Image | None
    regions: nib.Nifti1Image | None
    tissue: nib.Nifti1Image | None
    maps: dict[str, nib.Nifti1Image]
    localization: Localization | None
    notes: list[str]
    _predicted: Predicted
    _models: tuple[str, ...]
    _options: Options
    _table: RegionTable

    def __repr__(self) -> str:
        found = [f"maps: {', '.join(self.maps)}"] if self.localization is None else in_short(self.localization.result)
        notes = [f"note: {note}" for note in self.notes] or ["no notes"]
        return "\n".join((f"Prediction of {self.subject}", *found, *notes))

    @property
    def loads(self) -> pd.DataFrame | None:
        """The load of every region, one row each (`Localization.loads`); None without lesions or regions."""
        return None if self.localization is None else self.localization.loads

    @property
    def flags(self) -> dict[str, str]:
        """What to check first (`Localization.flags`); nothing without lesions or regions."""
        return {} if self.localization is None else self.localization.flags

    def save(self, folder: str | os.PathLike[str], *, report: bool = True) -> Path:
        """Write what ``yucca-wm predict`` writes: maps, tables, ``predict.json``, how the scans were laid on each
        other, and the pages.

        Parameters
        ----------
        folder : path
            Made if it is not there. What was saved of this person before is replaced.
        report : bool
            Also write the pages, where the packages of ``yucca-wm[report]`` are installed.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        InputError
            The folder cannot be written, or holds the results of somebody else, maps of this name that are from
            elsewhere, or the results of a command, which keeps a record of its own.
        """
        out = make_folder(folder)
        check_no_run(out)
        check_whose(out, [self.subject], "choose another folder")
        maps = {self.subject: [out / what / f"{self.subject}.nii.gz" for what in self.maps]}
        for error in others_files(out, maps).values():
            raise error
        case = self._predicted.case
        for path in other_outputs(case, self._models, out, self._options):
            path.unlink(missing_ok=True)
        write_predicted(self._predicted, out)
        results = {self.subject: self._predicted.made}
        write_account(out, Outcome(results, {}))
        write_predictions(out, results, {self.subject: self.flags})
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
) -> Prediction:
    """Segment lesions, regions and tissue on a person's T1, FLAIR or both, and say where the lesions are.

    Scans are taken as they come: with or without skull, in any orientation, each on its own grid; the T1 is registered
    to the FLAIR. Each is a path (NIfTI, FreeSurfer, a folder of one DICOM series), a nibabel image, a SimpleITK image,
    or an array [i, j, k] with ``affine``.

    Parameters
    ----------
    t1, flair : path, nibabel image, SimpleITK image or array, optional
        The scans; one of the two is enough.
    lesion_model, region_model : path or "shipped", optional
        A ``version_N`` folder of ``yucca_train``, an exported .zip, or the models that come with this package.
        Default: these for both. With a model of your own for one of the two, the other is not looked for; give it,
        too, or ``"shipped"``. ``region_model="atlas"``: the regions of the atlas that ``yucca-wm atlas fetch`` keeps,
        registered to the white matter that the package's models find, which find lesions as well.
    names : path, pandas.DataFrame or RegionTable, optional
        Table of the regions of one's own region model. Default: the 34 regions of the package.
    space : {"flair", "t1"}
        On whose grid the maps lie, if both are given.
    header : {"sform", "qform"}, optional
        Which of the two to believe where those of a file's header disagree. Default: an error then.
    mirror : bool
        Predict on mirror images of the scan too, and average (one's own models, trained on mirrored heads; slower).
    max_memory_gb : float, optional
        Memory that the logits of one image may take (one's own models).
    confidence : bool
        Also make maps of how probable each voxel's label is.
    device : {"auto", "cpu", "cuda", "mps"}
        Where networks compute.
    affine : array_like, shape (4, 4), optional
        Voxel index -> world mm (RAS+) of those scans that are arrays.
    subject : str, optional
        What to call the person. Default: as the file or its folder says (of a nibabel image: the file that it was read
        from), else ``"subject"``.

    Returns
    -------
    Prediction
        Maps, loads, and what was not sure.

    Raises
    ------
    InputError
        A scan that cannot be read, shows no whole head or does not fit the other; a model that cannot be read or is one
        of something else; an atlas that has not been fetched; an affine that is missing or of nothing.
    ValueError
        Neither scan; ``names`` without a region model of one's own; ``mirror`` or ``max_memory_gb`` without a model of
        one's own.

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
    with warnings.catch_warnings(), reading(Headers(header, 'header="{}"')):
        warnings.simplefilter("ignore", FutureWarning)  # of torch, about code that is not the user's
        models = {what: load(path, device) for what, path in choice.given.items()}
        check_classes(models)
        predicted = predict_person(Case(name, scans), models, options, partial(networks, device))
    table = region_table(names)
    unsure = other_names(models[REGIONS], table) if names is None and REGIONS in models else []
    return _result(predicted, models, options, table, unsure)


def _result(
    predicted: Predicted, models: Mapping[str, LoadedModel], options: Options, table: RegionTable, unsure: list[str]
) -> Prediction:
    name, found = predicted.case.name, {what: as_written(image) for what, image in predicted.maps.items()}
    localization = None
    if {LESIONS, REGIONS} <= found.keys():
        modalities = None
        if {LESIONS, REGIONS} <= models.keys():
            modalities = tuple(
                Modality(m, found[alone(LESIONS, m)], found[alone(REGIONS, m)])
                for m in MODALITIES
                if m in predicted.case.scans
            )
        notes = tuple(predicted.made["notes"])
        companions = Companions(
            modalities=modalities,
            tissue=found.get(TISSUE),
            notes=notes,
            by_network=predicted.made["lesions_by"] == By.NETWORK,
        )
        localization = localization_of(
            Maps(name, found[LESIONS], found[REGIONS], companions=companions), table, Settings()
        )
    maps = {what: as_nifti(image) for what, image in found.items()}
    for image in maps.values():
        image.set_filename(f"{name}.nii.gz")  # so that `yucca_wm.localize` knows whose they are
    return Prediction(
        name,
        maps.get(LESIONS),
        maps.get(REGIONS),
        maps.get(TISSUE),
        maps,
        localization,
        [*predicted.made["notes"], *unsure],
        predicted,
        tuple(models),
        options,
        table,
    )
