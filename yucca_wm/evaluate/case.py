"""One prediction against its truth: kind of the maps, whether they can be compared, and the measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from yucca_wm.cohort.region_record import check_names
from yucca_wm.core.errors import InputError, NotWholeNumbersError, some_of
from yucca_wm.core.regions import RegionTable, regions
from yucca_wm.evaluate.measures import LesionMeasures, RegionMeasures, lesion_measures, region_measures
from yucca_wm.imaging import images
from yucca_wm.imaging.grids import on_grid, share_voxels, widened
from yucca_wm.imaging.images import Image, Source, name_of
from yucca_wm.imaging.kinds import (
    is_mask,
    labels_in,
    look_like_regions,
    more_than_lesions,
    refuse_scan,
    refuse_tissue_map,
)
from yucca_wm.imaging.labels import LESION, OTHER_PATHOLOGY
from yucca_wm.imaging.lesion_maps import LesionLabels, name_labels, probability_map
from yucca_wm.imaging.reading import spelled
from yucca_wm.tasks.definition import Target

KIND, BY_HEADERS, IN_TRAINING = "kind", "by_headers", "in_training"
PREDICTION_BEYOND_ML, TRUTH_BEYOND_ML = "prediction_beyond_ml", "truth_beyond_ml"
ABOUT = (KIND, BY_HEADERS, IN_TRAINING, PREDICTION_BEYOND_ML, TRUTH_BEYOND_ML)
"""Keys of a row that say how to read its measures: the kind of the maps, whether the prediction was brought to the grid
of the truth by the headers alone, whether the subject is in the training set of its cohort, and how much each map shows
beyond the field of view of the other."""


def implied_kind(kind: Target | None, *, of_lesions: bool, of_regions: bool) -> Target | None:
    """The kind of maps, stated or implied by options that only one kind has; None if neither."""
    return kind or (Target.LESIONS if of_lesions else Target.REGIONS if of_regions else None)


@dataclass(frozen=True)
class How:
    """How to compare.

    kind : kind of the maps; None: as their labels show, where that is certain (`_guess`).
    labels : labels of lesion maps that count; ignored voxels of the truth are left out of both maps. With a threshold,
        predictions hold probabilities, and the kind must be lesions.
    table : labels that region maps may hold; those of white matter are compared.
    resample : bring predictions on another grid to the truth's, nearest neighbour, instead of refusing them.
    """

    kind: Target | None = None
    labels: LesionLabels = field(default_factory=LesionLabels)
    table: RegionTable = field(default_factory=regions)
    resample: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        names = {str(region.index): [region.name, region.group] for region in self.table}
        return {"kind": self.kind, "lesion_labels": asdict(self.labels), "regions": names, "resample": self.resample}


@dataclass(frozen=True)
class Case:
    """A prediction and its truth. in_training : whether the subject is in the training set of its cohort."""

    prediction: Source
    truth: Source
    in_training: bool = False


@dataclass(frozen=True)
class Compared:
    """Two maps [i, j, k] of one kind on the grid of the truth.

    Of lesions, voxels of `LESION` count, and those whose true label is `OTHER_PATHOLOGY` are left out.
    by_headers : whether the prediction was brought to that grid by the headers alone.
    prediction_beyond_ml, truth_beyond_ml : volume that each map shows beyond the field of view of the other.
    """

    kind: Target
    prediction: Image
    truth: Image
    by_headers: bool = False
    prediction_beyond_ml: float = 0.0
    truth_beyond_ml: float = 0.0


def read_case(case: Case, how: How) -> Compared:
    """Read the two maps of a case.

    Raises InputError as `load_labels`, for a scan, another grid, unknown labels, and maps of different kinds or of an
    uncertain one.
    """
    whole, truth = _load_prediction(case.prediction, how), _load_truth(case.truth)
    prediction = on_grid(whole, truth, resample=how.resample)
    kind = _kind_of(prediction, truth, how)
    predicted_labels, true_labels = labels_in(prediction), labels_in(truth)
    known = how.labels.known if kind is Target.LESIONS else {0, *how.table.indices}
    given = ((case.prediction, whole, predicted_labels), (case.truth, truth, true_labels))
    for source, image, labels in given:
        if known is not None and (unknown := sorted(labels - known)):
            raise InputError(name_of(source), *_unknown(unknown, kind, how))
        if kind is Target.REGIONS:
            refuse_tissue_map(labels, how.table, name_of(source))
            check_names(source, image, labels, how.table)
    if kind is Target.LESIONS:
        true = how.labels.lesion(truth.data).astype(np.uint8)
        true[how.labels.left_out(truth.data)] = OTHER_PATHOLOGY
        whole, prediction = (one.with_data(how.labels.lesion(one.data).astype(np.uint8)) for one in (whole, prediction))
        truth = truth.with_data(true)
    by_headers = not share_voxels(whole, truth)
    return Compared(kind, prediction, truth, by_headers, _beyond_ml(whole, truth, kind), _beyond_ml(truth, whole, kind))


def evaluate_case(case: Case, how: How) -> list[dict[str, Any]]:
    """Compare a prediction with the truth: one row for lesions, one for every region. Raises InputError as
    `read_case`."""
    maps = read_case(case, how)
    predicted, true, affine = maps.prediction.data, maps.truth.data, maps.truth.affine
    measures: Sequence[LesionMeasures | RegionMeasures]
    if maps.kind is Target.LESIONS:
        measures = [lesion_measures(predicted, true, affine)]
    else:
        measures = region_measures(predicted, true, affine, how.table.measured)
    values = (maps.kind, maps.by_headers, case.in_training, maps.prediction_beyond_ml, maps.truth_beyond_ml)
    about = dict(zip(ABOUT, values, strict=True))
    return [{**about, **asdict(one)} for one in measures]


def _load_prediction(source: Source, how: How) -> Image:
    if how.labels.threshold is not None:
        return how.labels.load(source)
    try:
        return images.load_labels(source)
    except NotWholeNumbersError as error:
        raise (error if how.kind is Target.REGIONS else probability_map(source, error)) from None


def _load_truth(source: Source) -> Image:
    try:
        return images.load_labels(source)
    except NotWholeNumbersError as error:
        remedy = f"make a mask of it; {spelled('--threshold', 'threshold=')} is for predictions"
        raise InputError(error.path, error.problem, remedy) from None


def _beyond_ml(labels: Image, other: Image, kind: Target) -> float:
    """Volume of lesions or regions that ``labels`` shows beyond the field of view of ``other``, in its voxels."""
    if kind is Target.LESIONS:
        labels = labels.with_data((labels.data == LESION).astype(np.uint8))
    wide, window = widened(other, [labels])
    if wide.shape == other.shape:
        return 0.0
    beyond = on_grid(labels, wide, resample=True).data != 0
    beyond[window] = False
    return int(np.count_nonzero(beyond)) * other.voxel_volume_ml


def _kind_of(prediction: Image, truth: Image, how: How) -> Target:
    """Target of both maps, stated or as their labels show. Raises InputError for scans, and if the kinds differ."""
    predicted_labels, true_labels = labels_in(prediction), labels_in(truth)
    pred, gt = prediction.name, truth.name
    for image, labels in ((prediction, predicted_labels), (truth, true_labels)):
        if how.kind is Target.LESIONS or not labels <= set(how.table.indices):
            refuse_scan(image)
    said = f"holds {_labels(true_labels)}, {pred} {_labels(predicted_labels)}"
    for one, other, image in ((predicted_labels, true_labels, truth), (true_labels, predicted_labels, prediction)):
        of_regions = look_like_regions(other, how.table) and (
            how.kind is not Target.LESIONS or more_than_lesions(image)
        )
        if one and is_mask(one) and of_regions:
            problem = f"{said}: one looks like a lesion map, the other like a region map"
            each = spelled("--kind lesions --lesion-labels all", 'kind="lesions", lesion_labels="all"')
            remedy = "compare maps of one kind" + (f"; lesions with a label each: {each}" if how.kind is None else "")
            raise InputError(gt, problem, remedy)
    kind = how.kind or _guess(predicted_labels, true_labels, how.table.measured, gt, said)
    if kind is Target.REGIONS and max(true_labels, default=0) > OTHER_PATHOLOGY >= max(predicted_labels, default=0) > 0:
        raise InputError(pred, "looks like a lesion map, but the truth has regions", "compare regions with regions")
    return kind


def _labels(labels: set[int]) -> str:
    """Text for a set of labels."""
    return f"label{'s' * (len(labels) > 1)} {some_of(sorted(labels))}" if labels else "no label"


def _guess(predicted: set[int], true: set[int], table: RegionTable, gt: str, said: str) -> Target:
    """Target of maps with these labels, where certain: lesions if only 1 occurs, regions if most of the table does.

    said : text that states which map has which labels.
    """
    if predicted | true <= {LESION}:
        return Target.LESIONS
    if 2 * len(true & set(table.indices)) > len(table):
        return Target.REGIONS
    lesions, labels = spelled("--kind lesions", 'kind="lesions"'), spelled("--lesion-labels", "lesion_labels=")
    of_regions = spelled("--kind regions", 'kind="regions"')
    remedy = f"give {lesions} (which labels count: {labels}) or {of_regions}"
    raise InputError(gt, f"{said}: these may be lesion maps or region maps, or one of each", remedy)


def _unknown(labels: list[int], kind: Target, how: How) -> tuple[str, str]:
    shown = some_of(labels)
    if kind is Target.REGIONS:
        remedy = f"name the table of these regions with {spelled('--names', 'names=')}"
        return f"holds labels that are not in the region table: {shown}", remedy
    counted = ", ".join(map(str, how.labels.counted or ()))
    problem = f"has labels of a lesion map that are neither counted ({counted}) nor ignored: {shown}"
    return problem, name_labels()
