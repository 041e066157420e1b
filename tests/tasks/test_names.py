"""Names that Yucca's own search for images would mix up are found, and no others."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from yucca_wm.tasks.raw_folder import image_file, name_problems


def cases(*subjects: str) -> dict[str, list[str]]:
    return {subject: [f"{subject}_T1", f"{subject}_FLAIR"] for subject in subjects}


def yucca_takes(case: str, file: str) -> bool:
    """How YuccaPreprocessor decides that ``file`` shows ``case``."""
    return re.search(re.escape(case) + "_" + r"\d{3}" + ".", file) is not None


def test_end_of_another_name() -> None:
    problems = name_problems(cases("A", "BA", "BAC"))
    assert list(problems) == ["A"]
    assert "images of BA_FLAIR, BA_T1" in problems["A"]


def test_usual_names_are_fine() -> None:
    assert not name_problems(cases("WMH_0", "WMH_10", "WMH_100", "sub-1", "sub-11", "sub-1_ses-2"))


def test_a_name_in_a_table_is_to_be_changed_there() -> None:
    said = name_problems(cases("dora.v1"))["dora.v1"]
    assert said.startswith("its name holds more than letters, digits, '_' and '-'")
    assert "give it another name in the table of paths" in said


def test_upper_and_lower_case() -> None:
    assert list(name_problems(cases("sub-A", "sub-a", "sub-b"))) == ["sub-A", "sub-a"]


@settings(max_examples=300, deadline=None)
@given(st.sets(st.text("A1_0T", min_size=1, max_size=8), min_size=2, max_size=12))
def test_agrees_with_yucca(names: set[str]) -> None:
    subjects = cases(*sorted(name for name in names if name[0] not in "_"))
    mixed = {
        subject
        for subject, own in subjects.items()
        for case in own
        for others in subjects.values()
        for other in others
        if other != case and yucca_takes(case, image_file(other))
    }
    assert set(name_problems(subjects)) == mixed
