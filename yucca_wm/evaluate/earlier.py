"""Earlier results in an output folder of evaluate, to which a pair of files is added; and maps that occur twice."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from yucca_wm.core.errors import some_of
from yucca_wm.jobs.earlier import Earlier
from yucca_wm.jobs.run_record import Record
from yucca_wm.jobs.step import Step

MANIFEST = "evaluation.json"

Rows = list[dict[str, Any]]


def read_earlier(step: Step) -> Earlier:
    """Read ``evaluation.json`` and the run record in the step's folder; empty where they do not exist."""
    try:
        content = json.loads((step.folder / MANIFEST).read_text(encoding="utf-8"))
        names = dict.fromkeys(str(row["subject"]) for row in content["cases"])
        failures = {str(name): str(reason) for name, reason in content["failed"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Earlier(step, {}, {})
    return Earlier.read(step, names, failures)


def name_removed(earlier: Earlier, cases: Collection[str]) -> None:
    """Print on stderr which earlier cases are no longer among ``cases``."""
    if gone := [name for name in earlier.entries if name not in cases]:
        named = some_of(gone)
        print(f"note: no longer in the tables of {earlier.step.folder}: {named}", file=sys.stderr)


def copies(step: Step, results: Mapping[str, Rows]) -> Iterator[str]:
    """One line for each prediction that is its own truth, byte for byte, and for each prediction or truth shared by
    several cases: files copied or chosen by mistake. Maps without lesions may be identical and are left out."""
    record = Record(step.folder, step.name)
    known = {name: entry.inputs for name, rows in results.items() if (entry := record.last(name)) and not _empty(rows)}
    for name, inputs in known.items():
        if inputs["prediction"].sha256 == inputs["truth"].sha256:
            yield f"{name}: prediction and truth are the same, byte for byte"
    for what in ("prediction", "truth"):
        cases: dict[str, list[str]] = {}
        for name, inputs in known.items():
            cases.setdefault(inputs[what].sha256, []).append(name)
        for names in cases.values():
            if len(names) > 1:
                yield f"{some_of(names)} have the same {what}, byte for byte"


def _empty(rows: Rows) -> bool:
    return any(all(row[volume] == 0 for row in rows) for volume in ("volume_pred_ml", "volume_true_ml"))
