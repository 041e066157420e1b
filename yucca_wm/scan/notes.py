"""Wording and classification of notes on registered scans.

Results keep notes as plain sentences (``predict.json``), both on what was done and on what is uncertain. The former are
worded here and recognised by that wording when read back; all others are doubts.
"""

from __future__ import annotations

import re

PLACED = "put on the grid of the {reference}, as headers say"
MOVED = "registered to the {reference} (moved by {moved_mm:.1f} mm and {turn_deg:.1f} degrees)"
NOT_ALIGNED = "did not lie on the {reference} although both share a grid; "
"""Precedes `MOVED`: these scans had been resampled but not registered."""

OFFSET = "its values were shifted so that air is 0 (it was {air:.4g})"
NORMALISED = "its values were normalised around {fill:.4g}, which lies outside the brain: shifted above it"

_SAID = (PLACED, MOVED, NOT_ALIGNED + MOVED, OFFSET, NORMALISED)
_DONE = re.compile(
    r"(\w+: )?(" + "|".join(re.sub(r"\\\{.*?\\\}", r"[\\w.+-]+", re.escape(words)) for words in _SAID) + ")"
)


NOTHING_SHOWN = "slices within the head without any signal"
BLANK = NOTHING_SHOWN + ": {n} of {total}; lesions there are not visible on this scan"

IN_OTHER_HEADS = "from where they lie in other heads"
ODD_ANATOMY = (
    "regions lie {mm:.1f} mm on average " + IN_OTHER_HEADS + ", scaled to this one: by its header the head may be "
    "upside down or back to front"
)

LOOKS_LIKE, LOOKS_MORE, ONE_CONTRAST = "looks like a ", "looks more like a ", "look like one contrast"
A_T2 = (
    "the {name} " + LOOKS_LIKE + "T2 (fluid is {wet:.1f} times as bright as white matter), on which lesions "
    "cannot be told from fluid: check that it is the right file"
)
ANOTHER = (
    "the {name} " + LOOKS_LIKE + "{other} (the network is more certain of it as one): check that it is the right file"
)
EXCHANGED = "the FLAIR " + LOOKS_MORE + "T1 than the T1 does: check that the two are not exchanged"
"""Note on scans that are `yucca_wm.scan.contrast.exchanged`."""

ONE_PAIR = "T1 and FLAIR " + ONE_CONTRAST + ", or exchanged ({seen}): check that both are the right files"

HARDLY, WRONG_SIDES, ONE_PERSON = "weakly (agreement of edges", "is wrong: check left and right", "are of one person"
WEAK = (
    "fits the {name} "
    + HARDLY
    + " {peak:.2f} times chance; below {least:g} it is refused); look at the picture of both"
)
WRONG_HEADER = "; its header or that of the {name} " + WRONG_SIDES
"""Follows `MOVED`."""

TWO_PEOPLE = "the T1 is called {t1}, the FLAIR {flair}: check that they " + ONE_PERSON

_UNSURE = (LOOKS_LIKE, LOOKS_MORE, ONE_CONTRAST, WRONG_SIDES, ONE_PERSON)
"""Text in notes on a scan that may not be what it was given as."""


def is_unsure(note: str) -> bool:
    """Whether ``note`` doubts that the right scans were given."""
    return any(words in note for words in _UNSURE)


def is_done(note: str) -> bool:
    """Whether ``note`` (on one scan, perhaps preceded by its name) only says what was done."""
    return _DONE.fullmatch(note) is not None
