"""Folds: no person on both sides, every case validated once, the same today and tomorrow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yucca_wm.core.errors import YuccaWMError
from yucca_wm.tasks.split import Fold, folds, kfold, person_of_case, simple_split


def cases_of(people: int, modalities: tuple[str, ...] = ("T1", "FLAIR")) -> list[str]:
    return [f"WMH_{number}_{modality}" for number in range(people) for modality in modalities]


def people(cases: list[str]) -> set[str]:
    return {person_of_case(case) for case in cases}


def check_partition(made: list[Fold], cases: list[str]) -> None:
    for fold in made:
        assert not people(fold["train"]) & people(fold["val"])
        assert sorted(fold["train"] + fold["val"]) == sorted(cases)


@given(number=st.integers(2, 40), k=st.integers(2, 10), seed=st.integers(0, 1000))
def test_every_case_validates_once_and_no_person_is_on_both_sides(number: int, k: int, seed: int) -> None:
    cases = cases_of(number)
    if number < k:
        with pytest.raises(YuccaWMError, match=f"{k} folds need at least {k} subjects, there are {number}"):
            kfold(cases, k, seed=seed)
        return
    made = kfold(cases, k, seed=seed)
    check_partition(made, cases)
    assert sorted(case for fold in made for case in fold["val"]) == sorted(cases)
    sizes = [len(people(fold["val"])) for fold in made]
    assert max(sizes) - min(sizes) <= 1


def test_a_subject_with_one_modality_and_sessions_of_one_person_stay_together() -> None:
    cases = ["a_ses-1_T1", "a_ses-1_FLAIR", "a_ses-2_FLAIR", "b_T1", "c_FLAIR", "c_T1"]
    made = kfold(cases, 3)
    check_partition(made, cases)
    assert sorted(len(fold["val"]) for fold in made) == [1, 2, 3]


def test_order_of_cases_does_not_matter_and_seeds_do() -> None:
    cases = cases_of(20)
    assert kfold(cases[::-1], 5) == kfold(cases, 5)
    assert kfold(cases, 5, seed=1) != kfold(cases, 5)


def test_lesion_and_region_tasks_get_the_same_people() -> None:
    lesions, regions = cases_of(20), cases_of(20, ("FLAIR",))
    by_person = [[people(fold["val"]) for fold in kfold(cases, 5)] for cases in (lesions, regions)]
    assert by_person[0] == by_person[1]


def test_pinned_so_that_no_release_moves_anyone() -> None:
    assert [fold["val"] for fold in kfold(cases_of(5, ("T1",)), 2)] == [
        ["WMH_0_T1", "WMH_1_T1", "WMH_2_T1"],
        ["WMH_3_T1", "WMH_4_T1"],
    ]


@pytest.mark.parametrize(("fraction", "validating"), [(0.2, 4), (0.01, 1), (0.26, 6)])
def test_simple_split(fraction: float, validating: int) -> None:
    cases = cases_of(20)
    made = simple_split(cases, fraction)
    check_partition(made, cases)
    assert [len(people(fold["val"])) for fold in made] == [validating]


def test_parameters_as_yucca_passes_them() -> None:
    cases = cases_of(10)
    assert folds(cases, "kfold", "5") == folds(cases, "kfold", 5) == kfold(cases, 5)
    assert folds(cases, "simple_train_val_split", "0.3") == simple_split(cases, 0.3)


@pytest.mark.parametrize(
    ("method", "param", "complaint"),
    [
        ("kfold", 1, "1 folds were asked for; choose 2 to 10"),
        ("kfold", 11, "choose 2 to 10"),
        ("kfold", 2.5, "cannot split by 'kfold' with 2.5"),
        ("kfold", "five", "'five' is not a number"),
        ("bootstrap", 5, "cannot split by 'bootstrap'"),
        ("simple_train_val_split", 0, "choose a number between 0 and 1"),
        ("simple_train_val_split", 1.0, "choose a number between 0 and 1"),
        ("simple_train_val_split", 0.99, "leaves none of 12 subjects"),
    ],
)
def test_wrong_parameters_are_said(method: str, param: float | str, complaint: str) -> None:
    with pytest.raises(YuccaWMError, match=complaint):
        folds(cases_of(12), method, param)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("A_T1", "A"),
        ("A_FLAIR", "A"),
        ("A_T1_T1", "A_T1"),
        ("sub-1_ses-2_T1", "sub-1"),
        ("sub-1_run-2_FLAIR", "sub-1"),
        ("A", "A"),
        ("T1", "T1"),
    ],
)
def test_person_of_case(case: str, expected: str) -> None:
    assert person_of_case(case) == expected
