"""Who is who: exact names before near ones, near misses named and never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from yucca_wm.cohort.visits import ANOTHER_SESSION, further_sessions
from yucca_wm.core.errors import InputError
from yucca_wm.groups.participants import match_participants, read_participants


def participants(folder: Path, *ids: str, missing: tuple[str, ...] = (), ages: tuple[str, ...] = ()):
    rows = [f"{name}\t{age}" for name, age in zip(ids, ages or ("60",) * len(ids), strict=True)]
    (folder / "p.tsv").write_text("\n".join(["participant_id\tage", *rows]) + "\n", encoding="utf-8")
    return read_participants(folder / "p.tsv", ["age"], missing)


def partners(folder: Path, subjects: list[str], *ids: str):
    table, _ = participants(folder, *ids)
    match = match_participants(subjects, table)
    return {subjects[position]: table.ids[row] for position, row in match.rows}, match.unmatched


@pytest.mark.parametrize(
    ("subject", "participant"),
    [
        ("sub-01", "01"),
        ("01", "sub-01"),
        ("sub-01_ses-2", "01"),
        ("sub-01_run-1", "sub-01"),
        ("Rene\u0301", "Ren\u00e9"),
    ],
)
def test_one_person_by_two_names(tmp_path: Path, subject: str, participant: str) -> None:
    assert partners(tmp_path, [subject, "z"], participant, "z")[0] == {subject: participant, "z": "z"}


def test_zeros_tell_people_apart_and_near_misses_are_named(tmp_path: Path) -> None:
    found, unmatched = partners(tmp_path, ["001", "01", "NA"], "01", "sub-1", "NA")
    assert found == {"01": "01", "NA": "NA"}
    assert unmatched == {
        "001": "is not in the participants table (sub-1 looks like it)",
        "sub-1": "has no lesion load (001 looks like it)",
    }


def test_an_exact_name_wins_over_a_near_one_in_any_order(tmp_path: Path) -> None:
    for subjects in (["01", "sub-01"], ["sub-01", "01"]):
        for ids in (("sub-01", "01"), ("01", "sub-01")):
            assert partners(tmp_path, subjects, *ids)[0] == {"01": "01", "sub-01": "sub-01"}
    found, unmatched = partners(tmp_path, ["01", "sub-01"], "sub-01")
    assert found == {"sub-01": "sub-01"}
    assert unmatched == {"01": "participant sub-01 is there already, with sub-01"}


def test_an_exact_persons_name_wins_over_a_near_one_for_sessions_too(tmp_path: Path) -> None:
    for ids in (("sub-01", "01"), ("01", "sub-01")):
        found, unmatched = partners(tmp_path, ["sub-01_ses-1", "sub-01_ses-2"], *ids)
        assert found == {"sub-01_ses-1": "sub-01"}
        assert unmatched == {"01": "has no lesion load"}


def test_nobody_in_both_tables_is_one_error_that_shows_both(tmp_path: Path) -> None:
    table, _ = participants(tmp_path, "1", "2", "3", "4")
    with pytest.raises(InputError, match=r"none of its .*the table has 1, 2, 3, \.\.\., the loads .* 001, 002"):
        match_participants(["001", "002"], table)


def test_missing_values_are_those_that_are_said(tmp_path: Path) -> None:
    ages = ("n/a", "NA", "", "-", "-9", "60")
    table, _ = participants(tmp_path, *"abcdef", ages=ages, missing=("-", "-9"))
    assert table.cells["age"] == [""] * 5 + ["60"]
    match = match_participants(list("abcdef"), table)
    assert match.rows == [(5, 5)]
    assert match.left_out["e"] == "has no value for age"
    assert participants(tmp_path, *"abcdef", ages=ages)[0].cells["age"] == ["", "", "", "-", "-9", "60"]


def test_a_line_without_an_id_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 3 names no participant"):
        participants(tmp_path, "a", "", "b")


def test_a_participant_twice_is_left_out(tmp_path: Path) -> None:
    table, twice = participants(tmp_path, "Ren\u00e9", "b", "Rene\u0301")
    assert table.ids == ["b"]
    assert table.lines == [3]
    assert list(twice) == ["Ren\u00e9"]


def test_no_value_in_many_spellings(tmp_path: Path) -> None:
    """In a column of names each would be a level."""
    ages = ("na", "N/a", "n.a.", "NAN", "Na", "60")
    assert participants(tmp_path, *"abcdef", ages=ages)[0].cells["age"] == [""] * 5 + ["60"]


def test_people_may_be_called_as_in_a_cohorts_table(tmp_path: Path) -> None:
    path = tmp_path / "p.tsv"
    path.write_text("subject\tage\na\t60\n")
    assert read_participants(path, ["age"])[0].ids == ["a"]
    path.write_text("subject\tparticipant_id\tage\na\tb\t60\n")
    assert read_participants(path, ["age"])[0].ids == ["b"]


@pytest.mark.parametrize(
    ("subjects", "ids", "taken", "further"),
    [
        (["1_ses-a", "1_ses-b"], ["1"], ["1_ses-a"], ["1_ses-b"]),  # the first
        (["1_ses-a", "1_ses-b"], ["1_ses-b"], ["1_ses-b"], ["1_ses-a"]),  # the one with a row
        (["1_ses-a", "1_ses-b"], ["1_ses-b", "1_ses-a"], ["1_ses-a"], ["1_ses-b"]),  # one, though both have a row
        (["sub-1", "sub-1_ses-b", "2_run-1", "2_run-2"], ["1", "2"], ["sub-1", "2_run-1"], ["sub-1_ses-b", "2_run-2"]),
        (["1_ses-a", "01_ses-a"], ["1", "01"], ["1_ses-a", "01_ses-a"], []),  # two people
    ],
)
def test_one_session_of_each_person_counts(
    tmp_path: Path, subjects: list[str], ids: list[str], taken: list[str], further: list[str]
) -> None:
    table, _ = participants(tmp_path, *ids)
    match = match_participants(subjects, table)
    assert [subjects[position] for position, _ in match.rows] == taken
    assert match.left_out == dict.fromkeys(further, ANOTHER_SESSION)
    assert match.unmatched == {}


@pytest.mark.parametrize(("ids", "taken"), [(["1"], "1_ses-b"), (["1_ses-a"], "1_ses-a"), (["1_ses-b"], "1_ses-b")])
def test_a_session_to_avoid_counts_only_with_a_row_of_its_own(tmp_path: Path, ids: list[str], taken: str) -> None:
    table, _ = participants(tmp_path, *ids)
    subjects = ["1_ses-a", "1_ses-b"]
    match = match_participants(subjects, table, avoid=["1_ses-a"])
    assert [subjects[position] for position, _ in match.rows] == [taken]
    assert list(match.left_out) == [name for name in subjects if name != taken]


def test_a_row_is_of_the_session_that_its_column_says(tmp_path: Path) -> None:
    """ages 61 and 62 are of second sessions; 3 has one session, which is not said."""
    path = tmp_path / "p.tsv"
    path.write_text("participant_id\tsession_id\tage\nsub-1\tses-2\t61\nsub-2\t2\t62\nsub-3\tn/a\t63\n")
    subjects = ["sub-1_ses-1", "sub-1_ses-2", "sub-2_ses-1", "sub-2_ses-2", "sub-3_ses-1"]
    table, _ = read_participants(path, ["age"], by_session=True)
    match = match_participants(subjects, table)
    taken = {subjects[position]: table.cells["age"][row] for position, row in match.rows}
    assert taken == {"sub-1_ses-2": "61", "sub-2_ses-2": "62", "sub-3_ses-1": "63"}
    assert match.left_out == dict.fromkeys(["sub-1_ses-1", "sub-2_ses-1"], ANOTHER_SESSION)
    assert read_participants(path, ["age"])[0].ids == ["sub-1", "sub-2", "sub-3"], "subjects are people"


def test_a_table_of_both_sessions_serves_sessions_alone(tmp_path: Path) -> None:
    path = tmp_path / "p.tsv"
    path.write_text("participant_id\tsession_id\tage\nsub-1\tses-1\t60\nsub-1\tses-2\t61\n")
    assert read_participants(path, ["age"], by_session=True)[0].ids == ["sub-1_ses-1", "sub-1_ses-2"]
    with pytest.raises(InputError, match=r"every participant occurs twice \(sub-1\); keep one row of each"):
        read_participants(path, ["age"])


def test_the_first_session_is_the_first_by_number() -> None:
    assert list(further_sessions(["1_ses-10", "1_ses-2"])) == ["1_ses-10"]


def test_a_session_without_a_value_does_not_stand_in_for_one_that_has_it(tmp_path: Path) -> None:
    table, _ = participants(tmp_path, "1_ses-a", "1_ses-b", ages=("", "60"))
    match = match_participants(["1_ses-a", "1_ses-b"], table)
    assert match.rows == [(1, 1)]
    assert match.left_out == {"1_ses-a": "has no value for age"}


def test_further_sessions_are_known_by_name_where_there_is_no_table() -> None:
    names = ["1_ses-a", "1_ses-b", "sub-2_ses-a", "2", "3_run-1", "sub-3_ses-a_run-2", "03", "4", "sub-4"]
    assert list(further_sessions(names)) == ["1_ses-b", "sub-2_ses-a", "sub-3_ses-a_run-2"]


def test_a_table_with_spaces_for_tabs_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text("participant_id age\na 60\n")
    with pytest.raises(InputError, match="columns must be separated by tabs, semicolons or commas"):
        read_participants(tmp_path / "p.tsv", ["age"])
