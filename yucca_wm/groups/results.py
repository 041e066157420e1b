"""Return values of `yucca_wm.associate` and `yucca_wm.cluster`, which print as a short summary."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from yucca_wm.core.errors import count
from yucca_wm.groups.associate_command import Associated, draw_effects, write_association
from yucca_wm.groups.cluster_command import Clustered, draw_groups, write_clusters

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TOP = 3
"""Number of regions named in the summary."""


@dataclass(frozen=True)
class Association:
    """Association of regional load with an outcome; made by `yucca_wm.associate`.

    Attributes
    ----------
    effects : pandas.DataFrame
        One row per region, the columns of ``associations.tsv``: ``region``, ``n_subjects``, ``effect`` (odds ratio, or
        slope in units of the outcome, for one standard deviation of the load), ``ci_low`` and ``ci_high`` (95 %),
        ``p_model``, ``p_permutation``, ``q_fdr`` (Benjamini-Hochberg), ``note``. NaN where there is no estimate.
    model : str
        ``logistic`` (two levels) or ``linear``.
    subjects : list of str
        Subjects used, by their names in the loads.
    left_out : dict of str to str
        Subjects excluded, with the reason.
    prediction : dict of str to Any or None
        Cross-validated AUC of regional loads, of the total load (each with the covariates) and of the covariates alone;
        None for a number, or with few subjects.
    notes : list of str
        Notes printed by the command: subjects excluded, or used although flagged, and remarks on the models.
    """

    effects: pd.DataFrame
    model: str
    subjects: list[str]
    left_out: dict[str, str]
    prediction: dict[str, Any] | None
    notes: list[str]
    _result: Associated

    def __repr__(self) -> str:
        return "\n".join((*_association_in_short(self._result), *_also(self.left_out, self.notes)))

    def plot(self) -> Figure:
        """Effects of all regions with their intervals, drawn as by the command.

        Returns
        -------
        matplotlib.figure.Figure
            A forest plot without a window; ``savefig`` writes it.
        """
        return draw_effects(self._result)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the files of ``yucca-wm groups associate``: table, ``associations.json``, figure and page.

        Parameters
        ----------
        folder : path
            Created if it does not exist.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        InputError
            The folder cannot be written.
        """
        return write_association(self._result, folder)


@dataclass(frozen=True)
class Clustering:
    """Groups of subjects with similar patterns of load, if there are any; made by `yucca_wm.cluster`.

    Attributes
    ----------
    structure : bool
        Whether the groups are real: a single cloud would not produce them, and they are stable.
    reason : str
        Reason for ``structure``.
    k : int
        Number of groups; 1 without structure.
    members : pandas.DataFrame
        One row per subject, the columns of ``clusters.tsv``: ``subject``, ``cluster`` (1 for all without structure),
        ``best_division`` (the best division found, real or not), ``flags``.
    profiles : pandas.DataFrame
        One row per group and region, the columns of ``cluster_profiles.tsv``: mean and standard deviation of the load
        in percent of the region's volume.
    left_out : dict of str to str
        Subjects excluded, with the reason.
    notes : list of str
        Notes printed by the command: subjects excluded, or used although flagged, covariates, and treatment of
        undefined loads.
    """

    structure: bool
    reason: str
    k: int
    members: pd.DataFrame
    profiles: pd.DataFrame
    left_out: dict[str, str]
    notes: list[str]
    _result: Clustered

    def __repr__(self) -> str:
        return "\n".join((*_clustering_in_short(self._result, self.profiles), *_also(self.left_out, self.notes)))

    def plot(self) -> Figure:
        """Subjects in the plane in which they differ most, coloured by group, drawn as by the command.

        Returns
        -------
        matplotlib.figure.Figure
            A figure without a window; ``savefig`` writes it.
        """
        return draw_groups(self._result)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the files of ``yucca-wm groups cluster``: tables, ``clusters.json``, figures and page.

        Parameters
        ----------
        folder : path
            Created if it does not exist.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        InputError
            The folder cannot be written.
        """
        return write_clusters(self._result, folder)


def _association_in_short(result: Associated) -> Iterator[str]:
    """Lines on the test, the number of subjects, the number of regions with an association, and the top regions."""
    asked, covariates = result.asked, result.content["covariates"]
    levels = f" ({asked.levels[1]}, against {asked.levels[0]})" if asked.levels else ""
    given = f", given {', '.join(covariates)}" if covariates else ""
    yield f"Association of regional load with {result.outcome}{levels}{given}"
    yield f"{result.content['model']} models of {count(result.content['subjects'], 'subject')}"
    yield f"{len(result.found)} of {result.tested} regions at a false discovery rate of 5 %"
    tested = [item for item in result.effects if item.q_value is not None]
    tested.sort(key=lambda item: (item.q_value, item.p_permutation))
    effect = "odds ratio" if asked.levels else "slope"
    said = [
        f"{item.region} ({'' if item.effect is None else f'{effect} {item.effect:.3g}, '}q {item.q_value:.2g})"
        for item in tested[:TOP]
    ]
    if said:
        yield f"smallest q: {', '.join(said)}"


def _clustering_in_short(result: Clustered, profiles: pd.DataFrame) -> Iterator[str]:
    """Lines on the number of subjects, whether there are groups and why, and the regions in which they differ most."""
    found = result.clusters
    content, out = result.content, [*result.content["covariates"]]
    out += ["mean load"] * content["adjusted_for_total"]
    without = f", {', '.join(out)} regressed out" if out else ""
    yield f"Clustering of {count(content['subjects'], 'subject')} by regional load{without}"
    if not found.structure:
        yield f"no structure: {found.reason}"
        return
    yield f"{found.k} groups: {found.reason}"
    labels, sizes = np.unique(found.labels, return_counts=True)
    yield ", ".join(f"{size} in group {label}" for label, size in zip(labels, sizes, strict=True))
    means = profiles.groupby("region", sort=False)["mean_load_percent"].agg(["min", "max"])
    most = (means["max"] - means["min"]).nlargest(TOP).index
    said = [f"{region} ({low:.2f} to {high:.2f} %)" for region, low, high in means.loc[most].itertuples()]
    yield f"mean loads differ most in {', '.join(said)}"


def _also(left_out: Mapping[str, str], notes: Sequence[str]) -> Iterator[str]:
    """Lines that say where to read more."""
    if left_out:
        yield f"{count(len(left_out), 'subject')} left out: see left_out"
    yield f"{count(len(notes), 'note')}: see notes" if notes else "no notes"
