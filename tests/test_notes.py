"""A note keeps what it is about through records, processes and copies; flags follow from that, not from its words."""

from __future__ import annotations

import json
import pickle

import pytest

from yucca_wm.core.notes import About, Note, read_back, recorded
from yucca_wm.localize.measures.flags import TITLES
from yucca_wm.scan import notes as wordings
from yucca_wm.scan.notes import BLANK, EXCHANGED, MOVED, ONE_ENDS, PLACED, WRONG_HEADER

SAID = MOVED.note(reference="FLAIR", moved_mm=0.2, turn_deg=1)


def test_words() -> None:
    assert SAID == "registered to the FLAIR (moved by 0.2 mm and 1.0 degrees)"
    placed = PLACED.note(reference="T1").on("FLAIR")
    assert placed == "FLAIR: resampled to the grid of the T1, with which it was aligned already"
    assert SAID.about is SAID.on("T1").about is About.DONE
    wrong = WRONG_HEADER.note(moved=SAID, reference="FLAIR")
    assert wrong == f"{SAID}; its header or that of the FLAIR is wrong: check left and right"
    assert wrong.about is About.DOUBTFUL_SCANS


def test_a_record_keeps_what_notes_are_about() -> None:
    notes = [SAID, EXCHANGED.note(), Note("sform and qform differ").on("T1"), BLANK.note(n=1, total=9)]
    record = json.loads(json.dumps(recorded(notes)))
    assert record["notes"] == [str(note) for note in notes]
    assert record["notes_about"] == ["done", "doubtful_scans", "doubt", "blank_slices"]
    back = read_back(record)
    assert [(str(note), note.about) for note in back] == [(str(note), note.about) for note in notes]


def test_notes_of_a_kind_that_is_not_known_are_doubts() -> None:
    record = {"notes": ["a", "b", "c"], "notes_about": ["done", "something new"]}
    assert [note.about for note in read_back(record)] == [About.DONE, About.DOUBT, About.DOUBT]
    assert read_back({}) == []


def test_a_note_comes_back_whole_from_another_process() -> None:
    note = pickle.loads(pickle.dumps(ONE_ENDS.note(where="top", others="FLAIR", found_ml=0.378).on("T1")))
    ends = "T1: ends within the brain at the top; beyond its end, lesions were searched for on the FLAIR alone: "
    ends += "0.38 ml found"
    assert note == ends
    assert note.about is About.PARTLY_ONE_SCAN


@pytest.mark.parametrize("about", [about for about in About if about not in (About.DONE, About.DOUBT)])
def test_every_kind_is_a_flag_and_some_note_raises_it(about: About) -> None:
    assert about in TITLES
    assert about in {made.about for made in vars(wordings).values() if isinstance(made, wordings.Wording)}
