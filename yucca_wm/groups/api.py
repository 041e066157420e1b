"""``yucca_wm.associate`` and ``yucca_wm.cluster``: statistics of a cohort's regional loads, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from yucca_wm.groups import check_packages
from yucca_wm.groups.analysis import Settings
from yucca_wm.groups.associate_command import EFFECTS, associate_tables
from yucca_wm.groups.cluster_command import MEMBERS, PROFILES, cluster_tables
from yucca_wm.groups.loads import TRANSFORMS
from yucca_wm.groups.results import Association as Association
from yucca_wm.groups.results import Clustering as Clustering
from yucca_wm.groups.statistics.clusters import METHODS

if TYPE_CHECKING:
    from yucca_wm.core.tsv import TableInput


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
    exclude_flagged: Sequence[str] | bool | None = None,
    flags: Mapping[str, Iterable[str]] | None = None,
    seed: int = 0,
) -> Association:
    """Test whether the load of each region is associated with a diagnosis or a score, given covariates.

    One model per region, permutation p-values, false discovery rate by Benjamini and Hochberg. Only one session of a
    person (``sub-01_ses-2``) is used: the one with a row in ``participants``, or else the first.

    Parameters
    ----------
    loads : path or pandas.DataFrame
        ``lesion_load.tsv``, the folder that holds it, or the `Localization.loads` of many subjects, concatenated
        (``pandas.concat``).
    participants : path or pandas.DataFrame
        Table with ``participant_id`` (or an index of that name), the outcome and the covariates: a BIDS
        ``participants.tsv``. Subjects are matched by name, with or without ``sub-``.
    outcome : str
        Column of the outcome: two levels give logistic models, numbers linear ones.
    covariates : sequence of str
        Columns used as covariates of the models.
    categorical : sequence of str
        Columns whose numbers are names (site 1, 2, 3).
    missing : sequence of str
        Cells that mean a missing value, besides n/a, NA, NaN and empty.
    reference : str, optional
        Reference level of the outcome. Default: the first in natural order.
    transform : {"sqrt", "log1p", "none"}
        Transform of the loads, which are skewed.
    permutations : int
        Number of permutations for p-values.
    exclude_flagged : sequence of str or bool, optional
        Exclude subjects with one of these flags; True (or an empty sequence): with any that casts doubt on the numbers.
    flags : mapping of str to iterable of str, optional
        Subject -> names of its flags (`Localization.flags`). Default: those of ``localize.json`` beside the loads.
    seed : int
        Seed of permutations and cross-validation.

    Returns
    -------
    Association
        Effects, subjects used, and methods to draw and save them.

    Raises
    ------
    InputError
        A table that cannot be read, missing columns, names without a match, too few subjects for the model, or
        covariates that leave no variance to explain.
    MissingExtraError
        The packages of ``yucca-wm[groups]`` are not installed.
    ValueError
        An unknown ``transform``, fewer than one permutation, or a single name where a list of names is expected.

    Examples
    --------
    >>> effects = associate(loads, "participants.tsv", outcome="diagnosis", covariates=["age"])  # doctest: +SKIP
    """
    if permutations < 1:
        raise ValueError("permutations must be 1 or more")
    settings = _settings(covariates, categorical, missing, transform, exclude_flagged, seed)
    result = associate_tables(
        loads, participants, outcome, settings, reference=None if reference is None else str(reference),
        permutations=permutations, flags=_flags(flags),
    )  # fmt: skip
    return Association(
        EFFECTS.data_frame(map(EFFECTS.values, result.effects)),
        result.content["model"],
        list(result.cohort.loads.subjects),
        result.cohort.failed | result.cohort.left_out,
        result.content.get("prediction"),
        [*result.cohort.lines(), *result.notes],
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
    exclude_flagged: Sequence[str] | bool | None = None,
    flags: Mapping[str, Iterable[str]] | None = None,
    seed: int = 0,
) -> Clustering:
    """Look for groups of subjects with similar patterns of load, and test whether there are any.

    One session per person is used, as in `associate`; without ``participants`` the first.

    Parameters
    ----------
    loads : path or pandas.DataFrame
        As for `associate`.
    participants : path or pandas.DataFrame, optional
        Table with ``participant_id`` and the covariates; needed only for these.
    covariates : sequence of str
        Columns that are regressed out of the loads.
    categorical : sequence of str
        Columns whose numbers are names (site 1, 2, 3).
    missing : sequence of str
        Cells that mean a missing value, besides n/a, NA, NaN and empty.
    method : {"kmeans", "hierarchical", "gmm", "spectral"}
        Clustering method.
    k_max : int
        Maximum number of groups to try.
    adjust_total : bool
        Regress out each subject's mean load: groups by pattern, not by severity.
    transform : {"sqrt", "log1p", "none"}
        Transform of the loads, which are skewed.
    exclude_flagged : sequence of str or bool, optional
        Exclude subjects with one of these flags; True (or an empty sequence): with any that casts doubt on the numbers.
    flags : mapping of str to iterable of str, optional
        Subject -> names of its flags (`Localization.flags`). Default: those of ``localize.json`` beside the loads.
    seed : int
        Seed of clustering and tests.

    Returns
    -------
    Clustering
        Group of each subject, profiles of the groups, and whether they are real.

    Raises
    ------
    InputError
        A table that cannot be read, or fewer than ten subjects.
    MissingExtraError
        The packages of ``yucca-wm[groups]`` are not installed.
    ValueError
        An unknown ``method`` or ``transform``, ``k_max`` below 2, or a single name where a list of names is expected.

    Examples
    --------
    >>> groups = cluster(loads)  # doctest: +SKIP
    >>> groups.members.set_index("subject")["cluster"]  # doctest: +SKIP
    """
    if method not in METHODS:
        raise ValueError(f"method is {method}, not one of {METHODS}")
    if k_max < 2:
        raise ValueError("k_max must be 2 or more")
    settings = _settings(covariates, categorical, missing, transform, exclude_flagged, seed)
    result = cluster_tables(
        loads, participants, settings, method=method, k_max=k_max, adjust_total=adjust_total, flags=_flags(flags)
    )
    return Clustering(
        result.clusters.structure,
        result.clusters.reason,
        result.content["k"],
        MEMBERS.data_frame(result.members),
        PROFILES.data_frame(result.profiles),
        result.cohort.failed | result.cohort.left_out,
        [*result.cohort.lines(), *result.notes],
        result,
    )


def _settings(
    covariates: Sequence[str],
    categorical: Sequence[str],
    missing: Sequence[str],
    transform: str,
    exclude_flagged: Sequence[str] | bool | None,
    seed: int,
) -> Settings:
    if transform not in TRANSFORMS:
        raise ValueError(f"transform is {transform}, not one of {TRANSFORMS}")
    if isinstance(exclude_flagged, bool):
        exclude_flagged = [] if exclude_flagged else None
    settings = Settings(
        covariates=_names("covariates", covariates),
        categorical=_names("categorical", categorical),
        missing=_names("missing", missing),
        scale=transform,
        exclude_flagged=None if exclude_flagged is None else _names("exclude_flagged", exclude_flagged),
        seed=seed,
    )
    check_packages()
    return settings


def _flags(flags: Mapping[str, Iterable[str]] | None) -> dict[str, list[str]] | None:
    if flags is None:
        return None
    if not isinstance(flags, Mapping):
        raise ValueError("flags is a dict: subject -> names of its flags")
    return {subject: _names(f"flags[{subject!r}]", names) for subject, names in flags.items()}


def _names(argument: str, given: Iterable[object]) -> list[str]:
    """A list of names, rather than the letters of a single one; numbers (``missing=[-9]``) as a table has them."""
    if isinstance(given, str):
        raise ValueError(f"{argument} is a list of names: [{given!r}]")
    if not isinstance(given, Iterable):
        raise ValueError(f"{argument} is a list of names, not {given!r}")
    return [str(int(name)) if isinstance(name, float) and name.is_integer() else str(name) for name in given]
