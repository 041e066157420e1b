"""One prediction against its truth: what the maps show, whether they can be compared, and the measures."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.regions import RegionTable, regions
from yucca_wm.evaluate.measures import OTHER_PATHOLOGY, WMH, lesion_measures, region_measures
from yucca_wm.imaging import images
from yucca_wm.imaging.grids import on_grid
from yucca_wm.imaging.images import Image, Source, name_of
from yucca_wm.imaging.lesion_maps import ALL, LesionLabels


class Kind(StrEnum):
    LESIONS = "lesions"
    REGIONS = "regions"


@dataclass(frozen=True)
class How:
    """What is compared.

    kind : what the maps show; None: what their labels say, where that is sure (`_guess`).
    labels : which labels of lesion maps count; truth that is ignored is left out of both maps.
    table : the labels that region maps may hold; those of white matter are compared.
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

    Raises InputError as `load_labels`, for another grid, labels that are not known, and a kind that is not sure.
    """
    prediction, truth = map(images.load_labels, case)
    pred, gt = map(name_of, case)
    prediction = on_grid(prediction, truth, resample=how.resample)
    predicted_labels, true_labels = _labels(prediction), _labels(truth)
    kind = how.kind or _guess(predicted_labels, true_labels, how.compared, gt)
    if kind is Kind.REGIONS and max(true_labels, default=0) > OTHER_PATHOLOGY >= max(predicted_labels, default=0) > 0:
        raise InputError(pred, "looks like a lesion map, but the truth has regions", "compare regions with regions")
    known = how.labels.known if kind is Kind.LESIONS else {0, *how.table.indices}
    for name, labels in ((pred, predicted_labels), (gt, true_labels)):
        if known is not None and (unknown := sorted(labels - known)):
            raise InputError(name, *_unknown(unknown, kind, how))
    if kind is Kind.REGIONS:
        measures = region_measures(prediction.data, truth.data, truth.affine, how.compared)
        return [{"kind": kind, **asdict(one)} for one in measures]
    predicted = how.labels.lesion(prediction.data).astype(np.uint8)
    true = how.labels.lesion(truth.data).astype(np.uint8)
    true[how.labels.left_out(truth.data)] = OTHER_PATHOLOGY
    return [{"kind": kind, **asdict(lesion_measures(predicted, true, truth.affine))}]


def _labels(image: Image) -> set[int]:
    """The labels of a map but for the background."""
    return set(np.flatnonzero(images.count_labels(image.data)).tolist()) - {0}


def _guess(predicted: set[int], true: set[int], table: RegionTable, gt: str) -> Kind:
    """What maps of these labels show, where it is sure: nothing but 1, or most regions of the table."""
    if predicted | true <= {WMH}:
        return Kind.LESIONS
    if 2 * len(true & set(table.indices)) > len(table):
        return Kind.REGIONS
    shown = some_of(sorted(predicted | true))
    problem = f"may be a lesion map or a region map (labels of it and the prediction: {shown})"
    raise InputError(gt, problem, "say --kind lesions (which labels count: --lesion-labels) or --kind regions")


def _unknown(labels: list[int], kind: Kind, how: How) -> tuple[str, str]:
    shown = some_of(labels)
    if kind is Kind.REGIONS:
        return f"holds labels that are not in the region table: {shown}", "name the table of these regions with --names"
    counted = ", ".join(map(str, how.labels.counted or ()))
    problem = f"holds labels of a lesion map that are neither counted ({counted}) nor ignored: {shown}"
    return problem, f"name them with --lesion-labels ({ALL}: every label) or --ignore-labels"
