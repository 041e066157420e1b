"""Those who were localized before, one person at a time, into the folder that another one comes to."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from yucca_wm.core.errors import InputError
from yucca_wm.jobs.resumable import HEADER, Step
from yucca_wm.jobs.run_record import Entry, FileState, Record, State
from yucca_wm.localize.pairs import Pair
from yucca_wm.localize.parts import Parts

MAKE_COLUMNS = frozenset({"ventricles", "tissue"})
"""Maps of a `Pair` that give the tables columns of their own."""


@dataclass(frozen=True)
class Earlier:
    """What ``step.folder`` holds: a part of each subject, and the record of how it was made."""

    step: Step
    parts: Parts
    record: Record

    def check_addition(self, pairs: Mapping[str, Pair], *, force: bool) -> None:
        """Raise InputError when the tables would mix what was made in different ways, or (unless ``force``) when a
        subject of another lesion map has the same name."""
        asked = MAKE_COLUMNS.intersection(*(pair.files() for pair in pairs.values()))
        for name, entry in self._of_others(pairs).items() if pairs else ():
            if (
                not _without_header(entry).repeats(self.step.parameters)
                or MAKE_COLUMNS.intersection(entry.inputs) != asked
            ):
                problem = f"holds {name}, localized with other settings or by another version"
                raise InputError(self.step.folder, problem, "choose another --out_dir, or localize all of them again")
        for name, pair in pairs.items():
            last = self.record.last(name) if self.parts.path(name).is_file() else None
            before = last.inputs.get("lesions") if last is not None else None
            if force or before is None or before.path == str(pair.lesions):
                continue
            if FileState.of(pair.lesions).sha256 != before.sha256:
                problem = f"is called {name}, as {before.path} was, which is in {self.step.folder} already"
                raise InputError(
                    pair.lesions, problem, "name the file after its person, or replace that one by --force"
                )

    def flags(self, pairs: Collection[str]) -> dict[str, dict[str, str]]:
        """Flags of everybody there but ``pairs``."""
        return {name: entry.result for name, entry in self._of_others(pairs).items()}

    def failures(self, now: Collection[str]) -> dict[str, str]:
        """Who could not be localized, and was not tried again ``now`` (subject -> reason)."""
        try:
            before = json.loads((self.step.folder / "localize.json").read_text(encoding="utf-8"))["failures"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return {name: str(reason) for name, reason in before.items() if name not in now}

    def _of_others(self, pairs: Collection[str]) -> dict[str, Entry]:
        last = {name: self.record.last(name) for name in self.parts.of_others(pairs)}
        return {name: entry for name, entry in last.items() if entry is not None and entry.state is State.DONE}


def _without_header(entry: Entry) -> Entry:
    """Which form of a header counts is a matter of each person's own files, not of the tables."""
    return replace(entry, parameters={name: value for name, value in entry.parameters.items() if name != HEADER})
