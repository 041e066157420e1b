"""What both analyses share: who is in them, and what is written about every run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from yucca_wm import __version__
from yucca_wm.groups.loads import Loads, match_participants, read_participants
from yucca_wm.report.html import count

FEW = 10
"""Groups smaller than this give effects that are hardly worth printing; a note says so."""


def with_participants(
    loads: Loads, participants: str | os.PathLike[str], columns: Sequence[str]
) -> tuple[Loads, pd.DataFrame, dict[str, str], dict[str, str]]:
    table, twice = read_participants(participants, columns)
    loads, table, unmatched, incomplete = match_participants(loads, table)
    bare = {name.removeprefix("sub-") for name in twice}
    return loads, table, twice | {k: v for k, v in unmatched.items() if k.removeprefix("sub-") not in bare}, incomplete


def left_out_lines(left_out: dict[str, str], constant: list[str], *, named: bool = True) -> list[str]:
    """Covariates and subjects that an analysis goes without; ``named``: with the subjects' names."""
    lines = [f"covariate {name} is constant and was left out" for name in constant]
    for reason in sorted(set(left_out.values())):
        names = [name for name, why in left_out.items() if why == reason]
        who = f": {', '.join(names[:10])}{', ...' * (len(names) > 10)}" if named else ""
        lines.append(f"left out, {reason}{who} ({count(len(names), 'subject')})")
    return lines


def header(
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
