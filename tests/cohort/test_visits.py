"""Whose a visit is, which counts, and which came first."""

from __future__ import annotations

from itertools import permutations

import pytest

from yucca_wm.cohort.visits import further_sessions, in_order_of_time, is_session, person, successive_visits, visit_key


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("sub-01_ses-02", "sub-01"), ("sub-01_run-1", "sub-01"), ("P3_SES-2", "P3"), ("P3_ses2", "P3"),
        ("anna_visit1", "anna"), ("anna-visit-2", "anna"), ("anna_baseline", "anna"), ("anna_follow-up2", "anna"),
        ("anna_tp1", "anna"), ("001_v1", "001"), ("p01-V2", "p01"), ("site1_V01", "site1_V01"),
        ("ctrl_tp001", "ctrl_tp001"), ("HC_FU", "HC_FU"), ("fam12_v13", "fam12_v13"), ("MS_V12", "MS_V12"),
        ("7_bl", "7"), ("7_fu2", "7"), ("s1_m12", "s1_m12"), ("x9_month06", "x9"),
        ("v1", "v1"), ("anna_v1", "anna_v1"), ("anna", "anna"), ("visit1", "visit1"),
        ("baseline", "baseline"), ("MS_001", "MS_001"),
        ("sub-baseline", "sub-baseline"), ("p01_session1_T1", "p01_session1_T1"), ("trevisit1", "trevisit1"),
    ],
)  # fmt: skip
def test_visits_are_of_one_person(name: str, whose: str) -> None:
    """In splits, folds and groups: two visits are never two people."""
    assert person(name) == whose
    assert is_session(name) == (whose != name)


def test_of_visits_one_counts() -> None:
    assert list(further_sessions(["anna_visit2", "anna_visit1", "bert_baseline"])) == ["anna_visit2"]


def test_a_visit_to_avoid_counts_only_without_another() -> None:
    names, avoid = ["anna_visit1", "anna_visit2", "bert_baseline"], ["anna_visit1", "bert_baseline"]
    assert list(further_sessions(names, avoid)) == ["anna_visit1"]
    assert list(further_sessions(["a_ses-1", "a_ses-2"], ["a_ses-1", "a_ses-2"])) == ["a_ses-2"]


@pytest.mark.parametrize(
    "in_order",
    [
        ["sub-01_ses-1", "sub-01_ses-2", "sub-01_ses-10"],
        ["sub-01", "sub-01_ses-1"],
        ["sub-01_ses-baseline", "sub-01_ses-6months", "sub-01_ses-12months", "sub-01_ses-followup"],
        ["sub-01_ses-pre", "sub-01_ses-post"],
        ["sub-01_ses-screening", "sub-01_ses-M00", "sub-01_ses-M12"],
        ["sub-01_ses-20190401", "sub-01_ses-20200101"],
        ["anna_baseline", "anna_followup1", "anna_followup2"],
        ["7_bl", "7_y1", "7_y2"],
        ["01_ses-1", "sub-01_ses-2"],
        *(
            [f"sub-01_ses-{visit}" for visit in visits.split()]
            for visits in (
                "week8 month6 year1", "6M 1Y", "6months 12months 2years", "M6 M18 Y2", "0m 6m 12m", "day1 day30",
                "screening baseline", "scr bl", "screening M00 M12", "baseline 6months 12months followup", "BL FU1 FU2",
                "pretreatment posttreatment", "preTx postTx", "preop postop followup", "pre post fu1", "pre 1 2 post",
                "baseline followup final", "followup1 followup2 followup10", "1pre 1post 2pre 2post", "1 2post 3",
                "start end", "admission 3months discharge", "2019 2021", "V1 V2 V10", "apple pear",
            )
        ),
    ],
)  # fmt: skip
def test_visits_are_in_the_order_of_time_whatever_the_alphabet_says(in_order: list[str]) -> None:
    """The wrong way round, every difference has the wrong sign."""
    for given in permutations(in_order):
        assert sorted(given, key=visit_key) == in_order
        assert successive_visits(given) == dict(zip(in_order[1:], in_order, strict=False))
        assert set(further_sessions(given)) == {name for name in in_order[1:] if is_session(name)}


def test_of_the_runs_of_a_visit_the_first_is_compared() -> None:
    runs = ["a_ses-1_run-2", "a_ses-1_run-1", "a_ses-2_run-1", "a_ses-2_run-2"]
    assert successive_visits(runs) == {"a_ses-2_run-1": "a_ses-1_run-1"}
    assert successive_visits(["b_run-1", "b_run-2"]) == {}


@pytest.mark.parametrize(
    ("name", "known"),
    [("a_ses-1", True), ("a_ses-pre", True), ("a_baseline", True), ("a", True), ("a_ses-apple", False)],
)
def test_names_that_say_when_a_visit_was(name: str, known: bool) -> None:
    assert in_order_of_time(name) == known


def test_people_are_never_compared_with_each_other() -> None:
    assert successive_visits(["sub-01_ses-1", "sub-02_ses-2", "sub-03", "sub-3_ses-1", "anna", "sub-anna"]) == {}


def test_a_visit_with_other_scans_is_passed_over_unless_all_are_such() -> None:
    names = ["a_ses-1", "a_ses-2", "a_ses-3"]
    assert successive_visits(names, ["a_ses-2"]) == {"a_ses-3": "a_ses-1"}
    assert successive_visits(names, ["a_ses-1", "a_ses-2"]) == {}
    assert successive_visits(names, names) == {"a_ses-2": "a_ses-1", "a_ses-3": "a_ses-2"}
