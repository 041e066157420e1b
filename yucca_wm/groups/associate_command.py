"""Association from files to files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from yucca_wm.errors import InputError
from yucca_wm.files import make_folder, write_json, write_text
from yucca_wm.groups import figures
from yucca_wm.groups.association import associate
from yucca_wm.groups.loads import design, read_loads, transform
from yucca_wm.groups.names import Names, numbered_names
from yucca_wm.groups.page import associate_page
from yucca_wm.groups.prediction import compare_prediction
from yucca_wm.groups.shared import FEW, header, left_out_lines, with_participants
from yucca_wm.localize.tables import number, write_tsv
from yucca_wm.report.html import count
from yucca_wm.report.pictures import Pictures

EFFECT_COLUMNS = ("region", "effect", "ci_low", "ci_high", "p_model", "p_permutation", "q_fdr", "note")


def run_associate(
    load_path: str | os.PathLike[str],
    participants: str | os.PathLike[str],
    outcome: str,
    out_dir: str | os.PathLike[str],
    *,
    reference: str | None = None,
    covariates: Sequence[str] = (),
    permutations: int = 5000,
    scale: str = "sqrt",
    anonymise: bool = False,
    seed: int = 0,
) -> tuple[list[str], dict[str, str]]:
    """Associate regional loads with an outcome; writes ``associations.tsv``, ``associations.json``, a forest plot and
    ``index.html``.

    Two levels give logistic models (``reference`` is the level called 0, by default the first in sorted order), a
    number gives linear ones. anonymise : no names and no paths on the page.

    Returns lines to print and who has no partner in the other table (with the reason).
    """
    if outcome in covariates:
        raise InputError(participants, f"column {outcome} is the outcome and a covariate", "name it once")
    loads = read_loads(load_path)
    names = numbered_names(load_path, loads.subjects) if anonymise else Names()
    loads, table, failed, left_out = with_participants(loads, participants, [outcome, *covariates])
    values, binary, levels = _outcome(table[outcome], reference, participants)
    matrix, _, constant = design(table[list(covariates)])
    lines: list[str] = []
    if len(loads.subjects) < matrix.shape[1] + 5:
        raise InputError(participants, f"{len(loads.subjects)} subjects with all values are too few for this model")
    scaled = transform(loads.percent, scale)
    effects = associate(scaled, loads.regions, values, matrix, binary=binary, permutations=permutations, seed=seed)
    folder = make_folder(out_dir)
    rows = [
        [
            item.region, number(item.effect), number(item.low), number(item.high), number(item.p_value),
            number(item.p_permutation), number(item.q_value), item.note,
        ]
        for item in effects
    ]  # fmt: skip
    write_tsv(folder / "associations.tsv", EFFECT_COLUMNS, rows)
    content: dict[str, Any] = {
        **header("associate", load_path, scale, covariates, constant, failed | left_out, seed),
        "outcome": outcome,
        "model": "logistic" if binary else "linear",
        "effect": "odds ratio for one SD of load" if binary else f"change of {outcome} for one SD of load",
        "permutations": permutations,
        "subjects": len(loads.subjects),
    }
    found = [item.region for item in effects if item.q_value is not None and item.q_value < 0.05]
    if binary:
        sizes = {levels[0]: int((values == 0).sum()), levels[1]: int((values == 1).sum())}
        content["groups"] = sizes
        lines.append(", ".join(f"{name}: {count(size, 'subject')}" for name, size in sizes.items()))
        lines += [
            f"only {count(size, 'subject')} in the group {name}: effects are hardly known"
            for name, size in sizes.items()
            if size < FEW
        ]
        if min(sizes.values()) >= FEW:
            prediction = compare_prediction(scaled, loads.total_ml, matrix, values, seed=seed)
            content["prediction"] = asdict(prediction)
            low, high = prediction.difference_interval
            lines.append(
                f"cross-validated AUC: regional {prediction.auc_regional:.2f}, total load alone "
                f"{prediction.auc_total:.2f}, difference {prediction.difference:+.2f} ({low:+.2f} to {high:+.2f})"
            )
        else:
            lines.append(f"no cross-validated AUC: a group has fewer than {FEW} subjects")
    lines += [f"{item.region}: {item.note}" for item in effects if item.note]
    said = [*left_out_lines(left_out, constant, named=not anonymise), *lines]
    lines = [*left_out_lines(left_out, constant), *lines]
    lines.append(
        f"{len(found)} of {len(effects)} regions at a false discovery rate of 5 %: {', '.join(found) or 'none'}"
    )
    write_json(folder / "associations.json", content)
    shown = f"{outcome} {levels[1]}" if binary else outcome
    pictures = Pictures(folder)
    forest = figures.draw_forest(effects, binary=binary, outcome=shown)
    pictures.add(
        forest,
        "forest",
        f"{content['effect'][0].upper()}{content['effect'][1:]} in every region, with its 95 % interval.",
    )
    page = associate_page(content, failed, said, found, (EFFECT_COLUMNS, rows), pictures.shown, names)
    write_text(folder / "index.html", page)
    return lines, failed


def _outcome(
    column: pd.Series, reference: str | None, source: str | os.PathLike[str]
) -> tuple[NDArray[np.float64], bool, list[str]]:
    levels = sorted(set(column.astype(str)))
    if len(levels) < 2:
        what = f"is {levels[0]} for every subject" if levels else "has no value for any subject with a load"
        raise InputError(source, f"outcome {column.name} {what}", "nothing can be associated with it")
    if len(levels) == 2:
        if reference is not None:
            if reference not in levels:
                raise InputError(source, f"{column.name} has no level {reference}", f"it has {', '.join(levels)}")
            levels.sort(key=lambda level: level != reference)
        return (column.astype(str) == levels[1]).to_numpy(dtype=np.float64), True, levels
    values = pd.to_numeric(column, errors="coerce")
    if values.isna().any():
        shown = ", ".join(levels[:5])
        raise InputError(
            source, f"{column.name} has {len(levels)} levels that are not numbers ({shown})", "use two levels"
        )
    return values.to_numpy(dtype=np.float64), False, levels
