"""What an output folder of evaluate holds already, to which a pair of files is added; and maps that are there twice."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.jobs.resumable import Step, Work, without_header
from yucca_wm.jobs.run_record import Entry, FileState, Record

MANIFEST = "evaluation.json"

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Earlier:
    """step : that another case comes to. entries : how each case that is there was compared. failures : who could not
    be compared (case -> reason)."""

    step: Step
    entries: Mapping[str, Entry]
    failures: Mapping[str, str]

    @classmethod
    def read(cls, step: Step) -> Earlier:
        """From ``evaluation.json`` and the run record in the step's folder; nothing where they are not."""
        try:
            content = json.loads((step.folder / MANIFEST).read_text(encoding="utf-8"))
            names = dict.fromkeys(str(row["subject"]) for row in content["cases"])
            failures = {str(name): str(reason) for name, reason in content["failed"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(step, {}, {})
        record = Record(step.folder, step.name)
        return cls(step, {name: entry for name in names if (entry := record.last(name)) is not None}, failures)

    @property
    def results(self) -> dict[str, Rows]:
        return {name: entry.result for name, entry in self.entries.items()}

    def check_addition(self, works: Mapping[str, Work[Any]], *, force: bool) -> None:
        """Raise InputError when the tables would mix what was compared in different ways, or (unless ``force``) when
        other maps have the name of a case that is there."""
        for name, entry in self.entries.items():
            if name not in works and not without_header(entry).repeats(self.step.parameters):
                problem = f"holds {name}, compared with other settings or by another version"
                raise InputError(self.step.folder, problem, "choose another --out-dir, or evaluate all of them again")
        for name in works.keys() & self.entries.keys() if not force else ():
            for what, path in works[name].inputs.items():
                before = self.entries[name].inputs.get(what)
                if before is not None and before.path != str(path) and FileState.of(path).sha256 != before.sha256:
                    problem = f"is called {name}, as {before.path} was, which is in {self.step.folder} already"
                    raise InputError(
                        path, problem, "name the prediction after its person, or replace that one by --force"
                    )

    def name_removed(self, cases: Collection[str]) -> None:
        """Say on stderr who is no longer among the ``cases`` of the tables."""
        if gone := [name for name in self.entries if name not in cases]:
            named = some_of(gone)
            print(f"note: removed from {self.step.folder}, as not among the cases any more: {named}", file=sys.stderr)


def copies(step: Step, results: Mapping[str, Rows]) -> Iterator[str]:
    """A line for each case whose prediction is its truth, byte for byte, and for each two cases with one prediction or
    one truth: files that were copied or chosen by mistake. Maps without lesions are alike rightly."""
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
