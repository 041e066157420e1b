"""``participants.tsv`` of a BIDS folder: who is trained on, and who is tested on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from yucca_wm.cohort.ids import bare, looks_like, meant
from yucca_wm.cohort.subject import Split
from yucca_wm.cohort.table import rows_of
from yucca_wm.core.errors import InputError, count, some_of
from yucca_wm.core.files import natural_key
from yucca_wm.core.tsv import read_columns
from yucca_wm.imaging.reading import note


def stated_splits(participants: Path, people: Sequence[str]) -> dict[str, Split]:
    """Person -> split; ids without a folder are noted.

    Raises InputError for a line that gives a split to an unknown id, or a second one to the same person.
    """
    if not participants.is_file():
        return {}
    splits: dict[str, Split] = {}
    read = read_columns(participants, ("participant_id",), ("split",), any_case=True)
    rows = list(rows_of(read))
    for number, row in rows:
        if not (value := row.get("split", "").lower()):
            continue
        if value not in tuple(Split):
            raise InputError(participants, f"line {number}: split is '{value}'", f"write {' or '.join(Split)}")
        label = row["participant_id"]
        if (person := meant(label, people)) is None:
            problem = f"line {number}: '{label}' is not a subject here{looks_like(label, people)}"
            raise InputError(participants, problem, "write it as its folder is called, or leave its split empty")
        if person in splits:
            raise InputError(participants, f"line {number}: {person} has a line already", "keep one of them")
        splits[person] = Split(value)
    note_absent(participants, (row["participant_id"] for _, row in rows), people)
    return splits


def note_absent(place: Path, told: Iterable[str], people: Iterable[str]) -> None:
    """Note ids that are listed at ``place`` but have no folder."""
    here = set(map(bare, people))
    if absent := sorted({name for name in told if name and bare(name) not in here}, key=natural_key):
        note(f"{place}: lists {count(len(absent), 'name')} without a folder here: {some_of(absent)}")
