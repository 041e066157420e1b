"""Notes on a subject's scans and maps: a sentence, and what it is about, which decides where it is shown.

`yucca_wm.predict` keeps both in ``predict.json``; `yucca_wm.localize` and the pages read them there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class About(StrEnum):
    """What a note is about: something done, a doubt without a flag, or the flag of localize that it raises."""

    DONE = "done"
    DOUBT = "doubt"
    ABSENT_REGIONS = "absent_regions"
    BLANK_SLICES = "blank_slices"
    CUT_OFF = "cut_off"
    DOUBTFUL_SCANS = "doubtful_scans"
    ODD_ANATOMY = "odd_anatomy"
    PARTLY_ONE_SCAN = "partly_one_scan"
    POOR_REGISTRATION = "poor_registration"
    WEAK_FIT = "weak_fit"
    WITHOUT_FLAIR = "without_flair"


class Note(str):
    """A sentence; ``about``: what it is about."""

    about: About

    def __new__(cls, sentence: str, about: About = About.DOUBT) -> Note:
        note = super().__new__(cls, sentence)
        note.about = about
        return note

    def __getnewargs__(self) -> tuple[str, About]:  # type: ignore[override]
        return str(self), self.about

    def on(self, scan: str) -> Note:
        """The note with the name of the scan that it is on."""
        return Note(f"{scan}: {self}", self.about)


@dataclass(frozen=True)
class Wording:
    """Words of a note, with names of values in braces, and what it is about."""

    words: str
    about: About = About.DOUBT

    def note(self, **values: object) -> Note:
        return Note(self.words.format(**values), self.about)


NOTES, NOTES_ABOUT = "notes", "notes_about"


def recorded(notes: Iterable[Note]) -> dict[str, list[str]]:
    """Notes as a part of a JSON record: sentences, and what each is about."""
    notes = list(notes)
    return {NOTES: [str(note) for note in notes], NOTES_ABOUT: [str(note.about) for note in notes]}


def read_back(record: Mapping[str, Any]) -> list[Note]:
    """The notes of such a record; those of a kind that this version does not know are doubts."""
    sentences, kinds = list(record.get(NOTES, [])), list(record.get(NOTES_ABOUT, []))
    notes = []
    for number, sentence in enumerate(sentences):
        about = About.DOUBT
        with suppress(IndexError, ValueError):
            about = About(kinds[number])
        notes.append(Note(str(sentence), about))
    return notes
