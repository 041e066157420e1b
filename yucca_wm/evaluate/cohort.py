"""Evaluate a folder of predictions against a folder of truths: tables, a summary and a figure."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from yucca_wm import __version__, images
from yucca_wm.cohort.options import RunOptions
from yucca_wm.cohort.run import Outcome
from yucca_wm.cohort.step import Step, Work, only_run_in, run_step
from yucca_wm.errors import InputError
from yucca_wm.evaluate.lesions import EMPTY, lesion_measures
from yucca_wm.evaluate.regions import SURFACE_TOLERANCE_MM, region_measures
from yucca_wm.evaluate.summary import Mean, mean_with_interval
from yucca_wm.files import case_name, nifti_files, write_json, write_text
from yucca_wm.regions import RegionTable, regions

HIGHEST_LESION_LABEL = 2
MISSING = "n/a"
LESION_COLUMNS = ("dice", "hausdorff95_mm", "volume_difference_percent", "lesion_recall", "lesion_f1")
REGION_COLUMNS = ("dice", "surface_dice", "volume_error_percent")
CASES, SUMMARY, MANIFEST, FIGURE = "cases.tsv", "summary.tsv", "evaluation.json", "evaluation.png"


class Kind(StrEnum):
    LESIONS = "lesions"
    REGIONS = "regions"


def evaluate(
    pred: str | os.PathLike[str],
    gt: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    kind: Kind | None = None,
    table: RegionTable | None = None,
    run: RunOptions | None = None,
) -> Outcome[list[dict[str, Any]]]:
    """Compare predictions with truths of the same name (or two files); write cases.tsv, summary.tsv, evaluation.json
    and evaluation.png to ``out_dir``.

    kind : what the maps show (default: regions when a truth holds a label above 2, else lesions).
    table : the regions (default: the built-in ones without the remainders).

    Results are the rows of a case: one for lesions, one for every region. A truth without prediction, or a case on
    another grid, is a failure of that case. Run again, only cases whose maps have changed are compared again.

    Raises InputError when nothing can be compared, when the folders hold lesions and regions, and when another run is
    writing to ``out_dir``.
    """
    pairs, missing = _pairs(Path(pred), Path(gt))
    table = table or regions().white_matter
    works = {name: Work(pair, {"prediction": pair[0], "truth": pair[1]}) for name, pair in pairs.items()}
    with only_run_in(out_dir, run := run or RunOptions()) as out:
        parameters = {"kind": kind, "regions": {str(region.index): region.name for region in table}}
        outcome = run_step(
            Step("evaluate", out, parameters), partial(_evaluate_case, kind=kind, table=table), works, run
        )
        kinds = {rows[0]["kind"] for rows in outcome.results.values()}
        for name in (CASES, SUMMARY, MANIFEST, FIGURE):  # of an earlier run
            (out / name).unlink(missing_ok=True)
        if len(kinds) > 1:
            raise InputError(gt, "holds lesion maps and region maps", "say --kind, or evaluate them apart")
        done = Outcome(outcome.results, {**outcome.failures, **dict.fromkeys(missing, "has no prediction")})
        if kinds:
            _write(out, Kind(kinds.pop()), done)
    return done


def _pairs(pred: Path, gt: Path) -> tuple[dict[str, tuple[Path, Path]], list[str]]:
    if pred.is_file() and gt.is_file():
        return {case_name(pred): (pred, gt)}, []
    predictions, truths = nifti_files(pred), nifti_files(gt)
    if not truths:
        raise InputError(gt, "holds no .nii.gz file")
    common = {name: (predictions[name], truth) for name, truth in truths.items() if name in predictions}
    if not common:
        raise InputError(pred, f"holds no file named as one of {gt}", "predictions and truths must have the same names")
    return common, [name for name in truths if name not in predictions]


def _evaluate_case(case: tuple[Path, Path], kind: Kind | None, table: RegionTable) -> list[dict[str, Any]]:
    pred, gt = case
    prediction, truth = images.load_labels(pred), images.load_labels(gt)
    images.check_same_grid(truth, prediction)
    highest = [int(image.data.max(initial=0)) for image in (prediction, truth)]
    if kind is None:
        kind = Kind.REGIONS if highest[1] > HIGHEST_LESION_LABEL else Kind.LESIONS
    if kind is Kind.LESIONS and max(highest) > HIGHEST_LESION_LABEL:
        where = pred if highest[0] > HIGHEST_LESION_LABEL else gt
        raise InputError(where, f"holds label {max(highest)}: not a lesion map", "compare lesions with lesions")
    if kind is Kind.REGIONS and highest[1] > HIGHEST_LESION_LABEL >= highest[0] > 0:
        raise InputError(pred, "looks like a lesion map, but the truth has regions", "compare regions with regions")
    if kind is Kind.LESIONS:
        return [{"kind": kind, **asdict(lesion_measures(prediction.data, truth.data, truth.affine))}]
    return [{"kind": kind, **asdict(one)} for one in region_measures(prediction.data, truth.data, truth.affine, table)]


def headline(outcome: Outcome[list[dict[str, Any]]]) -> list[str]:
    """The summary in a few lines: each measure's mean and interval over cases (and over all regions)."""
    if not outcome.results:
        return []
    cases = _rows(outcome)
    kind = Kind.REGIONS if "name" in cases[0] else Kind.LESIONS
    lines = []
    for row in summarise(cases, kind):
        if row.get("region", "all regions") == "all regions":
            interval = "" if row["low95"] is None else f" (95 % {row['low95']:.3g} to {row['high95']:.3g})"
            lines.append(f"{row['measure']:28s} {_cell(row['mean'])}{interval}, {row['cases']} cases")
    return lines


def _rows(outcome: Outcome[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [
        {"case": name, **{key: value for key, value in row.items() if key != "kind"}}
        for name, rows in outcome.results.items()
        for row in rows
    ]


def _write(out: Path, kind: Kind, outcome: Outcome[list[dict[str, Any]]]) -> None:
    columns = LESION_COLUMNS if kind is Kind.LESIONS else REGION_COLUMNS
    cases = _rows(outcome)
    write_text(out / CASES, _tsv(cases))
    summary = summarise(cases, kind)
    write_text(out / SUMMARY, _tsv(summary))
    write_json(
        out / MANIFEST,
        {
            "tool": f"yucca-wm {__version__}",
            "kind": kind,
            "conventions": {
                "lesions": "label 1; voxels of true label 2 are left out; 26-connected; " + EMPTY.replace("\n", " "),
                "regions": f"surfaces agree within {SURFACE_TOLERANCE_MM} mm; regions in neither map are left out",
            }[kind],
            "interval": "95 % percentile bootstrap over cases",
            "summary": summary,
            "cases": cases,
            "failed": outcome.failures,
        },
    )
    from yucca_wm.evaluate.figure import save_figure

    save_figure(cases, columns, out / FIGURE)


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
        by_case.setdefault(row["case"], []).append(row)
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


def _tsv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return MISSING
    return f"{value:.6g}" if isinstance(value, float) else str(value)
