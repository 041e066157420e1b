"""``yucca_wm.associate`` and ``yucca_wm.cluster``: what regional loads say about a cohort, in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from yucca_wm.core.tsv import blank
from yucca_wm.groups.analysis import Settings
from yucca_wm.groups.associate_command import Associated, associate_tables, draw_effects, write_association
from yucca_wm.groups.cluster_command import (
    MEMBERS,
    PROFILES,
    Clustered,
    cluster_tables,
    draw_groups,
    write_clusters,
)
from yucca_wm.groups.clusters import METHODS
from yucca_wm.groups.loads import TRANSFORMS
from yucca_wm.groups.packages import check_packages
from yucca_wm.groups.variables import MISSING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from yucca_wm.core.tsv import TableInput


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
        What to know of the models.
    """

    effects: pd.DataFrame
    model: str
    subjects: list[str] = field(repr=False)
    left_out: dict[str, str]
    prediction: dict[str, Any] | None
    notes: list[str]
    _result: Associated = field(repr=False)

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
        What was done to loads that are not defined.
    """

    structure: bool
    reason: str
    k: int
    members: pd.DataFrame = field(repr=False)
    profiles: pd.DataFrame = field(repr=False)
    left_out: dict[str, str]
    notes: list[str]
    _result: Clustered = field(repr=False)

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


def associate(
    loads: TableInput,
    participants: TableInput,
    outcome: str,
    covariates: Sequence[str] = (),
    *,
    categorical: Sequence[str] = (),
    missing: Sequence[str] = (),
    reference: str | None = None,
    transform: Literal["sqrt", "log1p", "none"] = "sqrt",
    permutations: int = 5000,
    exclude_flagged: Sequence[str] | None = None,
    flags: Mapping[str, Iterable[str]] | None = None,
    seed: int = 0,
) -> Association:
    """Test whether the load of each region goes with a diagnosis or a score, given covariates.

    One model a region, permutation p-values, false discovery rate by Benjamini and Hochberg.

    Parameters
    ----------
    loads : path or pandas.DataFrame
        ``lesion_load.tsv``, the folder that holds it, or `Localization.loads` of many people, one below the other
        (``pandas.concat``).
    participants : path or pandas.DataFrame
        Table with ``participant_id`` (or an index of that name), the outcome and the covariates: a BIDS
        ``participants.tsv``. People are matched by name, with or without ``sub-``.
    outcome : str
        Column: two levels give logistic models, numbers linear ones.
    covariates : sequence of str
        Columns that the models hold constant.
    categorical : sequence of str
        Columns whose numbers are names (site 1, 2, 3).
    missing : sequence of str
        Cells without a value, beside n/a, NA, NaN and empty.
    reference : str, optional
        Level of the outcome to compare with. Default: the first in natural order.
    transform : {"sqrt", "log1p", "none"}
        Of the loads, which are skewed.
    permutations : int
        How many for p-values.
    exclude_flagged : sequence of str, optional
        Leave out who carries one of these flags; an empty sequence: any that casts doubt on the numbers.
    flags : mapping of str to iterable of str, optional
        Subject -> names of its flags (`Localization.flags`). Default: those of ``localize.json`` beside the loads.
    seed : int
        Of permutations and cross-validation.

    Returns
    -------
    Association
        Effects, who is in them, and what draws and saves them.

    Raises
    ------
    InputError
        A table that cannot be read, columns that are absent, names that match nobody, too few people for the model, or
        covariates that leave nothing to say.
    MissingExtraError
        The packages of ``yucca-wm[groups]`` are not installed.
    ValueError
        Another ``transform``, or fewer than one permutation.

    Examples
    --------
    >>> effects = associate(loads, "participants.tsv", outcome="diagnosis", covariates=["age"])  # doctest: +SKIP
    """
    import pandas as pd

    if permutations < 1:
        raise ValueError("permutations must be 1 or more")
    settings = _settings(covariates, categorical, missing, transform, exclude_flagged, seed)
    result = associate_tables(
        loads, participants, outcome, settings, reference=reference, permutations=permutations, flags=_named(flags)
    )
    rows = [
        {
            "region": item.region, "n_subjects": item.n_subjects, "effect": item.effect, "ci_low": item.low,
            "ci_high": item.high, "p_model": item.p_value, "p_permutation": item.p_permutation,
            "q_fdr": item.q_value, "note": item.note,
        }
        for item in result.effects
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    numbers = ["effect", "ci_low", "ci_high", "p_model", "p_permutation", "q_fdr"]
    return Association(
        frame.astype(dict.fromkeys(numbers, "float64")),
        result.content["model"],
        list(result.cohort.loads.subjects),
        result.cohort.failed | result.cohort.left_out,
        result.content.get("prediction"),
        list(result.notes),
        result,
    )


def cluster(
    loads: TableInput,
    participants: TableInput | None = None,
    covariates: Sequence[str] = (),
    *,
    categorical: Sequence[str] = (),
    missing: Sequence[str] = (),
    method: Literal["kmeans", "hierarchical", "gmm", "spectral"] = "kmeans",
    k_max: int = 6,
    adjust_total: bool = False,
    transform: Literal["sqrt", "log1p", "none"] = "sqrt",
    exclude_flagged: Sequence[str] | None = None,
    flags: Mapping[str, Iterable[str]] | None = None,
    seed: int = 0,
) -> Clustering:
    """Look for groups of people with like patterns of load, and say whether there are any.

    Parameters
    ----------
    loads : path or pandas.DataFrame
        As for `associate`.
    participants : path or pandas.DataFrame, optional
        Table with ``participant_id`` and the covariates; needed for these only.
    covariates : sequence of str
        Columns that are regressed out of the loads.
    categorical : sequence of str
        Columns whose numbers are names (site 1, 2, 3).
    missing : sequence of str
        Cells without a value, beside n/a, NA, NaN and empty.
    method : {"kmeans", "hierarchical", "gmm", "spectral"}
        How people are divided.
    k_max : int
        Most groups to try.
    adjust_total : bool
        Regress out each person's mean load: groups by pattern, not by severity.
    transform : {"sqrt", "log1p", "none"}
        Of the loads, which are skewed.
    exclude_flagged : sequence of str, optional
        Leave out who carries one of these flags; an empty sequence: any that casts doubt on the numbers.
    flags : mapping of str to iterable of str, optional
        Subject -> names of its flags (`Localization.flags`). Default: those of ``localize.json`` beside the loads.
    seed : int
        Of the divisions and tests.

    Returns
    -------
    Clustering
        Who is in which group, profiles of the groups, and whether they are real.

    Raises
    ------
    InputError
        A table that cannot be read, or fewer than ten people.
    MissingExtraError
        The packages of ``yucca-wm[groups]`` are not installed.
    ValueError
        Another ``method`` or ``transform``, or ``k_max`` below 2.

    Examples
    --------
    >>> groups = cluster(loads)  # doctest: +SKIP
    >>> groups.members.set_index("subject")["cluster"]  # doctest: +SKIP
    """
    import pandas as pd

    if method not in METHODS:
        raise ValueError(f"method is {method}, not one of {METHODS}")
    if k_max < 2:
        raise ValueError("k_max must be 2 or more")
    settings = _settings(covariates, categorical, missing, transform, exclude_flagged, seed)
    result = cluster_tables(
        loads, participants, settings, method=method, k_max=k_max, adjust_total=adjust_total, flags=_named(flags)
    )
    members = pd.DataFrame(blank(result.members), columns=list(MEMBERS.header))
    profiles = pd.DataFrame(
        [
            [int(group), int(n_subjects), region, int(n_with_region), _number(mean), _number(spread)]
            for group, n_subjects, region, n_with_region, mean, spread in result.profiles
        ],
        columns=list(PROFILES.header),
    )
    return Clustering(
        result.clusters.structure,
        result.clusters.reason,
        result.content["k"],
        members.astype({"cluster": "int64", "best_division": "int64"}),
        profiles.astype({"mean_load_percent": "float64", "sd_load_percent": "float64"}),
        result.cohort.failed | result.cohort.left_out,
        list(result.notes),
        result,
    )


def _settings(
    covariates: Sequence[str],
    categorical: Sequence[str],
    missing: Sequence[str],
    transform: str,
    exclude_flagged: Sequence[str] | None,
    seed: int,
) -> Settings:
    if transform not in TRANSFORMS:
        raise ValueError(f"transform is {transform}, not one of {TRANSFORMS}")
    for name, columns in (("covariates", covariates), ("categorical", categorical), ("missing", missing)):
        if isinstance(columns, str):
            raise ValueError(f"{name} is a list of names: [{columns!r}]")
    check_packages()
    return Settings(
        covariates=list(covariates),
        categorical=list(categorical),
        missing=list(missing),
        scale=transform,
        exclude_flagged=None if exclude_flagged is None else list(exclude_flagged),
        seed=seed,
    )


def _number(cell: str) -> float:
    return float("nan") if cell in MISSING else float(cell)


def _named(flags: Mapping[str, Iterable[str]] | None) -> dict[str, list[str]] | None:
    return None if flags is None else {subject: list(names) for subject, names in flags.items()}
