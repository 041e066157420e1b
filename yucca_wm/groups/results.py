"""What `yucca_wm.associate` and `yucca_wm.cluster` return; printed, it says in a few lines what was found."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from yucca_wm.groups.associate_command import Associated, draw_effects, write_association
from yucca_wm.groups.cluster_command import Clustered, draw_groups, write_clusters
from yucca_wm.report.html import count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TOP = 3
"""So many regions are named."""


@dataclass(frozen=True)
class Association:
    """Whether regional load goes with an outcome; made by `yucca_wm.associate`.

    Attributes
    ----------
    effects : pandas.DataFrame
        One row a region, the columns of ``associations.tsv``: ``region``, ``n_subjects``, ``effect`` (odds ratio, or
        slope in units of the outcome, for one standard deviation of the load), ``ci_low`` and ``ci_high`` (95 %),
        ``p_model``, ``p_permutation``, ``q_fdr`` (Benjamini-Hochberg), ``note``. NaN where there is no estimate.
    model : str
        ``logistic`` (two levels) or ``linear``.
    subjects : list of str
        Who is in it, as the loads call them.
    left_out : dict of str to str
        Who is not, and why.
    prediction : dict of str to Any or None
        Cross-validated AUC of regional loads and of the total load alone; None for a number, or with few people.
    notes : list of str
        What the command prints: who is left out, or used although flagged, and what to know of the models.
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
        """Effects of all regions with their intervals, as the command draws them.

        Returns
        -------
        matplotlib.figure.Figure
            A forest plot that belongs to no window; ``savefig`` writes it.
        """
        return draw_effects(self._result)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write what ``yucca-wm groups associate`` writes: table, ``associations.json``, figure and page.

        Parameters
        ----------
        folder : path
            Made if it is not there.

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
    """Groups of people with like patterns of load, if there are any; made by `yucca_wm.cluster`.

    Attributes
    ----------
    structure : bool
        Whether the groups are real: no single cloud would give them, and they are stable.
    reason : str
        Why (not).
    k : int
        Number of groups; 1 without structure.
    members : pandas.DataFrame
        One row a person, the columns of ``clusters.tsv``: ``subject``, ``cluster`` (1 for all without structure),
        ``best_division`` (the best division found, real or not), ``flags``.
    profiles : pandas.DataFrame
        One row a group and region, the columns of ``cluster_profiles.tsv``: mean and standard deviation of the load in
        percent of the region's volume.
    left_out : dict of str to str
        Who is not in it, and why.
    notes : list of str
        What the command prints: who is left out, or used although flagged, what covariates are, and what was done to
        loads that are not defined.
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
        """People in the plane in which they differ most, coloured by group, as the command draws them.

        Returns
        -------
        matplotlib.figure.Figure
            A figure that belongs to no window; ``savefig`` writes it.
        """
        return draw_groups(self._result)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write what ``yucca-wm groups cluster`` writes: tables, ``clusters.json``, figures and page.

        Parameters
        ----------
        folder : path
            Made if it is not there.

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
    """What was tested, in how many people, in how many regions it was found, and the regions that come first."""
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
    """How many people were asked about, whether there are groups and why, and the regions in which they differ most."""
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
    """Where to read on."""
    if left_out:
        yield f"{count(len(left_out), 'subject')} left out: see left_out"
    yield f"{count(len(notes), 'note')}: see notes" if notes else "no notes"
