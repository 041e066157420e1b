"""Visits: whose a subject is, which of a person's visits counts where one is wanted, and which came before which."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise

from yucca_wm.cohort.ids import bare, sharers
from yucca_wm.core.files import natural_key

_AT_VISIT = re.compile(
    r"[_-]((ses|session|visit|timepoint|wave)[-_ ]?\d+[a-z]?|tp[-_ ]?\d\d?|baseline|follow[-_ ]?up[-_ ]?\d*)$"
    r"|(?<=\d)[_-](v[1-9]|bl|fu\d?|y[1-9]|year\d\d?|mo\d\d?|month\d\d?|wk\d\d?|week\d\d?)$",
    re.IGNORECASE,
)
"""The end of a name that says at which visit the person was scanned. The short ones count only after a number, and with
few digits: in ``MS_V12`` and ``site1_V01`` the last number may be all that tells one person from another."""


_FIRST = {"pre", "preop", "screening", "scr", "baseline", "bl", "before", "initial"}
_LAST = {"post", "postop", "follow", "followup", "fu", "after", "final"}
"""Words of visits that come before, and after, all others, whatever the alphabet says."""


def person(name: str) -> str:
    """The name without session, run or visit: ``sub-01_ses-02`` -> ``sub-01``, ``anna_visit1`` -> ``anna``. Any other
    name is one person."""
    whole = re.split("_(?:ses|run)-", name, maxsplit=1, flags=re.IGNORECASE)[0]
    alone = _AT_VISIT.sub("", whole)
    return (whole if alone == "sub" else alone) or name


def bare_person(name: str) -> str:
    """`person` without ``sub-``."""
    return person(bare(name))


def is_session(name: str) -> bool:
    """Whether ``name`` is that of a session or run of a person."""
    return bare_person(name) != bare(name)


ANOTHER_SESSION = "another session of the same person was taken"
"""Why a session does not count."""


def visit_key(name: str) -> tuple[int, tuple[list[str | int], str]]:
    """Sort key for the visits of a person: ``baseline`` before ``month6``, ``month6`` before ``month12``, ``pre``
    before ``post``; a name without a visit first."""
    said = set(re.findall("[a-z]+", bare(name)[len(bare_person(name)) :].casefold()))
    return (0 if said & _FIRST or not is_session(name) else 2 if said & _LAST else 1), natural_key(bare(name))


def successive_visits(names: Collection[str], avoid: Collection[str] = ()) -> dict[str, str]:
    """Visit -> the visit of the same person before it, in the order of `visit_key`.

    avoid : names that are passed over unless all of the person's are among them (lesions found on another contrast).
    """
    before: dict[str, str] = {}
    for visits in sharers((bare_person(name), name) for name in sorted(names, key=visit_key)).values():
        alike = [name for name in visits if name not in avoid] or visits
        before |= {later: earlier for earlier, later in pairwise(alike) if bare(earlier) != bare(later)}
    return before


def further_sessions(names: Collection[str], avoid: Collection[str] = ()) -> dict[str, str]:
    """Those of ``names`` that are further sessions (or runs) of a person -> reason. For each person, the name without a
    session is kept, or else the first. avoid : names that are kept only if all of the person's are among them."""
    seen: set[str] = set()
    further = {}
    for name in sorted(names, key=lambda name: (name in avoid, is_session(name), visit_key(name))):
        if is_session(name) and bare_person(name) in seen:
            further[name] = ANOTHER_SESSION
        seen.add(bare_person(name))
    return further
