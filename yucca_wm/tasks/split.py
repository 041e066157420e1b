"""Division into training, test and validation cases: every person is on one side only.

Whether a person is kept for testing depends on the name alone, so that adding a subject moves no other.

Yucca draws its folds over case names, so that the T1 case of a subject can be trained on while its FLAIR case (the
same lesions) validates. Here all cases of a person (both modalities, all sessions) stay together, and the folds depend
only on the persons and the seed: the lesion task and the region task of one cohort get the same ones.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

from yucca_wm.cohort.subject import Split, Subject
from yucca_wm.cohort.visits import person
from yucca_wm.core.errors import YuccaWMError
from yucca_wm.core.modality import Modality

TEST_FRACTION = 0.2
"""Expected share of persons kept for testing if the cohort itself defines no split."""

SEED = 0


def resolve_splits(
    subjects: Iterable[Subject], *, test_fraction: float = TEST_FRACTION, seed: int = SEED
) -> dict[str, Split]:
    """Subject name -> split: the cohort's own if it defines one, else drawn per person.

    All sessions of a person are drawn together; if the cohort places one session of a person, the others follow it.
    Raises YuccaWMError if the cohort itself places one person on both sides, or states a split that cannot be read.
    """
    subjects = list(subjects)
    if unknown := next((subject.split_problem for subject in subjects if subject.split_problem), None):
        raise unknown
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
    """Number in [0, 1) that depends only on ``person`` and ``seed``, the same on every machine."""
    digest = hashlib.sha256(f"{seed}:{person}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


KFOLD, SIMPLE = "kfold", "simple_train_val_split"
"""Yucca's names for the two ways to split (``--split_data_method``)."""

MIN_FOLDS, MAX_FOLDS = 2, 10

MODALITY_SUFFIXES = tuple(f"_{modality}" for modality in Modality)
"""Suffix of a training case's name after the subject's name."""

Fold = dict[str, list[str]]
"""``{"train": [case, ...], "val": [case, ...]}``, each in order of name: one entry of Yucca's ``splits.pkl``."""


def person_of_case(case: str) -> str:
    """``sub-01_ses-2_FLAIR`` -> ``sub-01``; a case without a modality is its subject's own name."""
    for suffix in MODALITY_SUFFIXES:
        if case.endswith(suffix):
            return person(case.removesuffix(suffix))
    return person(case)


def kfold(cases: Iterable[str], k: int, *, seed: int = SEED) -> list[Fold]:
    """``k`` folds whose validation sides are disjoint, cover all cases, and differ by at most one person in size.

    Raises YuccaWMError if ``k`` is not in 2..10 or there are fewer persons than folds.
    """
    if not MIN_FOLDS <= k <= MAX_FOLDS:
        raise YuccaWMError(f"{k} folds were asked for; choose {MIN_FOLDS} to {MAX_FOLDS}")
    by_person, people = _people(cases, seed)
    if len(people) < k:
        fewer = f" (--split_data_method {KFOLD} --split_data_param {len(people)})" * (len(people) >= MIN_FOLDS)
        raise YuccaWMError(f"{k} folds need at least {k} subjects, there are {len(people)}; choose fewer folds{fewer}")
    return [_fold(by_person, set(people[number::k])) for number in range(k)]


def simple_split(cases: Iterable[str], fraction: float, *, seed: int = SEED) -> list[Fold]:
    """One fold that validates on ``fraction`` of the persons, rounded up.

    Raises YuccaWMError if ``fraction`` is not between 0 and 1 or leaves no one to train on.
    """
    if not 0 < fraction < 1:
        raise YuccaWMError(f"the validation share is {fraction}; choose a number between 0 and 1")
    by_person, people = _people(cases, seed)
    number = math.ceil(len(people) * fraction)
    if number >= len(people):
        raise YuccaWMError(f"a validation share of {fraction} leaves none of {len(people)} subjects for training")
    return [_fold(by_person, set(people[:number]))]


def folds(cases: Iterable[str], method: str, param: float | str, *, seed: int = SEED) -> list[Fold]:
    """Content of ``splits.pkl`` under ``[method][param]``; ``param`` may be text, as Yucca passes it on.

    Raises YuccaWMError as `kfold` and `simple_split` do, for an unknown method, and for a ``param`` that is not a
    number.
    """
    try:
        value = float(param)
    except ValueError as error:
        raise YuccaWMError(f"the split parameter '{param}' is not a number") from error
    if method == KFOLD and value.is_integer():
        return kfold(cases, int(value), seed=seed)
    if method == SIMPLE:
        return simple_split(cases, value, seed=seed)
    raise YuccaWMError(f"cannot split by '{method}' with {param}; choose {KFOLD} with a whole number or {SIMPLE}")


def _people(cases: Iterable[str], seed: int) -> tuple[dict[str, list[str]], list[str]]:
    """Cases of each person, and the persons in an order that depends only on their names and the seed."""
    by_person: dict[str, list[str]] = {}
    for case in sorted({str(case) for case in cases}):
        by_person.setdefault(person_of_case(case), []).append(case)
    return by_person, sorted(by_person, key=lambda name: (draw(name, seed), name))


def _fold(by_person: dict[str, list[str]], validating: set[str]) -> Fold:
    train = [case for name, cases in by_person.items() if name not in validating for case in cases]
    val = [case for name, cases in by_person.items() if name in validating for case in cases]
    return {"train": sorted(train), "val": sorted(val)}
