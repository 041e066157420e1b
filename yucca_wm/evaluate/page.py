"""The HTML page of an evaluation: scores in plain words, what to look at first, tables, and pictures of differences."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from yucca_wm import __version__
from yucca_wm.core.columns import as_text
from yucca_wm.core.errors import YuccaWMError, count
from yucca_wm.core.files import write_text
from yucca_wm.evaluate.case import Case, How, read_case
from yucca_wm.evaluate.earlier import FIGURES
from yucca_wm.evaluate.figures import draw_differences, draw_measures, draw_volumes, limits_of_agreement, title_of
from yucca_wm.evaluate.tables import CHALLENGE, LESION_COLUMNS, REGION_COLUMNS, Rows, grouped, mean_of, of_people
from yucca_wm.imaging.labels import LESION
from yucca_wm.report.html import LEFT, Pictures, render
from yucca_wm.report.notes import failure_lines
from yucca_wm.report.scans import OTHER_GRID, scan_under
from yucca_wm.tasks.definition import Target

LOWEST = 3
"""Number of subjects with the lowest Dice that are shown, beside the median one and the one with the highest."""

WORST = 5
"""Number of regions with the lowest mean Dice that are named."""

ALL_MEASURES = "Every measure: a dot for each subject, a line at the mean."
VOLUMES = (
    "Left: predicted against true volumes (dashed: equal). Right: their difference against their mean, with the mean "
    "difference (line) and, from five subjects on, the 95 % limits of agreement (dotted)."
)
DIFFERENCES = {
    Target.LESIONS: "{}, in the axial planes where the maps differ most. Outlined: voxels in both maps, only in the "
    "truth (missed), and only in the prediction (false). " + LEFT,
    Target.REGIONS: "{}, in the axial planes where the maps differ most. Outlined: voxels of the same region in both "
    "maps, of another region, only in the truth, and only in the prediction. " + LEFT,
}


def write_page(
    path: Path, content: Mapping[str, Any], how: How, scans: Mapping[str, Path], shown: Collection[str]
) -> list[str]:
    """Write the page, and its pictures beside it.

    Parameters
    ----------
    path : path
        The page.
    content : mapping
        Content of ``evaluation.json``.
    how : How
        How maps were compared.
    scans : mapping
        Subject -> scan to show its maps on; others are shown on black.
    shown : collection of str
        Subjects whose maps can be shown: they are still what was compared.

    Returns
    -------
    list of str
        Pictures of single subjects, relative to the page.
    """
    kind, cases, summary = Target(content["kind"]), content["cases"], content["summary"]
    by_subject = grouped(cases, "subject")
    pictures, single = Pictures(path.parent), Pictures(path.parent / FIGURES)
    columns = CHALLENGE if kind is Target.LESIONS else REGION_COLUMNS
    pictures.add(draw_measures(cases, columns), "evaluation", ALL_MEASURES)
    if kind is Target.LESIONS:
        pictures.add(draw_volumes(cases), "volumes", VOLUMES)
    dice = {name: mean_of([row["dice"] for row in rows]) for name, rows in by_subject.items()}
    unsure: list[str] = []
    labels = [LESION] if kind is Target.LESIONS else how.table.measured.indices
    for name, rank in chosen_subjects({name: dice[name] for name in dice if name in shown}).items():
        files = content["files"][name]
        try:
            maps = read_case(Case(Path(files["prediction"]), Path(files["truth"])), how)
            scan, by_headers = scan_under(scans[name], maps.truth) if name in scans else (None, False)
        except YuccaWMError as error:
            unsure.append(f"no picture of {name}: {error}")
            continue
        figure = draw_differences(maps, labels, scan, f"{name}: Dice {dice[name]:.3f}")
        single.add(figure, name, DIFFERENCES[kind].format(f"{name} ({rank} Dice)" if rank else name))
        unsure += [f"{name}: {OTHER_GRID}"] * by_headers
    page = render(
        "evaluation.html",
        title=f"{kind.capitalize()} against the truth: {count(len(by_subject), 'subject')}",
        version=__version__,
        words=_lesions_in_words(cases, summary) if kind is Target.LESIONS else _regions_in_words(summary),
        flags=[*failure_lines(content["failed"], len(by_subject) + len(content["failed"])), *content["notes"], *unsure],
        tables_first=[_means_table(summary), _subjects_table(by_subject, kind)],
        pictures=pictures.shown,
        single=single.shown,
        tables_last=[] if kind is Target.LESIONS else [_regions_table(summary)],
        facts=[
            ("conventions", content["conventions"]),
            ("means", f"over people; interval: {content['interval']}, from five people on"),
            *((f"{what}s", place) for what, place in _places(content["files"]).items()),
            *[("scans", "none given (--images, --cohort): pictures are on black")] * (not scans),
            ("program", f"{content['tool']}; evaluation.json names both files of every subject"),
        ],
    )
    write_text(path, page)
    return [f"{FIGURES}/{file}" for shown in single.shown for file in shown["files"].split(", ")]


def _places(files: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """``prediction``, ``truth`` -> the folder (or file) that all of them are in."""
    given = {what: [own[what] for own in files.values()] for what in ("prediction", "truth")}
    return {what: os.path.commonpath(paths) for what, paths in given.items() if paths}


def chosen_subjects(dice: Mapping[str, float | None]) -> dict[str, str]:
    """Subject -> its rank, for those that are shown: lowest, median and highest Dice; all, without a rank, if there are
    no more than `LOWEST`. dice : None where undefined."""
    ordered = sorted((name for name, value in dice.items() if value is not None), key=lambda name: (dice[name], name))
    if len(ordered) <= LOWEST:
        return dict.fromkeys(ordered, "")
    chosen = dict.fromkeys(ordered[:LOWEST], "among the lowest")
    if len(ordered) > LOWEST + 1:
        chosen[ordered[len(ordered) // 2]] = "median"
    chosen.setdefault(ordered[-1], "highest")
    return chosen


def _lesions_in_words(cases: Rows, summary: Rows) -> list[str]:
    dice = [row["dice"] for row in cases]
    mean = {row["measure"]: row["mean"] for row in summary}
    true_ml, predicted_ml = (float(np.mean(of_people(cases, f"volume_{which}_ml"))) for which in ("true", "pred"))
    true = sum(row["lesions_true"] for row in cases)
    found = sum(round(row["lesion_recall"] * row["lesions_true"]) for row in cases)
    limits = limits_of_agreement(of_people(cases, "volume_error_ml"))
    between = "" if limits is None else f" (95 % limits of agreement: {limits[0]:.2f} to {limits[1]:.2f} ml)"
    spread = f" on average, {min(dice):.3f} to {max(dice):.3f} in single subjects" * (len(dice) > 1)
    return [
        f"Dice: {mean['dice']:.3f}{spread}. {found} of {count(true, 'true lesion')} were found.",
        f"Volume: {predicted_ml:.2f} ml predicted, {true_ml:.2f} ml true on average; the prediction differs by "
        f"{mean['volume_error_ml']:+.2f} ml on average{between}.",
    ]


def _regions_in_words(summary: Rows) -> list[str]:
    dice = {row["region"]: row["mean"] for row in summary if row["measure"] == "dice" and row["mean"] is not None}
    whole = dice.pop("all regions", None)
    lowest = sorted(dice, key=lambda name: dice[name])[:WORST]
    said = ", ".join(f"{name.replace('_', ' ')} {dice[name]:.2f}" for name in lowest)
    mean = as_text(None) if whole is None else f"{whole:.3f}"
    return [f"Dice: {mean} on average over {count(len(dice), 'region')}. Lowest: {said or 'none'}."]


def _means_table(summary: Rows) -> dict[str, Any]:
    rows = [row for row in summary if row.get("region", "all regions") == "all regions"]
    columns = ("mean", "low95", "high95", "sd", "median")
    heads = ("measure", "mean", "95 % from", "95 % to", "SD", "median", "subjects")
    cells = [(title_of(row["measure"]), *(_short(row[key]) for key in columns), row["cases"]) for row in rows]
    return {"title": "Means", "heads": heads, "rows": cells}


def _subjects_table(by_subject: Mapping[str, Rows], kind: Target) -> dict[str, Any]:
    """One row per subject: its measures, for regions their means over its regions."""
    volumes = ("volume_pred_ml", "volume_true_ml", "lesions_pred", "lesions_true")
    columns = (*LESION_COLUMNS, *volumes) if kind is Target.LESIONS else REGION_COLUMNS
    rows = [
        (name, *(_short(mean_of([row[column] for row in rows])) for column in columns))
        for name, rows in by_subject.items()
    ]
    title = "Subjects" if kind is Target.LESIONS else "Subjects (means over regions)"
    return {"title": title, "heads": ("subject", *map(title_of, columns)), "rows": rows}


def _regions_table(summary: Rows) -> dict[str, Any]:
    means = {region: {row["measure"]: row for row in rows} for region, rows in grouped(summary, "region").items()}
    rows = [
        (region.replace("_", " "), *(_short(of[column]["mean"]) for column in REGION_COLUMNS), of["dice"]["cases"])
        for region, of in means.items()
        if region != "all regions"
    ]
    return {
        "title": "Regions (means over people)",
        "heads": ("region", *map(title_of, REGION_COLUMNS), "subjects"),
        "rows": rows,
    }


def _short(value: float | None) -> str:
    """A number with at most three decimals; empty if undefined."""
    return "" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")
