"""Wording of the notes on a subject's scans."""

from __future__ import annotations

from yucca_wm.core.notes import About, Wording

PLACED = Wording("resampled to the grid of the {reference}, with which it was aligned already", About.DONE)
MOVED = Wording("registered to the {reference} (moved by {moved_mm:.1f} mm and {turn_deg:.1f} degrees)", About.DONE)
NOT_ALIGNED = Wording("was not aligned with the {reference} although both share a grid; " + MOVED.words, About.DONE)
"""`MOVED` for scans that had been resampled but not registered."""

OFFSET = Wording("its values were shifted so that air is 0 (it was {air:.4g})", About.DONE)
NORMALISED = Wording(
    "its values had been normalised, with {fill:.4g} outside the brain: brain values were shifted above it", About.DONE
)

WRONG_HEADER = Wording(
    "{moved}; its header or that of the {reference} is wrong: check left and right", About.DOUBTFUL_SCANS
)
"""``moved`` : `MOVED` or `NOT_ALIGNED`."""

WEAK = Wording(
    "fits the {reference} weakly (agreement of edges {peak:.2f} times chance; below {least:g} it is refused); look at "
    "the picture of both",
    About.WEAK_FIT,
)
EXCHANGED = Wording(
    "the FLAIR looks more like a T1 than the T1 does: check that the two are not exchanged", About.DOUBTFUL_SCANS
)
"""Note on scans that are `yucca_wm.scan.contrast.exchanged`."""

ONE_PAIR = Wording(
    "T1 and FLAIR look like one contrast, or exchanged ({seen}): check that both are the right files",
    About.DOUBTFUL_SCANS,
)
A_T2 = Wording(
    "the {name} looks like a T2 (fluid is {wet:.1f} times as bright as white matter), on which lesions cannot be told "
    "from fluid: check that it is the right file",
    About.DOUBTFUL_SCANS,
)
ANOTHER = Wording(
    "the {name} looks like a {other} (the network is more certain of it as one): check the file; if it is a {other}, "
    "give it as the {other}",
    About.DOUBTFUL_SCANS,
)
TWO_PEOPLE = Wording(
    "the T1 is called {t1}, the FLAIR {flair}: check that they are of one person", About.DOUBTFUL_SCANS
)
TWO_VISITS = Wording("the T1 is called {t1}, the FLAIR {flair}: check that they are of one visit", About.DOUBTFUL_SCANS)
CALLED_OTHERWISE = Wording(
    "the file given as the {name} is called {file}: check that T1 and FLAIR are not exchanged", About.DOUBTFUL_SCANS
)
AFTER_AGENT = Wording(
    "the {name} was acquired after contrast agent, judging by its name ({file}): the models were not trained on such "
    "scans",
    About.DOUBTFUL_SCANS,
)
NO_MAGNITUDE = Wording(
    "the {name} is a phase, real or imaginary image, judging by its name ({file}): give the magnitude image",
    About.DOUBTFUL_SCANS,
)
ONLY_T1 = Wording("few lesions show on a T1: give the FLAIR too, if there is one", About.WITHOUT_FLAIR)
NOT_SHOWN = Wording(
    "{what} were found on the {seen} alone: the given model was not trained on any {unseen}", About.DONE
)
"""Note on a model of one's own."""

APART = Wording("lesions differ much between the scans: {volumes}; look at both: a poor scan spoils the result")

BLANK = Wording(
    "slices within the head without any signal: {n} of {total}; lesions there are not visible on this scan",
    About.BLANK_SLICES,
)
CUT_OFF = Wording("the brain is cut off at the {where}: {consequence}", About.CUT_OFF)
ONE_ENDS = Wording(
    "ends within the brain at the {where}; beyond its end, lesions were searched for on the {others} alone: "
    "{found_ml:.2f} ml found",
    About.PARTLY_ONE_SCAN,
)
ODD_ANATOMY = Wording(
    "on average, regions lie {mm:.1f} mm from where they lie in other heads (scaled to this one): by its header the "
    "head may be upside down or back to front",
    About.ODD_ANATOMY,
)
ABSENT = Wording("{n} of {total} regions were not found: {names}", About.ABSENT_REGIONS)
UNEVEN = Wording("white matter of {left:.0f} ml on the left and {right:.0f} ml on the right")
EDITED = Wording("the {what} map was edited after it had been made")
ATLAS = Wording("atlas: {doubt}", About.POOR_REGISTRATION)
