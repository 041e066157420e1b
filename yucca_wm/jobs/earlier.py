"""Checks before another subject is added to an output folder: same settings, no clash of names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import natural_key
from yucca_wm.jobs.run_record import Entry, FileState, Record, State
from yucca_wm.jobs.step import Step


def say_gone(folder: Path, subjects: Iterable[str]) -> None:
    """Print on stderr which subjects of an earlier run are no longer in the tables in ``folder``."""
    if gone := sorted(subjects, key=natural_key):
        print(f"note: no longer in the tables of {folder}: {some_of(gone)}", file=sys.stderr)


@dataclass(frozen=True)
class Earlier:
    """step : the step run for another subject. entries : record entry of each subject already there. failures :
    subjects that failed (subject -> reason)."""

    step: Step
    entries: Mapping[str, Entry]
    failures: Mapping[str, str]

    @classmethod
    def read(cls, step: Step, subjects: Iterable[str], failures: Mapping[str, str]) -> Earlier:
        """Entries of those ``subjects`` with results in the step's folder that its run record knows."""
        record = Record(step.folder, step.name)
        return cls(step, {name: entry for name in subjects if (entry := record.last(name)) is not None}, failures)

    def results(self, but: Collection[str] = ()) -> dict[str, Any]:
        """Recorded results of all finished subjects there except ``but``."""
        done = {name: entry for name, entry in self.entries.items() if entry.state is State.DONE}
        return {name: entry.result for name, entry in done.items() if name not in but}

    def check_settings(self, now: Collection[str], alike: Callable[[Entry], bool] = lambda _: True) -> None:
        """Raise InputError if the tables would mix results obtained in different ways.

        now : subjects done in this run, and so with the step's parameters. alike : further condition that the entries
        of all other subjects must meet, besides having the step's parameters.
        """
        for name, entry in self.entries.items():
            if name not in now and not (entry.repeats(self.step.parameters) and alike(entry)):
                problem = f"holds {name}, done {entry.otherwise(self.step.parameters)}"
                remedy = f"choose another --out-dir, or {self.step.name} all of them again"
                raise InputError(self.step.folder, problem, remedy)

    def check_names(self, inputs: Mapping[str, Mapping[str, Path]]) -> None:
        """Raise InputError if a subject already there has the same name but other files.

        inputs : subject -> the files that are its own, named as in the record.
        """
        for name in inputs.keys() & self.entries.keys():
            for what, path in inputs[name].items():
                before = self.entries[name].inputs.get(what)
                if before is None or before.path == str(Path(path).absolute()):
                    continue
                if FileState.of(path).sha256 != before.sha256:
                    problem = f"is called {name}, as {before.path} was, which is in {self.step.folder} already"
                    remedy = "name the file after its person, or overwrite that one with --force"
                    raise InputError(path, problem, remedy)
