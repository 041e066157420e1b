"""Format notes and failures of `yucca_wm.predict` as lines for a page or a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from yucca_wm.core.errors import some_of
from yucca_wm.core.notes import About, Note

MAX_NAMED = 5
"""At most this many subjects with a note are named; with more, notes that differ only in numbers share a line."""

SMALL = (
    "Small lesions are often missed, or false. Of lesions that were inserted into scans of five people, "
    "17 of 30 under 0.1 ml were found, and 28 of 30 larger ones (documentation: What to expect on your scans). "
    "Where a rater drew 1.3 ml of small lesions, 1.3 ml were found, two thirds of it elsewhere."
)
"""Sentence for lesions found by the package's models."""

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Notes:
    """Subject -> notes, without subjects without notes. doubts : to be checked. done : what was done to the scans."""

    doubts: dict[str, list[Note]]
    done: dict[str, list[Note]]

    @classmethod
    def of(cls, by_person: Mapping[str, Sequence[Note]]) -> Notes:
        """The notes of `yucca_wm.predict`, classified."""
        apart: tuple[dict[str, list[Note]], dict[str, list[Note]]] = {}, {}
        for name, own in by_person.items():
            for note in own:
                apart[note.about is About.DONE].setdefault(name, []).append(note)
        return cls(*apart)


def note_lines(by_person: Mapping[str, Sequence[str]], *, named: bool = True) -> Iterator[str]:
    """A line for each note, with the subject's name; one line for several subjects with the same note.

    by_person : subject -> notes. named : False if there is only one subject, and no name is needed.
    """
    said: dict[str, dict[str, list[str]]] = {}
    for name, own in by_person.items():
        for note in own:
            said.setdefault(NUMBER.sub("#", note), {}).setdefault(note, []).append(name)
    for alike in said.values():
        people = list(dict.fromkeys(name for names in alike.values() for name in names))
        together = {_with_ranges(list(alike)): people} if len(people) > MAX_NAMED else alike
        for note, names in together.items():
            who = names[0] if len(names) == 1 else f"{len(names)} people ({some_of(names, MAX_NAMED)})"
            yield f"{who}: {note}" if named else note


def failure_lines(failures: Mapping[str, str], n_people: int) -> list[str]:
    """Lines with the number of failures of ``n_people`` subjects, names and reasons. failures : subject -> reason."""
    lines = [f"{name}: {reason}" for name, reason in failures.items()]
    head = f"{len(lines)} of {n_people} failed"
    return [f"{head}: {lines[0]}"] if len(lines) == 1 else [head, *lines] if lines else []


def _with_ranges(notes: Sequence[str]) -> str:
    """One text for ``notes`` that differ only in numbers, with ranges such as ``0.2 to 1.9``."""
    spans = []
    for values in zip(*(NUMBER.findall(note) for note in notes), strict=True):
        low, high = min(values, key=float), max(values, key=float)
        spans.append(low if float(low) == float(high) else f"{low} to {high}")
    rest = iter(spans)
    return NUMBER.sub(lambda _: next(rest), notes[0])
