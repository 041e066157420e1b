"""What became of each kind of file in a cohort that has one subject of it, against what should have."""

from __future__ import annotations

from collections.abc import Callable

from .corpus import KINDS, Kind, Verdict

GOOD = ("good_1", "good_2")
"""The subjects whose files are whole."""


def subject_of(kind: Kind) -> str:
    return f"bad_{KINDS.index(kind):02d}"


def reported(err: str) -> set[str]:
    """Subjects that a command named as failed."""
    assert "Traceback" not in err
    return {line.split(": ")[1] for line in err.splitlines() if line.startswith("error: ")}


def judge(bad: set[str], done: Callable[[str], bool]) -> None:
    """Every refused kind is reported, no odd but right one is, and only who was not reported has a result."""
    for kind in KINDS:
        name = subject_of(kind)
        assert name in bad or kind.verdict is not Verdict.REFUSED, kind.name
        assert name not in bad or kind.verdict is not Verdict.FINE, kind.name
        assert done(name) == (name not in bad), kind.name
    print(f"{len(KINDS)} kinds of files")
