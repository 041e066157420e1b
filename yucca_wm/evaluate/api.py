"""``yucca_wm.evaluate``: measures of one map as a data frame."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from numpy.typing import ArrayLike

from yucca_wm.cohort.ids import NOBODY, check_name
from yucca_wm.core.files import case_name
from yucca_wm.core.regions import RegionTable, region_table
from yucca_wm.evaluate.case import Case, How, evaluate_case, implied_kind
from yucca_wm.evaluate.doubts import doubts
from yucca_wm.evaluate.pairs import refuse_same
from yucca_wm.evaluate.tables import LESION_CASES, REGION_CASES, rows_of
from yucca_wm.imaging.image_input import sources_of
from yucca_wm.imaging.images import file_of
from yucca_wm.imaging.labels import LESION, OTHER_PATHOLOGY
from yucca_wm.imaging.lesion_maps import ALL, LesionLabels
from yucca_wm.jobs.cases import Outcome
from yucca_wm.tasks.definition import Target

if TYPE_CHECKING:
    import pandas as pd

    from yucca_wm.core.tsv import TableInput
    from yucca_wm.imaging.image_input import ImageInput


def evaluate(
    prediction: ImageInput,
    truth: ImageInput,
    kind: Literal["lesions", "regions"] | None = None,
    *,
    names: TableInput | RegionTable | None = None,
    lesion_labels: Sequence[int] | Literal["all"] | None = None,
    ignored_labels: Sequence[int] | None = None,
    threshold: float | None = None,
    resample: bool = False,
    affine: ArrayLike | None = None,
    subject: str | None = None,
) -> pd.DataFrame:
    """Compare a lesion or region map with the truth.

    Lesions: the five measures of the WMH segmentation challenge (Kuijf et al., IEEE TMI 38(11), 2019). Regions: Dice,
    surface Dice (2 mm; Nikolov et al., JMIR 23(7), 2021) and signed volume error.

    Parameters
    ----------
    prediction, truth : path, nibabel image, SimpleITK image or array
        Label maps of one subject; arrays are [i, j, k] and need ``affine``. The same grid stored in another
        orientation is accepted; any other needs ``resample``.
    kind : {"lesions", "regions"}, optional
        Target of the maps. Default: lesions with labels or a threshold, regions with ``names``; else as the maps'
        labels show, where that is certain.
    names : path, pandas.DataFrame or RegionTable, optional
        Table of the regions. Default: the 34 regions of the package.
    lesion_labels : sequence of int or "all", optional
        Labels of lesion maps that count as lesion. Default: 1.
    ignored_labels : sequence of int, optional
        Labels that may occur in them; voxels with one in the truth are left out of both maps. Default: 2 (other
        pathology); none with ``lesion_labels="all"``.
    threshold : float, optional
        Probability from which a voxel of the prediction is lesion. Default: the prediction holds labels.
    resample : bool
        Bring the prediction to the grid of the truth, by nearest neighbour, instead of raising an error.
    affine : array_like, shape (4, 4), optional
        Voxel index -> world mm (RAS+), for those images that are arrays.
    subject : str, optional
        Name of the subject, in the first column. Default: from the prediction's file name, else ``"subject"``.

    Returns
    -------
    pandas.DataFrame
        The rows of ``cases.tsv``. Lesions, one row: ``dice``, ``hausdorff95_mm``, ``volume_difference_percent``,
        ``lesion_recall``, ``lesion_f1``, ``volume_pred_ml``, ``volume_true_ml``, ``lesions_pred``, ``lesions_true``,
        ``volume_error_ml``, ``volume_left_out_ml``. Regions, one row each: ``index``, ``name``, ``dice``,
        ``surface_dice``, ``volume_error_percent``, ``volume_pred_ml``, ``volume_true_ml``. NaN where a measure is not
        defined.

    Raises
    ------
    InputError
        An image that cannot be read or is not a label map, unknown labels, grids that differ, one file given twice,
        or maps whose kind is not certain.
    ValueError
        An unknown ``kind``, labels or a ``threshold`` for regions, ``names`` for lesions, or a ``threshold`` that is
        not between 0 and 1 or given with labels.

    Warns
    -----
    UserWarning
        The maps lie on different grids or show parts of each other, hardly overlap, or the truth has no lesion.

    Examples
    --------
    >>> evaluate("prediction.nii.gz", "truth.nii.gz", kind="lesions")["dice"]  # doctest: +SKIP
    """
    sources = sources_of({"prediction": prediction, "truth": truth}, affine)
    pred, gt = sources["prediction"], sources["truth"]
    if isinstance(pred, Path) and isinstance(gt, Path):
        refuse_same(pred, gt)
    stated = None if kind is None else Target(kind)
    labelled = any(given is not None for given in (lesion_labels, ignored_labels, threshold))
    if labelled and (names is not None or stated is Target.REGIONS):
        raise ValueError("lesion_labels, ignored_labels and threshold are for lesion maps: leave them out for regions")
    if names is not None and stated is Target.LESIONS:
        raise ValueError("names is for region maps: leave it out for lesions")
    if ignored_labels is None:
        ignored_labels = () if lesion_labels == ALL else (OTHER_PATHOLOGY,)
    counted = None if isinstance(lesion_labels, str) else tuple(lesion_labels or (LESION,))
    how = How(
        implied_kind(stated, of_lesions=labelled, of_regions=names is not None),
        LesionLabels(counted, tuple(ignored_labels), threshold),
        region_table(names),
        resample,
    )
    file = file_of(pred)
    name = check_name(subject or (NOBODY if file is None else case_name(file)), "subject")
    results = {name: evaluate_case(Case(pred, gt), how)}
    for doubt in doubts(results):
        warnings.warn(doubt, stacklevel=2)
    rows = rows_of(Outcome(results, {}))
    form = REGION_CASES if "name" in rows[0] else LESION_CASES
    return form.data_frame([row[column] for column in form.header] for row in rows)
