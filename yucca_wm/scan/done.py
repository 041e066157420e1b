"""What is said of scans that were brought to one grid: what was done, and whether they are the right ones.

Results keep their notes as plain sentences (``predict.json``), of what was done and of what is not sure alike. Those of
the first kind are worded here, and known by the same wording when they are read back; all others are doubts.
"""

from __future__ import annotations

import re

PLACED = "put on the grid of the {reference}, as headers say"
MOVED = "registered to the {reference} (moved by {moved_mm:.1f} mm and {turn_deg:.1f} degrees)"
APART = "did not lie on the {reference} although both share a grid; "
"""Before `MOVED`: somebody has resampled these scans and not registered them."""

OFFSET = "its values were shifted so that air is 0 (it was {air:.4g})"
NORMALISED = "its values were normalised around {fill:.4g}, which lies outside the brain: shifted above it"

_SAID = (PLACED, MOVED, APART + MOVED, OFFSET, NORMALISED)
_DONE = re.compile(
    r"(\w+: )?(" + "|".join(re.sub(r"\\\{.*?\\\}", r"[\\w.+-]+", re.escape(words)) for words in _SAID) + ")"
)


NOTHING_SHOWN = "slices between others show nothing"
BLANK = "{n} of {total} " + NOTHING_SHOWN + ": what lies there is not seen on this scan"

IN_OTHER_HEADS = "from where they lie in other heads"
ODD_ANATOMY = (
    "regions lie {mm:.1f} mm on average " + IN_OTHER_HEADS + ", scaled to this one: by its header the head may be "
    "upside down or back to front"
)

TWO_PEOPLE = "the T1 is called {t1}, the FLAIR {flair}: check that they are of one person"

_UNSURE = (
    "looks like a ", "looks more like a ", "look like one contrast", "weakly (agreement of edges", "are of one person",
    "is wrong: check left and right",
)  # fmt: skip
"""What notes say of a scan that may be another than it was given as, and of a pair that hardly fits."""


def is_unsure(note: str) -> bool:
    """Whether ``note`` doubts that the right scans were given."""
    return any(words in note for words in _UNSURE)


def is_done(note: str) -> bool:
    """Whether ``note`` (of one scan, which may be named first) says what was done, and nothing else."""
    return _DONE.fullmatch(note) is not None
