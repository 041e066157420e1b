"""The train/test split: the cohort's own first, else drawn per person and moved by nobody else."""

from __future__ import annotations

import pytest

from yucca_wm.cohort.subject import Split, Subject
from yucca_wm.core.errors import YuccaWMError
from yucca_wm.tasks.split import draw, resolve_splits


def test_official_split_is_kept() -> None:
    subjects = [Subject(f"s{n}", split=Split.TEST if n % 3 == 0 else Split.TRAIN) for n in range(30)]
    assert resolve_splits(subjects) == {subject.name: subject.split for subject in subjects}


def test_adding_subjects_moves_no_other() -> None:
    few = [Subject(f"s{n}") for n in range(50)]
    many = [Subject("new1"), *few, Subject("zzz")]
    before, after = resolve_splits(few), resolve_splits(many)
    assert before == {name: after[name] for name in before}


def test_share_and_seed() -> None:
    subjects = [Subject(f"s{n}") for n in range(2000)]
    tested = sum(split is Split.TEST for split in resolve_splits(subjects).values())
    assert 340 < tested < 460  # binomial(2000, 0.2): 400 +- 3.4 standard deviations
    assert resolve_splits(subjects, seed=1) != resolve_splits(subjects)
    assert set(resolve_splits(subjects, test_fraction=0).values()) == {Split.TRAIN}


def test_sessions_of_a_person_are_never_split() -> None:
    subjects = [Subject(f"sub-{n}_ses-{m}") for n in range(40) for m in (1, 2)]
    subjects.append(Subject("sub-7_ses-3", split=Split.TEST))
    resolved = resolve_splits(subjects)
    for subject in subjects:
        assert resolved[subject.name] == resolved[f"{subject.person}_ses-1"]
    assert resolved["sub-7_ses-1"] is Split.TEST


def test_a_cohort_that_splits_a_person_is_refused() -> None:
    subjects = [Subject("sub-1_ses-1", split=Split.TRAIN), Subject("sub-1_ses-2", split=Split.TEST)]
    with pytest.raises(YuccaWMError, match="sessions of 'sub-1' stand in both train and test"):
        resolve_splits(subjects)


def test_draw_is_pinned() -> None:
    assert round(draw("WMH_0", 0), 9) == 0.554538445
