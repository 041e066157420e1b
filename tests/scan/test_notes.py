"""Notes of what was merely done are told apart from doubts, by the words in which they are said."""

from __future__ import annotations

import pytest

from yucca_wm.scan.notes import EXCHANGED, MOVED, NORMALISED, NOT_ALIGNED, OFFSET, PLACED, is_done

SAID = MOVED.format(reference="FLAIR", moved_mm=0.2, turn_deg=1)


def test_the_words_are_those_of_results_that_lie_there() -> None:
    assert SAID == "registered to the FLAIR (moved by 0.2 mm and 1.0 degrees)"
    assert PLACED.format(reference="T1") == "put on the grid of the T1, as headers say"


@pytest.mark.parametrize(
    "note",
    [
        SAID,
        f"T1: {SAID}",
        f"T1: {NOT_ALIGNED.format(reference='FLAIR')}{SAID}",
        f"FLAIR: {MOVED.format(reference='T1', moved_mm=12.34, turn_deg=30)}",
        f"T1: {PLACED.format(reference='FLAIR')}",
        f"T1: {OFFSET.format(air=-1024.0)}",
        f"FLAIR: {OFFSET.format(air=-1.2e-7)}",
        f"T1: {NORMALISED.format(fill=0.0)}",
    ],
)
def test_what_was_done(note: str) -> None:
    assert is_done(note)


@pytest.mark.parametrize(
    "note",
    [
        "",
        EXCHANGED,
        f"T1: {SAID}; its header or that of the FLAIR is wrong: check left and right",
        "T1: fits the FLAIR weakly (agreement of edges 1.25 times chance); look at the picture of both",
        "T1: sform and qform differ by 0.3 mm; the sform is used",
        "2 of 34 regions were not found: SFG_left, SFG_right",
        "a sentence that a later version may say",
    ],
)
def test_what_is_in_doubt_and_what_nobody_knows(note: str) -> None:
    assert not is_done(note)
