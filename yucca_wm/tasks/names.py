"""Case names that Yucca reads as they are meant.

Yucca cuts a name at its first dot, and finds the images of a training case by an unanchored regular expression: case
``A_T1`` also takes ``BA_T1_000.nii.gz``. Such names are refused rather than changed, because every later file is
named after the subject.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

CHANNEL = re.compile(r"(?=_\d{3}.)")
"""Where Yucca sees the end of a case's name in the name of an image file."""


def image_file(case: str) -> str:
    """Name of a case's only channel."""
    return f"{case}_000.nii.gz"


def name_problems(cases: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Subjects whose cases cannot be told apart or would be misread.

    cases : subject -> the names of its training cases (test cases are found by their whole name).
    Returns subject -> what is wrong and what to do.
    """
    problems: dict[str, str] = {}
    lower = Counter(subject.lower() for subject in cases)
    owner = {case: subject for subject, names in cases.items() for case in names}
    taken = _taken_by(owner)
    for subject, names in cases.items():
        if not SAFE_NAME.fullmatch(subject):
            problems[subject] = (
                "its name holds more than letters, digits, '_' and '-'; rename it, or list it in a table"
            )
        elif lower[subject.lower()] > 1:
            problems[subject] = "another subject's name differs in upper and lower case only; rename one"
        elif others := sorted({other for case in names for other in taken.get(case, ())}):
            problems[subject] = (
                f"Yucca would also take the images of {', '.join(others)} for it, as the name occurs in theirs; "
                "rename it (names of one length or with a common start, such as sub-, are safe)"
            )
    return problems


def _taken_by(owner: Mapping[str, str]) -> dict[str, set[str]]:
    """Case -> other cases whose image file Yucca would read as its own."""
    taken: dict[str, set[str]] = {}
    for case in owner:
        file = image_file(case)
        for end in (match.start() for match in CHANNEL.finditer(file)):
            for start in range(end):
                other = file[start:end]
                if other in owner and other != case:
                    taken.setdefault(other, set()).add(case)
    return taken
