"""Anonymise results: numbers in place of names, no paths, and nothing that an error message might reveal."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from yucca_wm.core.notes import Note
from yucca_wm.localize.measures.flags import TITLES
from yucca_wm.report.results import Results, Row

FAILED, NOT_PREDICTED = "could not be localized; see localize.json", "could not be predicted; see predict.json"
"""Replacement for reasons, which contain file names."""

HIDDEN = "a note that may hold a name; see predict.json"


def anonymised(results: Results) -> tuple[Results, dict[str, str]]:
    """``results`` with every name replaced, and replacement -> name.

    Numbers follow the order of the names' hashes, so that they reveal nothing about the names.
    """
    failures = results.summary["failures"]
    numbers = numbered({*results.load, *failures})
    others = numbered(results.not_predicted.keys() - numbers.keys(), after=len(numbers))
    secrets = {*numbers, *results.not_predicted}

    def renamed(rows: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
        rows = {name: own for name, own in rows.items() if name in numbers}
        new = {numbers[name]: [{**row, "subject": numbers[name]} for row in own] for name, own in rows.items()}
        return dict(sorted(new.items()))

    subjects = {
        numbers[name]: about | {"flags": _flags_without_names(about["flags"], secrets)}
        for name, about in results.summary["subjects"].items()
    }
    summary = {
        **results.summary,
        "inputs": {},
        "subjects": dict(sorted(subjects.items())),
        "failures": dict(sorted((numbers[name], FAILED) for name in failures)),
    }
    extra = {title: renamed(rows) for title, rows in results.extra.items()}
    hidden = replace(
        results, summary=summary, load=renamed(results.load), lesions=renamed(results.lesions), extra=extra,
        places=renamed(results.places), anonymous=True,
        notes={numbers[name]: _without_names(own, secrets) for name, own in results.notes.items()},
        not_predicted=dict.fromkeys(sorted(others.values()), NOT_PREDICTED),
        alignments={numbers[name]: path for name, path in results.alignments.items()},
        regions_by={numbers[name]: by for name, by in results.regions_by.items()}, scans={},
        visits=dict(sorted(
            (numbers[name], [replace(row, previous_visit=numbers[row.previous_visit]) for row in rows])
            for name, rows in results.visits.items()
        )),
        to_previous={numbers[name]: path for name, path in results.to_previous.items()},
    )  # fmt: skip
    return hidden, {numbers[name]: name for name in results.load}


def _without_names(notes: Sequence[Note], names: Collection[str]) -> list[Note]:
    """The notes, with HIDDEN in place of those that contain a name or a path."""
    return [Note(HIDDEN, note.about) if _tells(note, names) else note for note in notes]


def _flags_without_names(flags: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """The flags, with their general meaning in place of sentences that contain a name or a path."""
    return {flag: TITLES.get(flag, HIDDEN) if _tells(said, names) else said for flag, said in flags.items()}


def _tells(said: str, names: Collection[str]) -> bool:
    return any(secret in said for secret in (*names, "/", "\\"))


def numbered(names: Iterable[str], after: int = 0) -> dict[str, str]:
    """Name -> ``subject-NNN``, numbered from ``after`` + 1 in the order of hashes."""
    order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    width = max(3, len(str(len(order))))
    return {name: f"subject-{number:0{width}d}" for number, name in enumerate(order, start=after + 1)}
