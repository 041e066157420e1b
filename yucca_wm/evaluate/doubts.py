"""What to know before trusting scores: files that occur twice, and subjects whose values mean something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from yucca_wm.cohort.ids import further_sessions, sharers
from yucca_wm.core.errors import count, some_of
from yucca_wm.evaluate.case import BY_HEADERS, IN_TRAINING, PREDICTION_BEYOND_ML, TRUTH_BEYOND_ML
from yucca_wm.jobs.run_record import FileState

Rows = list[dict[str, Any]]
BEYOND = {
    PREDICTION_BEYOND_ML: "part of the prediction lies beyond the field of view of the truth, and is not compared",
    TRUTH_BEYOND_ML: "part of the truth lies beyond the field of view of the prediction, and counts as missed",
}
"""What a volume beyond the other map's field of view means."""


def doubts(results: Mapping[str, Rows]) -> Iterator[str]:
    """One line for each doubt, with the subjects that it applies to. results : subject -> its rows."""
    first = {name: rows[0] for name, rows in results.items()}
    moved = [name for name, row in first.items() if row.get(BY_HEADERS)]
    if moved:
        said = "prediction and truth lie on different grids, and were aligned by their headers"
        yield f"{said}: valid only if the underlying scans were registered ({_who(moved, results)})"
    if trained := [name for name, row in first.items() if row.get(IN_TRAINING)]:
        yield f"of the training set, which a model trained on this cohort has seen: {_who(trained, results)}"
    for key, said in BEYOND.items():
        if beyond := [name for name, row in first.items() if row.get(key)]:
            most_ml = max(first[name][key] for name in beyond)
            yield f"{said}: up to {most_ml:.2f} ml ({_who(beyond, results)})"
    if cut := [name for name, row in first.items() if row.get("volume_left_out_ml")]:
        yield f"part of the truth has an ignored label and counts in neither map ({_who(cut, results)})"
    if none := [name for name, row in first.items() if "lesions_true" in row and not row["lesions_true"]]:
        yield f"the truth has no lesion: recall is 1 and Dice 0 if any is predicted ({_who(none, results)})"
    if again := further_sessions(results.keys()):
        yield f"further sessions of a person count as subjects: {some_of(again)}"


def _who(names: list[str], results: Mapping[str, Rows]) -> str:
    return f"{len(names)} of {count(len(results), 'subject')}: {some_of(names)}"


def copies(read: Mapping[str, Mapping[str, FileState]], results: Mapping[str, Rows]) -> Iterator[str]:
    """One line for each prediction that is its own truth, byte for byte, and for each prediction or truth shared by
    several cases: files copied or chosen by mistake. Maps without lesions may be identical and are left out.

    read : subject -> its files.
    """
    known = {name: read[name] for name, rows in results.items() if name in read and not _empty(rows)}
    for name, files in known.items():
        if files["prediction"].sha256 == files["truth"].sha256:
            yield f"{name}: prediction and truth are the same, byte for byte"
    given = (((what, known[name][what].sha256), name) for what in ("prediction", "truth") for name in known)
    for (what, _), names in sharers(given).items():
        yield f"{some_of(names)} have the same {what}, byte for byte"


def _empty(rows: Rows) -> bool:
    return any(all(row[volume] == 0 for row in rows) for volume in ("volume_pred_ml", "volume_true_ml"))
