"""Association: from tables to results, and to files."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from yucca_wm.core.columns import Column, Kind, TableForm
from yucca_wm.core.errors import InputError, count, some_of
from yucca_wm.core.files import make_folder, write_json, write_text
from yucca_wm.core.tsv import blank, table_name, write_tsv
from yucca_wm.groups import figures
from yucca_wm.groups.analysis import (
    FEW,
    Cohort,
    Settings,
    check_output,
    cohort_design,
    header,
    naming_left_out,
    read_cohort,
)
from yucca_wm.groups.loads import Loads, transform, well_known
from yucca_wm.groups.page import associate_page
from yucca_wm.groups.statistics.association import FALSE_DISCOVERY_RATE, RegionEffect, associate, too_few
from yucca_wm.groups.statistics.logistic import Prediction, compare_prediction, fitted_probability, separated
from yucca_wm.groups.statistics.outcome import Outcome, read_outcome
from yucca_wm.groups.statistics.variables import Design, blocks, residuals
from yucca_wm.report.flagged import Flags
from yucca_wm.report.html import Pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from yucca_wm.core.tsv import TableInput

EFFECTS = TableForm[RegionEffect](
    "associations.tsv",
    (
        Column("region", lambda item: item.region, "name of the region"),
        Column("n_subjects", lambda item: item.n_subjects, "subjects in its model: those who have it", kind=Kind.COUNT),
        Column(
            "effect",
            lambda item: item.effect,
            "odds ratio or slope for one SD of load",
            kind=Kind.NUMBER,
            significant=6,
        ),
        Column("ci_low", lambda item: item.low, "lower end of its 95 % interval", kind=Kind.NUMBER, significant=6),
        Column("ci_high", lambda item: item.high, "upper end of its 95 % interval", kind=Kind.NUMBER, significant=6),
        Column(
            "p_model",
            lambda item: item.p_value,
            "p of the model (likelihood ratio or t)",
            kind=Kind.NUMBER,
            significant=6,
        ),
        Column(
            "p_permutation",
            lambda item: item.p_permutation,
            "two-sided p by permutation",
            kind=Kind.NUMBER,
            significant=4,
        ),
        Column(
            "q_fdr",
            lambda item: item.q_value,
            "false discovery rate over the tested regions",
            kind=Kind.NUMBER,
            significant=4,
        ),
        Column("note", lambda item: item.note, "why there is no effect or no test, or why it is imprecise"),
    ),
    subjects=False,
)


@dataclass(frozen=True)
class Associated:
    """Results of an association.

    outcome : its column. asked : values of the outcome in the subjects analysed. effects : one for every region.
    content : content of the .json file. notes : remarks on the models, one line each.
    """

    outcome: str
    cohort: Cohort
    asked: Outcome
    effects: list[RegionEffect]
    content: dict[str, Any]
    notes: list[str]

    @property
    def found(self) -> list[str]:
        """Regions at a false discovery rate of 5 %."""
        return [item.region for item in self.effects if item.is_found]

    @property
    def tested(self) -> int:
        """Number of regions that could be tested."""
        return sum(item.q_value is not None for item in self.effects)


def run_associate(
    load_path: str | os.PathLike[str],
    participants: str | os.PathLike[str],
    outcome: str,
    out_dir: str | os.PathLike[str],
    *,
    settings: Settings | None = None,
    reference: str | None = None,
    permutations: int = 5000,
) -> tuple[list[str], dict[str, str]]:
    """Associate regional loads with an outcome; writes ``associations.tsv``, ``associations.json``, a forest plot and
    ``index.html``.

    Returns lines to print and subjects without a partner in the other table (with the reason). Raises as
    `associate_tables`.
    """
    settings = settings or Settings()
    check_output(out_dir, {EFFECTS.name}, "associations.json", (load_path, participants))
    result = associate_tables(
        load_path, participants, outcome, settings, reference=reference, permutations=permutations
    )
    write_association(result, out_dir, anonymise=settings.anonymise)
    found = result.found
    several = f"{len(found)} of {result.tested} regions at a false discovery rate of 5 %: {', '.join(found) or 'none'}"
    return [*result.cohort.lines(), *result.notes, several], result.cohort.failed


def associate_tables(
    load_path: TableInput,
    participants: TableInput,
    outcome: str,
    settings: Settings,
    *,
    reference: str | None = None,
    permutations: int = 5000,
    flags: Flags | None = None,
) -> Associated:
    """Associate regional loads with an outcome; nothing is written.

    Two levels give logistic models (``reference`` is the level coded 0, by default the first in natural order),
    numbers give linear ones. load_path, participants, flags : as for `read_cohort`.

    Raises InputError for tables that cannot be used, and if there are too few subjects for the model.
    """
    source = table_name(participants)
    if outcome in settings.covariates:
        raise InputError(source, f"column {outcome} is the outcome and a covariate", "name it once")
    cohort = read_cohort(load_path, participants, [outcome, *settings.covariates], settings, flags)
    assert cohort.participants is not None
    loads = cohort.loads
    with naming_left_out(cohort):
        asked = read_outcome(cohort.participants.column(outcome, settings.categorical), reference)
        covariates = cohort_design(cohort, settings)
        columns = covariates.matrix.shape[1]
        if lacking := too_few(asked.values, columns, binary=asked.binary):
            fewer = columns and not too_few(asked.values, 0, binary=asked.binary)
            remedy = "use fewer covariates" if fewer else "add people"
            raise InputError(source, f"too few for this model with {outcome}: {lacking}", remedy)
        lines = [*asked.doubts, *covariates.notes, *_model_lines(asked, covariates, source, outcome)]
    scaled = transform(loads.percent, settings.scale)
    effects = associate(
        scaled, loads.regions, asked.values, covariates.matrix,
        binary=asked.binary, permutations=permutations, seed=settings.seed,
    )  # fmt: skip
    tested = sum(effect.p_permutation is not None for effect in effects)
    if tested >= FALSE_DISCOVERY_RATE * (1 + permutations):
        few = f"{permutations} permutations are too few to find one of {tested} regions alone"
        lines.append(f"{few}: at least {round(tested / FALSE_DISCOVERY_RATE)} are needed")
    content: dict[str, Any] = {
        **header("associate", load_path, settings, cohort, covariates),
        "outcome": outcome,
        "model": "logistic" if asked.binary else "linear",
        "effect": "odds ratio for one SD of load" if asked.binary else f"change of {outcome} for one SD of load",
        "permutations": permutations,
        "columns": EFFECTS.sidecar(),
    }
    if asked.levels is not None:
        sizes = dict(zip(asked.levels, [int((asked.values == k).sum()) for k in (0, 1)], strict=True))
        content |= {"groups": sizes, "reference": asked.levels[0]}
        prediction, said = _predict(loads, asked, covariates, settings)
        content |= prediction
        lines += said
    for note in dict.fromkeys(item.note for item in effects if item.note):
        noted = [item.region for item in effects if item.note == note]
        lines.append(f"{noted[0] if len(noted) == 1 else f'{len(noted)} regions ({some_of(noted)})'}: {note}")
    return Associated(outcome, cohort, asked, effects, content, lines)


def draw_effects(result: Associated) -> Figure:
    """Forest plot of the effects."""
    shown = f"{result.outcome} {result.asked.levels[1]}" if result.asked.levels else result.outcome
    return figures.draw_forest(result.effects, binary=result.asked.binary, outcome=shown)


def write_association(result: Associated, out_dir: str | os.PathLike[str], *, anonymise: bool = False) -> Path:
    """Write the table, the .json file, the forest plot and the page; returns the folder."""
    folder = make_folder(out_dir)
    rows = [EFFECTS.fields(item) for item in result.effects]
    write_json(folder / "associations.json", result.content)  # first: it tells whose the table is
    write_tsv(folder / EFFECTS.name, EFFECTS.header, rows)
    pictures = Pictures(folder)
    effect = result.content["effect"]
    caption = f"{effect[0].upper()}{effect[1:]} in every region, with its 95 % interval."
    pictures.add(draw_effects(result), "forest", caption)
    cohort = result.cohort
    said = [*cohort.lines(named=not anonymise), *result.notes]
    table = (EFFECTS.header, blank(rows))
    page = associate_page(
        result.content, cohort.failed, said, result.found, result.tested, table, pictures.shown, cohort.names
    )
    write_text(folder / "index.html", page)
    return folder


def _model_lines(asked: Outcome, covariates: Design, source: str, outcome: str) -> list[str]:
    """Lines that describe the model. Raises InputError, naming covariates, if they leave no variance in the loads."""
    parts = blocks(covariates)
    if asked.levels is None:
        left = residuals(asked.values[:, None], covariates.matrix)
        if np.ptp(left) < 1e-9 * np.ptp(asked.values):
            raise InputError(source, f"{', '.join(parts)} determine {outcome}", "leave out what measures the same")
        return [f"linear models of {outcome}"]
    sizes = [int((asked.values == k).sum()) for k in (0, 1)]
    first, second = (f"{level}: {count(size, 'subject')}" for level, size in zip(asked.levels, sizes, strict=True))
    lines = [f"logistic models of {outcome}: {second}, against {first} (the reference)"]
    lines += [
        f"only {count(size, 'subject')} in the group {level}: too few for a reliable effect"
        for level, size in zip(asked.levels, sizes, strict=True)
        if size < FEW
    ]
    if fitted_probability(asked.values, covariates.matrix) is not None:
        return lines
    sure = separated(asked.values, covariates.matrix)
    alone = {name: separated(asked.values, columns) for name, columns in parts.items()}
    whole = [name for name, own in alone.items() if own.all()]
    if sure.all():
        what = (
            f"covariate {', '.join(whole)} separates" if whole else f"covariates {', '.join(parts)} together separate"
        )
        problem = f"{what} {asked.levels[0]} from {asked.levels[1]}: the loads cannot add anything"
        raise InputError(source, problem, "leave it out, or compare people who share its values")
    if sure.any():
        some = [name for name, own in alone.items() if own.any()]
        what = f"covariates ({', '.join(some or parts)})"
        whose = count(int(sure.sum()), "subject")
        lines.append(f"{what} alone predict the group of {whose} perfectly: these subjects are left out of the models")
    return lines


def _predict(loads: Loads, asked: Outcome, covariates: Design, settings: Settings) -> tuple[dict[str, Any], list[str]]:
    """Compare prediction from regional loads with that from the total: content for the file, and lines to print."""
    if min((asked.values == 0).sum(), (asked.values == 1).sum()) < FEW:
        return {}, [f"no cross-validated AUC: a group has fewer than {FEW} subjects"]
    values, notes = well_known(transform(loads.percent, settings.scale), loads.regions)
    total = transform(loads.total_percent, settings.scale)
    prediction = compare_prediction(values, total, covariates.matrix, asked.values, seed=settings.seed)
    return {"prediction": asdict(prediction)}, [
        *(f"in the prediction, {note}" for note in notes),
        _in_words(prediction),
    ]


def _in_words(prediction: Prediction) -> str:
    """The areas under the curve in one line."""
    areas = f"regional loads {prediction.auc_regional:.2f}, total load {prediction.auc_total:.2f}"
    if prediction.auc_covariates is not None:
        areas += f", each together with the covariates, which alone give {prediction.auc_covariates:.2f}"
    within = prediction.difference_interval
    interval = "no interval: every fold gives the same" if within is None else f"{within[0]:+.2f} to {within[1]:+.2f}"
    return f"cross-validated AUC: {areas}; regional minus total {prediction.difference:+.2f} ({interval})"
