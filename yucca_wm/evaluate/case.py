"""One prediction against its truth: kind of the maps, whether they can be compared, and the measures."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.regions import RegionTable, regions
from yucca_wm.evaluate.measures import lesion_measures, region_measures
from yucca_wm.imaging import images
from yucca_wm.imaging.grids import on_grid, share_voxels
from yucca_wm.imaging.images import Source, name_of
from yucca_wm.imaging.kinds import (
    is_mask,
    labels_in,
    look_like_regions,
    more_than_lesions,
    refuse_scan,
    refuse_tissue_map,
)
from yucca_wm.imaging.labels import LESION, OTHER_PATHOLOGY
from yucca_wm.imaging.lesion_maps import LesionLabels, name_labels
from yucca_wm.imaging.reading import spelled

BY_HEADERS = "by_headers"
"""Key of a row: whether the prediction was brought to the grid of the truth by the headers alone."""


class Kind(StrEnum):
    LESIONS = "lesions"
    REGIONS = "regions"


@dataclass(frozen=True)
class How:
    """How to compare.

    kind : kind of the maps; None: as their labels show, where that is certain (`_guess`).
    labels : labels of lesion maps that count; ignored voxels of the truth are left out of both maps.
    table : labels that region maps may hold; those of white matter are compared.
    resample : bring predictions on another grid to the truth's, nearest neighbour, instead of refusing them.
    """

    kind: Kind | None = None
    labels: LesionLabels = field(default_factory=LesionLabels)
    table: RegionTable = field(default_factory=regions)
    resample: bool = False

    @property
    def compared(self) -> RegionTable:
        return self.table.white_matter if len(self.table.white_matter) else self.table

    @property
    def parameters(self) -> dict[str, Any]:
        names = {str(region.index): region.name for region in self.table}
        return {"kind": self.kind, "lesion_labels": asdict(self.labels), "regions": names, "resample": self.resample}


def evaluate_case(case: tuple[Source, Source], how: How) -> list[dict[str, Any]]:
    """Compare a prediction with the truth: one row for lesions, one for every region.

    Raises InputError as `load_labels`, for a scan, another grid, unknown labels, and maps of different kinds or of an
    uncertain one.
    """
    prediction, truth = map(images.load_labels, case)
    pred, gt = map(name_of, case)
    about = {BY_HEADERS: not share_voxels(prediction, truth)}
    prediction = on_grid(prediction, truth, resample=how.resample)
    predicted_labels, true_labels = labels_in(prediction), labels_in(truth)
    for image, labels in ((prediction, predicted_labels), (truth, true_labels)):
        if how.kind is Kind.LESIONS or not labels <= set(how.table.indices):
            refuse_scan(image)
    said = f"holds {_labels(true_labels)}, {pred} {_labels(predicted_labels)}"
    for one, other, image in ((predicted_labels, true_labels, truth), (true_labels, predicted_labels, prediction)):
        of_regions = look_like_regions(other, how.table) and (how.kind is not Kind.LESIONS or more_than_lesions(image))
        if one and is_mask(one) and of_regions:
            problem = f"{said}: one looks like a lesion map, the other like a region map"
            each = spelled("--kind lesions --lesion-labels all", 'kind="lesions", lesion_labels="all"')
            remedy = "compare maps of one kind" + (f"; lesions with a label each: {each}" if how.kind is None else "")
            raise InputError(gt, problem, remedy)
    kind = how.kind or _guess(predicted_labels, true_labels, how.compared, gt, said)
    if kind is Kind.REGIONS and max(true_labels, default=0) > OTHER_PATHOLOGY >= max(predicted_labels, default=0) > 0:
        raise InputError(pred, "looks like a lesion map, but the truth has regions", "compare regions with regions")
    known = how.labels.known if kind is Kind.LESIONS else {0, *how.table.indices}
    for name, labels in ((pred, predicted_labels), (gt, true_labels)):
        if known is not None and (unknown := sorted(labels - known)):
            raise InputError(name, *_unknown(unknown, kind, how))
    if kind is Kind.REGIONS:
        for name, labels in ((pred, predicted_labels), (gt, true_labels)):
            refuse_tissue_map(labels, how.table, name)
        measures = region_measures(prediction.data, truth.data, truth.affine, how.compared)
        return [{"kind": kind, **about, **asdict(one)} for one in measures]
    predicted = how.labels.lesion(prediction.data).astype(np.uint8)
    true = how.labels.lesion(truth.data).astype(np.uint8)
    true[how.labels.left_out(truth.data)] = OTHER_PATHOLOGY
    return [{"kind": kind, **about, **asdict(lesion_measures(predicted, true, truth.affine))}]


def _labels(labels: set[int]) -> str:
    """Text for a set of labels."""
    return f"label{'s' * (len(labels) > 1)} {some_of(sorted(labels))}" if labels else "no label"


def _guess(predicted: set[int], true: set[int], table: RegionTable, gt: str, said: str) -> Kind:
    """Kind of maps with these labels, where certain: lesions if only 1 occurs, regions if most of the table does.

    said : text that states which map has which labels.
    """
    if predicted | true <= {LESION}:
        return Kind.LESIONS
    if 2 * len(true & set(table.indices)) > len(table):
        return Kind.REGIONS
    lesions, labels = spelled("--kind lesions", 'kind="lesions"'), spelled("--lesion-labels", "lesion_labels=")
    of_regions = spelled("--kind regions", 'kind="regions"')
    remedy = f"say {lesions} (which labels count: {labels}) or {of_regions}"
    raise InputError(gt, f"{said}: these may be lesion maps or region maps, or one of each", remedy)


def _unknown(labels: list[int], kind: Kind, how: How) -> tuple[str, str]:
    shown = some_of(labels)
    if kind is Kind.REGIONS:
        remedy = f"name the table of these regions with {spelled('--names', 'names=')}"
        return f"holds labels that are not in the region table: {shown}", remedy
    counted = ", ".join(map(str, how.labels.counted or ()))
    problem = f"has labels of a lesion map that are neither counted ({counted}) nor ignored: {shown}"
    return problem, name_labels()
