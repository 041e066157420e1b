"""Visits: whose a subject is, which of a person's visits counts where one is wanted, and which came before which."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import NamedTuple

from yucca_wm.cohort.ids import bare, sharers
from yucca_wm.core.files import natural_key

_AT_VISIT = re.compile(
    r"[_-]((ses|session|visit|timepoint|wave)[-_ ]?\d+[a-z]?|tp[-_ ]?\d\d?|baseline|follow[-_ ]?up[-_ ]?\d*)$"
    r"|(?<=\d)[_-](v[1-9]|bl|fu\d?|y[1-9]|year\d\d?|mo\d\d?|month\d\d?|wk\d\d?|week\d\d?)$",
    re.IGNORECASE,
)
"""The end of a name that says at which visit the person was scanned. The short ones count only after a number, and with
few digits: in ``MS_V12`` and ``site1_V01`` the last number may be all that tells one person from another."""


_STAGES = (
    r"screen\w*|scr",
    r"baseline|bl|pre\w*|before|initial|start|enrol\w*|admission|acute",
    r"post\w*|after",
    r"fu|follow\w*",
    r"final|end|last|discharge",
)
"""Words for visits in the order of time: the first two come before visits with a time or a number, the others after."""

_BEFORE = 2

_UNITS = {"d day": 1, "w wk week": 7, "m mo month": 30.4, "y yr year": 365}
_DAYS = {word: days for words, days in _UNITS.items() for word in words.split()}
_TIME = re.compile(r"(?:(\d+)(?P<of>[a-z]+?)s?|(?P<before>[a-z]+?)s?(\d+))(?![a-z0-9])")
"""A number and the word that it belongs to: ``6months``, ``M06``."""


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


class VisitKey(NamedTuple):
    """Sort key of a visit. part : before (-1), among (0) or after (1) those with a time or a number. first, second : of
    time in days, number and stage, what decides first and what next. name : decides between equals."""

    part: int
    first: float
    second: float
    name: tuple[list[str | int], str]


def visit_key(name: str) -> VisitKey:
    """Sort key for the visits of a person, in the order of time as far as their names tell: ``screening``,
    ``baseline``, ``week8``, ``6months``, ``year1``, ``followup``; ``ses-2`` before ``ses-10``; ``pre`` before ``post``;
    a name without a visit first."""
    by_name = natural_key(bare(name))
    if not is_session(name):
        return VisitKey(-1, -1, 0, by_name)
    words = _words(name)
    for found in map(_TIME.fullmatch, words):
        if found and (days := _DAYS.get(found["of"] or found["before"])):
            return VisitKey(0, days * int(found[1] or found[4]), 0, by_name)
    whole = "".join(words)
    stage, numbers = _stage(words), [int(number) for number in re.findall(r"\d+", whole)]
    number = numbers[0] if numbers else 0
    if stage is None or (numbers and whole[0].isdigit()):  # 1pre, 1post, 2pre
        return VisitKey(0, number, -1 if stage is None else stage, by_name)
    return VisitKey(-1 if stage < _BEFORE else 1, stage, number, by_name)


def in_order_of_time(name: str) -> bool:
    """Whether the name says when the visit was: by a number, or a known word."""
    return not is_session(name) or any(map(str.isdigit, "".join(_words(name)))) or _stage(_words(name)) is not None


def _words(name: str) -> list[str]:
    """The words that say which visit it is: of ``sub-01_ses-6months_run-1`` ``6months``."""
    said = bare(name)[len(bare_person(name)) :].casefold()
    said = re.sub(r"[_-](ses|session|visit|timepoint|tp|wave)(?=[-_ \d])", "_", _without_run(said))
    said = re.sub(r"follow[-_ ]?up", "followup", said)
    return [word for word in re.split(r"[\W_]+", said) if word]


def _stage(words: Iterable[str]) -> int | None:
    for word in words:
        letters = word.strip("0123456789")
        for stage, of in enumerate(_STAGES):
            if re.fullmatch(of, letters):
                return stage
    return None


def _without_run(name: str) -> str:
    return re.sub("_run-[^_]*", "", name, flags=re.IGNORECASE)


def successive_visits(names: Collection[str], avoid: Collection[str] = ()) -> dict[str, str]:
    """Visit -> the visit of the same person before it, in the order of `visit_key`. Of several runs of a visit, the
    first is taken.

    avoid : names that are passed over unless all of the person's are among them (lesions found on another contrast).
    """
    before: dict[str, str] = {}
    for visits in sharers((bare_person(name), name) for name in sorted(names, key=visit_key)).values():
        alike = [name for name in visits if name not in avoid] or visits
        first_runs = list({_without_run(bare(name)): name for name in reversed(alike)}.values())[::-1]
        before |= {later: earlier for earlier, later in pairwise(first_runs)}
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
