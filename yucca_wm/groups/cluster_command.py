"""Clustering from files to files."""

from __future__ import annotations

import os
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from yucca_wm.errors import InputError
from yucca_wm.files import make_folder, write_json, write_text
from yucca_wm.groups import figures
from yucca_wm.groups.clusters import Choice, cluster
from yucca_wm.groups.covariates import residuals
from yucca_wm.groups.loads import Loads, complete, transform
from yucca_wm.groups.page import cluster_page
from yucca_wm.groups.shared import FEW, Settings, cohort_design, header, read_cohort
from yucca_wm.localize.tables import number, write_tsv
from yucca_wm.report.pictures import Pictures

MEMBER_COLUMNS = ("subject", "cluster", "best_division", "flags")
PROFILE_COLUMNS = ("cluster", "n_subjects", "region", "n_with_region", "mean_load_percent", "sd_load_percent")


def run_cluster(
    load_path: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    participants: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    method: str = "kmeans",
    k_max: int = 6,
    adjust_total: bool = False,
) -> tuple[list[str], dict[str, str]]:
    """Cluster subjects; writes ``clusters.tsv``, ``cluster_profiles.tsv``, ``clusters.json``, figures, ``index.html``.

    adjust_total : regress out each subject's mean load as well, so that groups differ in pattern, not in severity.

    Returns lines to print and who has no partner in the other table (with the reason).
    """
    settings = settings or Settings()
    cohort = read_cohort(load_path, participants, settings.covariates, settings)
    covariates = cohort_design(cohort, settings)
    loads, names = cohort.loads, cohort.names
    if len(loads.subjects) < FEW:
        raise InputError(load_path, f"{len(loads.subjects)} subjects are too few to look for groups", f"{FEW} at least")
    values, filled = complete(transform(loads.percent, settings.scale), loads.regions)
    matrix = covariates.matrix
    if adjust_total:
        matrix = np.column_stack([matrix, values.mean(axis=1)])
    values = residuals(values, matrix) if matrix.shape[1] else values
    result = cluster(values, method=method, k_max=k_max, seed=settings.seed)
    folder = make_folder(out_dir)
    members = [
        [subject, str(label), str(best), ";".join((cohort.flags or {}).get(subject, []))]
        for subject, label, best in zip(loads.subjects, result.labels, result.candidate, strict=True)
    ]
    profiles = _profiles(loads, result.labels)
    write_tsv(folder / "clusters.tsv", MEMBER_COLUMNS, members)
    write_tsv(folder / "cluster_profiles.tsv", PROFILE_COLUMNS, profiles)
    content = {
        **header("cluster", load_path, settings, cohort, covariates),
        "adjusted_for_total": adjust_total,
        "method": method,
        "structure": result.structure,
        "reason": result.reason,
        "k": result.k if result.structure else 1,
        "p_single_cloud": result.p_value,
        "principal_components": result.components,
        "choices": [asdict(choice) for choice in result.choices],
    }
    write_json(folder / "clusters.json", content)
    pictures = Pictures(folder)
    profile = figures.draw_profiles(loads.regions, loads.percent, result.labels)
    pictures.add(profile, "cluster_profiles", "Mean load of every region in each group.")
    embedding = figures.draw_embedding(values, result.labels)
    pictures.add(embedding, "cluster_embedding", "Subjects in the plane in which they differ most.")
    tree = figures.draw_dendrogram(values, [names.of(subject) for subject in loads.subjects])
    pictures.add(tree, "cluster_dendrogram", "Which subjects are alike: the lower two meet, the more.")
    lines = [*cohort.lines(), *covariates.notes, *filled]
    said = [*cohort.lines(named=not settings.anonymise), *covariates.notes, *filled]
    lines += [_choice_line(choice) for choice in result.choices]
    lines.append(f"{result.k} groups: {result.reason}" if result.structure else f"no structure: {result.reason}")
    shown = [[names.of(subject), *labels] for subject, *labels in members]
    if settings.anonymise:  # the order would give names away
        shown.sort()
    page = cluster_page(
        content, cohort.failed, said, (MEMBER_COLUMNS, shown), (PROFILE_COLUMNS, profiles), pictures.shown, names
    )
    write_text(folder / "index.html", page)
    return lines, cohort.failed


def _profiles(loads: Loads, labels: NDArray[np.intp]) -> list[list[str]]:
    rows = []
    for label in sorted(set(labels.tolist())):
        members = loads.percent[labels == label]
        for position, region in enumerate(loads.regions):
            known = members[:, position][~np.isnan(members[:, position])]
            mean = number(float(known.mean())) if len(known) else ""
            spread = number(float(known.std(ddof=1))) if len(known) > 1 else ""
            rows.append([str(label), str(len(members)), region, str(len(known)), mean, spread])
    return rows


def _choice_line(choice: Choice) -> str:
    if choice.silhouette <= -1:
        return f"k = {choice.k}: leaves a group of too few subjects"
    stable = ", ".join(f"{value:.2f}" for value in choice.stability) or "not asked"
    return f"k = {choice.k}: silhouette {choice.silhouette:.3f}; bootstrap Jaccard {stable}"
