"""Results without names: numbers in place of subjects, no path, nothing that an error message might give away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from yucca_wm.report.results import Results, Row

FAILED = "could not be localized; see localize.json"
"""In place of reasons, which name files."""


def anonymised(results: Results) -> tuple[Results, dict[str, str]]:
    """``results`` with every name replaced, and replacement -> name.

    Numbers follow the hashes of the names, so that neither their order nor their number says anything.
    """
    failures = results.summary["failures"]
    numbers = numbered({*results.load, *failures})

    def renamed(rows: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
        rows = {name: own for name, own in rows.items() if name in numbers}
        new = {numbers[name]: [{**row, "subject": numbers[name]} for row in own] for name, own in rows.items()}
        return dict(sorted(new.items()))

    summary = {
        **results.summary,
        "inputs": {},
        "subjects": dict(sorted((numbers[name], about) for name, about in results.summary["subjects"].items())),
        "failures": dict(sorted((numbers[name], FAILED) for name in failures)),
    }
    extra = {title: renamed(rows) for title, rows in results.extra.items()}
    hidden = replace(
        results, summary=summary, load=renamed(results.load), lesions=renamed(results.lesions), extra=extra,
        places=renamed(results.places), notes={}, anonymous=True,
        alignments={numbers[name]: path for name, path in results.alignments.items()},
    )  # fmt: skip
    return hidden, {numbers[name]: name for name in results.load}


def numbered(names: Iterable[str]) -> dict[str, str]:
    """Name -> number."""
    order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    width = max(3, len(str(len(order))))
    return {name: f"subject-{number:0{width}d}" for number, name in enumerate(order, start=1)}
