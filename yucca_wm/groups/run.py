"""The two analyses from files to files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from yucca_wm import __version__
from yucca_wm.errors import InputError
from yucca_wm.files import make_folder, write_json
from yucca_wm.groups import figures
from yucca_wm.groups.association import associate
from yucca_wm.groups.clusters import cluster
from yucca_wm.groups.loads import (
    Loads,
    design,
    match_participants,
    read_loads,
    read_participants,
    residuals,
    transform,
)
from yucca_wm.groups.prediction import compare_prediction
from yucca_wm.localize.heatmap import save_figure
from yucca_wm.localize.tables import number, write_tsv

FEW = 10
"""Groups smaller than this give effects that are hardly worth printing; a note says so."""


def run_cluster(
    load_path: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    participants: str | os.PathLike[str] | None = None,
    covariates: Sequence[str] = (),
    method: str = "kmeans",
    k_max: int = 6,
    scale: str = "sqrt",
    adjust_total: bool = False,
    seed: int = 0,
) -> tuple[list[str], dict[str, str]]:
    """Cluster subjects; writes ``clusters.tsv``, ``cluster_profiles.tsv``, ``clusters.json`` and figures.

    adjust_total : regress out each subject's mean load as well, so that groups differ in pattern, not in severity.

    Returns lines to print and who has no partner in the other table (with the reason).
    """
    loads = read_loads(load_path)
    failed, left_out = dict[str, str](), dict[str, str]()
    if covariates:
        if participants is None:
            raise InputError(load_path, "covariates need a participants table", "give --participants")
        loads, table, failed, left_out = _with_participants(loads, participants, covariates)
        matrix, _, constant = design(table)
    else:
        matrix, constant = np.empty((len(loads.subjects), 0)), []
    if len(loads.subjects) < FEW:
        raise InputError(load_path, f"{len(loads.subjects)} subjects are too few to look for groups", f"{FEW} at least")
    values = transform(loads.percent, scale)
    if adjust_total:
        matrix = np.column_stack([matrix, values.mean(axis=1)])
    values = residuals(values, matrix) if matrix.shape[1] else values
    result = cluster(values, method=method, k_max=k_max, seed=seed)
    folder = make_folder(out_dir)
    rows = (
        [s, str(label), str(best)]
        for s, label, best in zip(loads.subjects, result.labels, result.candidate, strict=True)
    )
    write_tsv(folder / "clusters.tsv", ("subject", "cluster", "best_division"), rows)
    write_tsv(folder / "cluster_profiles.tsv", PROFILE_COLUMNS, _profiles(loads, result.labels))
    content = {
        **_header("cluster", load_path, scale, covariates, constant, failed | left_out, seed),
        "adjusted_for_total": adjust_total,
        "method": method,
        "subjects": len(loads.subjects),
        "structure": result.structure,
        "reason": result.reason,
        "k": result.k if result.structure else 1,
        "p_single_cloud": result.p_value,
        "principal_components": result.components,
        "choices": [asdict(choice) for choice in result.choices],
    }
    write_json(folder / "clusters.json", content)
    save_figure(figures.draw_profiles(loads.regions, loads.percent, result.labels), folder / "cluster_profiles")
    save_figure(figures.draw_embedding(values, result.labels), folder / "cluster_embedding")
    save_figure(figures.draw_dendrogram(values, loads.subjects), folder / "cluster_dendrogram")
    lines = _left_out_lines(left_out, constant)
    lines += [_choice_line(choice) for choice in result.choices]
    lines.append(f"{result.k} groups: {result.reason}" if result.structure else f"no structure: {result.reason}")
    return lines, failed


def _with_participants(
    loads: Loads, participants: str | os.PathLike[str], columns: Sequence[str]
) -> tuple[Loads, pd.DataFrame, dict[str, str], dict[str, str]]:
    table, twice = read_participants(participants, columns)
    loads, table, unmatched, incomplete = match_participants(loads, table)
    bare = {name.removeprefix("sub-") for name in twice}
    return loads, table, twice | {k: v for k, v in unmatched.items() if k.removeprefix("sub-") not in bare}, incomplete


def _left_out_lines(left_out: dict[str, str], constant: list[str]) -> list[str]:
    lines = [f"covariate {name} is constant and was left out" for name in constant]
    for reason in sorted(set(left_out.values())):
        names = [name for name, why in left_out.items() if why == reason]
        lines.append(
            f"left out, {reason}: {', '.join(names[:10])}{', ...' * (len(names) > 10)} ({len(names)} subjects)"
        )
    return lines


PROFILE_COLUMNS = ("cluster", "n_subjects", "region", "mean_load_percent", "sd_load_percent")


def _profiles(loads: Loads, labels: NDArray[np.intp]) -> list[list[str]]:
    rows = []
    for label in sorted(set(labels.tolist())):
        members = loads.percent[labels == label]
        for position, region in enumerate(loads.regions):
            known = members[:, position][~np.isnan(members[:, position])]
            mean = number(float(known.mean())) if len(known) else ""
            spread = number(float(known.std(ddof=1))) if len(known) > 1 else ""
            rows.append([str(label), str(len(members)), region, mean, spread])
    return rows


def _choice_line(choice: Any) -> str:
    stable = ", ".join(f"{value:.2f}" for value in choice.stability) or "not asked"
    return f"k = {choice.k}: silhouette {choice.silhouette:.3f}; bootstrap Jaccard {stable}"


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
    seed: int = 0,
) -> tuple[list[str], dict[str, str]]:
    """Associate regional loads with an outcome; writes ``associations.tsv``, ``associations.json`` and a forest plot.

    Two levels give logistic models (``reference`` is the level called 0, by default the first in sorted order), a
    number gives linear ones. Returns lines to print and who has no partner in the other table (with the reason).
    """
    if outcome in covariates:
        raise InputError(participants, f"column {outcome} is the outcome and a covariate", "name it once")
    loads, table, failed, left_out = _with_participants(read_loads(load_path), participants, [outcome, *covariates])
    values, binary, levels = _outcome(table[outcome], reference, participants)
    matrix, _, constant = design(table[list(covariates)])
    lines = _left_out_lines(left_out, constant)
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
    content = {
        **_header("associate", load_path, scale, covariates, constant, failed | left_out, seed),
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
        lines.append(", ".join(f"{name}: {size} subjects" for name, size in sizes.items()))
        lines += [
            f"only {size} subjects are {name}: effects are hardly known" for name, size in sizes.items() if size < FEW
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
    lines.append(
        f"{len(found)} of {len(effects)} regions at a false discovery rate of 5 %: {', '.join(found) or 'none'}"
    )
    write_json(folder / "associations.json", content)
    shown = f"{outcome} {levels[1]}" if binary else outcome
    save_figure(figures.draw_forest(effects, binary=binary, outcome=shown), folder / "forest")
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


def _header(
    command: str,
    load_path: str | os.PathLike[str],
    scale: str,
    covariates: Sequence[str],
    constant: list[str],
    left_out: dict[str, str],
    seed: int,
) -> dict[str, Any]:
    return {
        "program": f"yucca_wm.groups {command}",
        "version": __version__,
        "loads": str(Path(load_path)),
        "transform": scale,
        "covariates": list(covariates),
        "constant_covariates": constant,
        "left_out": left_out,
        "seed": seed,
    }
