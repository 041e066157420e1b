"""Clustering: from tables to results, and to files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.columns import Column, Kind, TableForm
from yucca_wm.core.errors import InputError, count
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
from yucca_wm.groups.page import cluster_page
from yucca_wm.groups.statistics.clusters import Choice, Clusters, cluster
from yucca_wm.groups.statistics.variables import residuals
from yucca_wm.report.flagged import Flags
from yucca_wm.report.html import Pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from yucca_wm.core.tsv import TableInput


@dataclass(frozen=True)
class Member:
    """cluster, best_division : number of the group. flags : flags from localize."""

    cluster: int
    best_division: int
    flags: Sequence[str]


@dataclass(frozen=True)
class Profile:
    """Load of a group in a region: mean and standard deviation, None if there are too few values."""

    cluster: int
    n_subjects: int
    region: str
    n_with_region: int
    mean: float | None
    sd: float | None


MEMBERS = TableForm[Member](
    "clusters.tsv",
    (
        Column("cluster", lambda row: row.cluster, "group of the subject; all 1 without structure", kind=Kind.COUNT),
        Column("best_division", lambda row: row.best_division, "group in the best division found", kind=Kind.COUNT),
        Column("flags", lambda row: ";".join(row.flags), "flags of localize"),
    ),
)
PROFILES = TableForm[Profile](
    "cluster_profiles.tsv",
    (
        Column("cluster", lambda row: row.cluster, "number of the group", kind=Kind.COUNT),
        Column("n_subjects", lambda row: row.n_subjects, "its subjects", kind=Kind.COUNT),
        Column("region", lambda row: row.region, "name of the region"),
        Column("n_with_region", lambda row: row.n_with_region, "those of them who have the region", kind=Kind.COUNT),
        Column("mean_load_percent", lambda row: row.mean, "mean of their load", "%", kind=Kind.NUMBER),
        Column("sd_load_percent", lambda row: row.sd, "standard deviation of their load", "%", kind=Kind.NUMBER),
    ),
    subjects=False,
)


@dataclass(frozen=True)
class Clustered:
    """Results of a clustering.

    values : [n, p] data that were clustered. clusters : the groups. content : content of the .json file. notes :
    remarks on the values, one line each.
    """

    cohort: Cohort
    values: NDArray[np.float64]
    clusters: Clusters
    content: dict[str, Any]
    notes: list[str]

    @property
    def members(self) -> list[list[str]]:
        """Rows of ``clusters.tsv``."""
        flags = self.cohort.flags or {}
        found = self.clusters
        return [
            MEMBERS.fields(Member(int(label), int(best), list(flags.get(subject, []))), subject)
            for subject, label, best in zip(self.cohort.loads.subjects, found.labels, found.candidate, strict=True)
        ]

    @property
    def profiles(self) -> list[list[str]]:
        """Rows of ``cluster_profiles.tsv``."""
        return [PROFILES.fields(row) for row in _profiles(self.cohort.loads, self.clusters.labels)]


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

    Returns lines to print and subjects without a partner in the other table (with the reason). Raises as
    `cluster_tables`.
    """
    settings = settings or Settings()
    check_output(out_dir, {MEMBERS.name, PROFILES.name}, "clusters.json", (load_path, participants))
    result = cluster_tables(load_path, participants, settings, method=method, k_max=k_max, adjust_total=adjust_total)
    write_clusters(result, out_dir, anonymise=settings.anonymise)
    found = result.clusters
    lines = [*result.cohort.lines(), *result.notes, *(_choice_line(choice) for choice in found.choices)]
    lines.append(f"{found.k} groups: {found.reason}" if found.structure else f"no structure: {found.reason}")
    return lines, result.cohort.failed


def cluster_tables(
    load_path: TableInput,
    participants: TableInput | None,
    settings: Settings,
    *,
    method: str = "kmeans",
    k_max: int = 6,
    adjust_total: bool = False,
    flags: Flags | None = None,
) -> Clustered:
    """Cluster subjects; nothing is written.

    adjust_total : regress out each subject's mean load as well, so that groups differ in pattern, not in severity.
    load_path, participants, flags : as for `read_cohort`.

    Raises InputError for tables that cannot be used, and for fewer than FEW subjects.
    """
    from sklearn.impute import SimpleImputer

    cohort = read_cohort(load_path, participants, settings.covariates, settings, flags)
    loads = cohort.loads
    with naming_left_out(cohort):
        covariates = cohort_design(cohort, settings)
        if len(loads.subjects) < FEW:
            problem = f"has only {count(len(loads.subjects), 'subject')}: too few to look for groups"
            raise InputError(table_name(load_path), problem, f"at least {FEW} are needed")
    values, filled = well_known(transform(loads.percent, settings.scale), loads.regions)
    if not values.shape[1]:
        problem = "has no region that half of the subjects have: nothing to compare them by"
        raise InputError(table_name(load_path), problem, "check the region maps")
    values = np.asarray(SimpleImputer(strategy="median").fit_transform(values))
    matrix = covariates.matrix
    values = residuals(values, matrix) if matrix.shape[1] else values

    def without_total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return residuals(values, np.column_stack([matrix, values.mean(axis=1)]))

    adjust = without_total if adjust_total else None
    result = cluster(values, adjust=adjust, method=method, k_max=k_max, seed=settings.seed)
    values = adjust(values) if adjust else values
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
        "columns": {form.name: form.sidecar() for form in (MEMBERS, PROFILES)},
    }
    return Clustered(cohort, values, result, content, [*covariates.notes, *filled])


def draw_groups(result: Clustered) -> Figure:
    """Scatter plot of subjects in the plane in which they differ most."""
    return figures.draw_embedding(result.values, result.clusters.labels)


def write_clusters(result: Clustered, out_dir: str | os.PathLike[str], *, anonymise: bool = False) -> Path:
    """Write the tables, the .json file, figures and the page; returns the folder."""
    folder = make_folder(out_dir)
    cohort, loads, names = result.cohort, result.cohort.loads, result.cohort.names
    members, profiles = result.members, result.profiles
    write_json(folder / "clusters.json", result.content)  # first: it tells whose the tables are
    write_tsv(folder / MEMBERS.name, MEMBERS.header, members)
    write_tsv(folder / PROFILES.name, PROFILES.header, profiles)
    pictures = Pictures(folder)
    profile = figures.draw_profiles(loads.regions, loads.percent, result.clusters.labels)
    pictures.add(profile, "cluster_profiles", "Mean load of every region in each group.")
    pictures.add(draw_groups(result), "cluster_embedding", "Subjects in the plane in which they differ most.")
    tree = figures.draw_dendrogram(result.values, [names.of(subject) for subject in loads.subjects])
    pictures.add(tree, "cluster_dendrogram", "Ward dendrogram: the lower two subjects join, the more similar they are.")
    said = [*cohort.lines(named=not anonymise), *result.notes]
    shown = [[names.of(subject), *labels] for subject, *labels in blank(members)]
    if anonymise:  # the order would reveal names
        shown.sort()
    tables = (MEMBERS.header, shown), (PROFILES.header, blank(profiles))
    page = cluster_page(result.content, cohort.failed, said, *tables, pictures.shown, names)
    write_text(folder / "index.html", page)
    return folder


def _profiles(loads: Loads, labels: NDArray[np.intp]) -> list[Profile]:
    rows = []
    for label in sorted(set(labels.tolist())):
        members = loads.percent[labels == label]
        for position, region in enumerate(loads.regions):
            known = members[:, position][~np.isnan(members[:, position])]
            mean = float(known.mean()) if len(known) else None
            spread = float(known.std(ddof=1)) if len(known) > 1 else None
            rows.append(Profile(label, len(members), region, len(known), mean, spread))
    return rows


def _choice_line(choice: Choice) -> str:
    if choice.silhouette is None:
        return f"k = {choice.k}: leaves a group of too few subjects"
    stable = ", ".join(f"{value:.2f}" for value in choice.stability) or "not computed"
    return f"k = {choice.k}: silhouette {choice.silhouette:.3f}; bootstrap Jaccard {stable}"
