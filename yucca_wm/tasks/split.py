"""Which subjects test the model: fixed by each person's name alone, so that a new subject moves no other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from yucca_wm.cohort.subject import Split, Subject
from yucca_wm.core.errors import YuccaWMError

TEST_FRACTION = 0.2
"""Expected share of people kept for testing where the cohort itself does not say."""

SEED = 0


def resolve_splits(
    subjects: Iterable[Subject], *, test_fraction: float = TEST_FRACTION, seed: int = SEED
) -> dict[str, Split]:
    """Subject name -> split: the cohort's own where it gives one, else drawn for the person.

    Every session of one person is drawn together; if the cohort places one session of a person, the others follow it.
    Raises YuccaWMError when the cohort itself places one person on both sides.
    """
    subjects = list(subjects)
    placed: dict[str, Split] = {}
    for subject in subjects:
        if subject.split is not None and placed.setdefault(subject.person, subject.split) is not subject.split:
            raise YuccaWMError(
                f"sessions of '{subject.person}' stand in both train and test; keep a person on one side"
            )
    return {
        subject.name: placed.get(subject.person) or _drawn(subject.person, test_fraction, seed) for subject in subjects
    }


def _drawn(person: str, test_fraction: float, seed: int) -> Split:
    return Split.TEST if draw(person, seed) < test_fraction else Split.TRAIN


def draw(person: str, seed: int) -> float:
    """A number in [0, 1) that depends on ``person`` and ``seed`` only, the same on every machine and day."""
    digest = hashlib.sha256(f"{seed}:{person}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
