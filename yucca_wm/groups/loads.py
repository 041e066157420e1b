"""Regional loads and participants: from the tables of `yucca_wm.localize` and BIDS to one matrix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from yucca_wm.errors import InputError
from yucca_wm.regions import REMAINDER

NOT_REGIONS = (REMAINDER, "outside", "total")
"""Groups of rows of ``lesion_load.tsv`` that are never features."""

TRANSFORMS = ("sqrt", "log1p", "none")
"""Loads are skewed: square root, log(1 + percent), or as they are."""


@dataclass(frozen=True)
class Loads:
    """subjects : [n]; regions : [p] names; percent : [n, p] load in percent of region volume, NaN where undefined;
    total_ml : [n] whole lesion volume, remainders and outside included."""

    subjects: list[str]
    regions: list[str]
    percent: NDArray[np.float64]
    total_ml: NDArray[np.float64]


def read_loads(path: str | os.PathLike[str]) -> Loads:
    """Read ``lesion_load.tsv``, or the folder that holds it. Raises InputError for missing columns or double rows."""
    path = Path(path)
    path = path / "lesion_load.tsv" if path.is_dir() else path
    table = _read_tsv(path, ("subject", "name", "group", "load_percent", "lesion_volume_ml"))
    if doubles := sorted(set(table.loc[table.duplicated(["subject", "name"]), "subject"])):
        named = ", ".join(map(repr, doubles[:5]))
        raise InputError(path, f"holds a region twice for {named}", "localize each subject once")
    inside = table[~table["group"].isin(NOT_REGIONS)]
    totals = table[table["group"] == "total"].set_index("subject")["lesion_volume_ml"]
    if inside.empty or totals.empty:
        raise InputError(path, "holds no subject", "run yucca_wm.localize first")
    names = list(dict.fromkeys(inside["name"]))
    wide = inside.pivot(index="subject", columns="name", values="load_percent").reindex(columns=names)
    try:
        values, total = wide.astype(float).to_numpy(), totals.reindex(wide.index).astype(float).to_numpy()
    except ValueError as error:
        raise InputError(path, f"holds a load that is not a number ({error})") from error
    return Loads([str(subject) for subject in wide.index], names, values, total)


def read_participants(path: str | os.PathLike[str], columns: Sequence[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Read a BIDS ``participants.tsv``: rows by ``participant_id``, ``n/a`` and empty fields missing.

    Returns the table, and the participants left out because they occur twice. Raises InputError when a column of
    ``columns`` is absent.
    """
    table = _read_tsv(Path(path), ("participant_id", *columns))
    table = table.set_index(table["participant_id"].astype(str))[list(columns)]
    twice = table.index.duplicated(keep=False)
    reason = f"{path}: participant occurs twice; keep one row"
    return table[~twice], {str(name): reason for name in table.index[twice]}


def match_participants(
    loads: Loads, participants: pd.DataFrame
) -> tuple[Loads, pd.DataFrame, dict[str, str], dict[str, str]]:
    """Loads and participants row by row for subjects in both with no missing value.

    Also returns who has no partner in the other table (a mistake), and who lacks a value (not one), with the reason.
    A subject is its participant with or without ``sub-``, also followed by ``_ses-...`` or ``_run-...``.
    """
    known = {str(name).removeprefix("sub-"): str(name) for name in participants.index}
    rows: list[tuple[int, str]] = []
    unmatched: dict[str, str] = {}
    incomplete: dict[str, str] = {}
    met: set[str] = set()
    for position, subject in enumerate(loads.subjects):
        bare = subject.removeprefix("sub-")
        name = known.get(bare) or known.get(bare.split("_ses-")[0].split("_run-")[0])
        if name is None:
            unmatched[subject] = "is not in the participants table"
        elif name in met:
            unmatched[subject] = f"participant {name} is there already, with another session"
        elif missing := [str(column) for column in participants.columns if pd.isna(participants.loc[name, column])]:
            incomplete[subject] = f"has no value for {', '.join(missing)}"
        else:
            rows.append((position, name))
        if name is not None:
            met.add(name)
    unmatched |= {name: "has no lesion load" for name in map(str, participants.index) if name not in met}
    keep = [position for position, _ in rows]
    kept = Loads([loads.subjects[i] for i in keep], loads.regions, loads.percent[keep], loads.total_ml[keep])
    return kept, participants.loc[[name for _, name in rows]], unmatched, incomplete


def transform(percent: NDArray[np.float64], kind: str = "sqrt") -> NDArray[np.float64]:
    """Loads in percent on the scale that models see; undefined loads become their region's median."""
    medians = [np.median(known) if len(known := column[~np.isnan(column)]) else 0.0 for column in percent.T]
    filled = np.where(np.isnan(percent), medians, percent)
    if kind == "sqrt":
        return np.asarray(np.sqrt(filled))
    return np.asarray(np.log1p(filled) if kind == "log1p" else filled)


def design(participants: pd.DataFrame) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """Covariates as numbers: [n, columns], their names, and what was left out because it is constant.

    Columns of text become one 0/1 column for every level but the first (in sorted order).
    """
    columns: dict[str, NDArray[np.float64]] = {}
    for name in participants.columns:
        values = pd.to_numeric(participants[name], errors="coerce")
        if values.notna().all():
            columns[str(name)] = values.to_numpy(dtype=np.float64)
            continue
        text = participants[name].astype(str)
        for level in sorted(set(text))[1:]:
            columns[f"{name}={level}"] = (text == level).to_numpy(dtype=np.float64)
        if text.nunique() < 2:
            columns[str(name)] = np.zeros(len(text))
    constant = [name for name, values in columns.items() if np.ptp(values) == 0]
    names = [name for name in columns if name not in constant]
    matrix = np.column_stack([columns[name] for name in names]) if names else np.empty((len(participants), 0))
    return matrix, names, constant


def residuals(values: NDArray[np.float64], covariates: NDArray[np.float64]) -> NDArray[np.float64]:
    """``values`` [n, p] without what an intercept and ``covariates`` [n, c] explain linearly."""
    basis = np.column_stack([np.ones(len(values)), covariates])
    return np.asarray(values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0])


def _read_tsv(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(
            path, sep="\t", dtype=str, keep_default_na=False, na_values=["n/a", "N/A", "NA", "NaN", "nan", ""]
        )
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(path, f"cannot be read as a table ({reason})") from error
    if missing := [column for column in needed if column not in table.columns]:
        raise InputError(path, f"lacks the column {', '.join(missing)}", f"it has {', '.join(table.columns[:12])}")
    return table
