"""Evaluate a folder of predictions against a folder of truths: tables, a summary and a figure."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from yucca_wm import __version__
from yucca_wm.cohort.pairing import image_files, match
from yucca_wm.core import images
from yucca_wm.core.columns import as_text
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import case_name, natural_key, write_json
from yucca_wm.core.grids import on_grid
from yucca_wm.core.images import Image, Source, name_of
from yucca_wm.core.lesion_maps import ALL, LesionLabels
from yucca_wm.core.regions import RegionTable, regions
from yucca_wm.core.tsv import write_tsv
from yucca_wm.evaluate.earlier import MANIFEST, Earlier, copies
from yucca_wm.evaluate.measures import (
    EMPTY,
    OTHER_PATHOLOGY,
    SURFACE_TOLERANCE_MM,
    WMH,
    lesion_measures,
    region_measures,
)
from yucca_wm.evaluate.tables import (
    CASES,
    LESION_CASES,
    LESION_SUMMARY,
    REGION_CASES,
    REGION_SUMMARY,
    SUMMARY,
    Mean,
    mean_with_interval,
    save_figure,
    six_digits,
)  # fmt: skip
from yucca_wm.jobs.cases import Outcome
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import Step, Work, only_run_in, run_step

LESION_COLUMNS = ("dice", "hausdorff95_mm", "volume_difference_percent", "lesion_recall", "lesion_f1")
REGION_COLUMNS = ("dice", "surface_dice", "volume_error_percent")
FIGURE = "evaluation.png"


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


def evaluate(
    pred: str | os.PathLike[str],
    gt: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    how: How | None = None,
    kind: Kind | None = None,
    run: RunOptions | None = None,
) -> Outcome[list[dict[str, Any]]]:
    """Compare predictions with truths of the same name (or two files); write cases.tsv, summary.tsv, evaluation.json
    and evaluation.png to ``out_dir``.

    kind : in place of ``how`` where nothing else is to be said.

    Two files are added to the cases that are in ``out_dir``; two folders renew it, and who is no longer there is named
    on stderr.

    Results are the rows of a case: one for lesions, one for every region. A truth without prediction, a case on another
    grid, with labels that are not known, or whose kind is not sure is a failure of that case. Run again, only cases
    whose maps have changed are compared again.

    Raises InputError when nothing can be compared, predictions and truths are the same, the folders hold lesions and
    regions, what is in ``out_dir`` was compared with other settings or is of another case of that name, or another run
    is writing to ``out_dir``.
    """
    how = how or How(kind)
    pairs, failed = _pairs(Path(pred), Path(gt), how.kind)
    works = {name: Work(pair, {"prediction": pair[0], "truth": pair[1]}) for name, pair in pairs.items()}
    alone = Path(pred).is_file()
    with only_run_in(out_dir, run := run or RunOptions()) as out:
        step = Step("evaluate", out, how.parameters)
        before = Earlier.read(step)
        if alone:
            before.check_addition(works, force=run.force)
        else:
            before.name_removed({*pairs, *failed})
        outcome = run_step(step, partial(evaluate_case, how=how), works, run)
        results, failures = outcome.results, {**outcome.failures, **failed}
        account = failures
        if alone:
            names = sorted({*before.results, *results} - failures.keys(), key=natural_key)
            results = {name: results[name] if name in results else before.results[name] for name in names}
            account = {name: reason for name, reason in before.failures.items() if name not in results} | failures
        kinds = {rows[0]["kind"] for rows in results.values()}
        if alone and len(kinds) > 1:
            raise InputError(out, "holds cases of lesions and of regions", "choose another --out-dir for one of them")
        for name in (CASES, SUMMARY, MANIFEST, FIGURE):  # of an earlier run
            (out / name).unlink(missing_ok=True)
        if len(kinds) > 1:
            raise InputError(gt, "holds lesion maps and region maps", "say --kind, or evaluate them apart")
        if kinds:
            _write(out, Kind(kinds.pop()), Outcome(results, account), how)
        for line in copies(step, results):
            print(f"note: {line}", file=sys.stderr)
    return Outcome(results, failures)


def _pairs(pred: Path, gt: Path, kind: Kind | None) -> tuple[dict[str, tuple[Path, Path]], dict[str, str]]:
    """Case -> prediction and truth, and what keeps others out (case -> reason)."""
    if pred.exists() and gt.exists() and pred.samefile(gt):
        raise InputError(pred, "is given as prediction and as truth", "give the maps to compare with")
    if pred.is_file() and gt.is_file():
        return {case_name(pred): (pred, gt)}, {}
    failed: dict[str, str] = {}
    for folder in (pred, gt):
        if not folder.is_dir():
            raise InputError(folder, "is not a folder", "give two files, or two folders")
    predictions, truths = (image_files(folder, failed, lesion=kind is Kind.LESIONS) for folder in (pred, gt))
    partners = match(truths, predictions, pred, failed, lacks="has no prediction")
    if not partners and not any("possible partners" in reason for reason in failed.values()):
        raise InputError(pred, f"holds no file named as one of {gt}", "predictions and truths must have the same names")
    if unused := [name for name, path in predictions.items() if path not in partners.values() and name not in failed]:
        print(f"note: predictions without a truth: {', '.join(unused)}", file=sys.stderr)
    pairs = {name: (partner, truths[name]) for name, partner in partners.items()}
    for name, (prediction, truth) in list(pairs.items()):
        if prediction.samefile(truth):
            failed[name] = f"{prediction}: is the same file as the truth"
            del pairs[name]
    return pairs, failed


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
    shown = ", ".join(map(str, sorted(predicted | true)[:5])) + ", ..." * (len(predicted | true) > 5)
    problem = f"may be a lesion map or a region map (labels of it and the prediction: {shown})"
    raise InputError(gt, problem, "say --kind lesions (which labels count: --lesion-labels) or --kind regions")


def _unknown(labels: list[int], kind: Kind, how: How) -> tuple[str, str]:
    shown = ", ".join(map(str, labels[:5])) + ", ..." * (len(labels) > 5)
    if kind is Kind.REGIONS:
        return f"holds labels that are not in the region table: {shown}", "name the table of these regions with --names"
    counted = ", ".join(map(str, how.labels.counted or ()))
    problem = f"holds labels of a lesion map that are neither counted ({counted}) nor ignored: {shown}"
    return problem, f"name them with --lesion-labels ({ALL}: every label) or --ignore-labels"


def headline(outcome: Outcome[list[dict[str, Any]]]) -> list[str]:
    """The summary in a few lines: each measure's mean and interval over cases (and over all regions)."""
    if not outcome.results:
        return []
    cases = rows_of(outcome)
    kind = Kind.REGIONS if "name" in cases[0] else Kind.LESIONS
    lines = []
    for row in summarise(cases, kind):
        if row.get("region", "all regions") == "all regions":
            interval = "" if row["low95"] is None else f" (95 % {row['low95']:.3g} to {row['high95']:.3g})"
            lines.append(f"{row['measure']:28s} {as_text(six_digits(row['mean']))}{interval}, {row['cases']} cases")
    return lines


def rows_of(outcome: Outcome[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of ``cases.tsv``."""
    return [
        {"subject": name, **{key: value for key, value in row.items() if key != "kind"}}
        for name, rows in outcome.results.items()
        for row in rows
    ]


def _write(out: Path, kind: Kind, outcome: Outcome[list[dict[str, Any]]], how: How) -> None:
    columns = LESION_COLUMNS if kind is Kind.LESIONS else REGION_COLUMNS
    cases = rows_of(outcome)
    summary = summarise(cases, kind)
    forms = {Kind.LESIONS: (LESION_CASES, LESION_SUMMARY), Kind.REGIONS: (REGION_CASES, REGION_SUMMARY)}[kind]
    write_tsv(out / CASES, forms[0].header, (forms[0].fields(row, row["subject"]) for row in cases))
    write_tsv(out / SUMMARY, forms[1].header, map(forms[1].fields, summary))
    write_json(
        out / MANIFEST,
        {
            "tool": f"yucca-wm {__version__}",
            "kind": kind,
            "conventions": {
                "lesions": f"{_said(how.labels)}; 26-connected; " + EMPTY.replace("\n", " "),
                "regions": f"{len(how.compared)} regions of the table; surfaces agree within "
                f"{SURFACE_TOLERANCE_MM} mm; regions in neither map are left out",
            }[kind],
            "interval": "95 % percentile bootstrap over cases",
            "columns": {form.name: form.sidecar() for form in forms},
            "summary": summary,
            "cases": cases,
            "failed": outcome.failures,
        },
    )
    save_figure(cases, columns, out / FIGURE)


def _said(labels: LesionLabels) -> str:
    counted = ALL if labels.counted is None else " and ".join(map(str, labels.counted))
    ignored = " and ".join(map(str, labels.ignored)) or "none"
    return f"lesion: label {counted}; left out: voxels of true label {ignored}"


def summarise(cases: list[dict[str, Any]], kind: Kind) -> list[dict[str, Any]]:
    """One row per measure (and region): mean over cases, interval, number of cases with a value.

    For regions, the row ``all regions`` takes each case's mean over its regions first, so cases are what is resampled.
    """
    if kind is Kind.LESIONS:
        return [_row({"measure": c}, mean_with_interval([case[c] for case in cases])) for c in LESION_COLUMNS]
    by_region: dict[str, list[dict[str, Any]]] = {}
    by_case: dict[str, list[dict[str, Any]]] = {}
    for row in cases:
        by_region.setdefault(row["name"], []).append(row)
        by_case.setdefault(row["subject"], []).append(row)
    rows = []
    for column in REGION_COLUMNS:
        per_case = [mean_with_interval([row[column] for row in group]).mean for group in by_case.values()]
        rows.append(_row({"region": "all regions", "measure": column}, mean_with_interval(per_case)))
    for region, group in by_region.items():
        for column in REGION_COLUMNS:
            rows.append(_row({"region": region, "measure": column}, mean_with_interval([row[column] for row in group])))
    return rows


def _row(labels: Mapping[str, str], mean: Mean) -> dict[str, Any]:
    return {**labels, "mean": mean.mean, "low95": mean.low, "high95": mean.high, "cases": mean.cases}
