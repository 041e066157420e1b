"""Columns are numbers or names for sure; everything else is refused with the line, the value and a way out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.groups.statistics.outcome import read_outcome
from yucca_wm.groups.statistics.variables import Column, design, levels_of, numbers_of
from yucca_wm.imaging.reading import OPTION, Headers, reading


def column(*cells: str, name: str = "age", categorical: bool = False) -> Column:
    return Column(Path("p.tsv"), name, list(cells), list(range(2, 2 + len(cells))), categorical)


def test_numbers() -> None:
    assert numbers_of(column("60", "1e1", "-.5", "+7.")).tolist() == [60, 10, -0.5, 7]
    assert numbers_of(column("M", "F")) is None
    assert numbers_of(column("1", "2", categorical=True)) is None


@pytest.mark.parametrize("stray", ["-", ".", "NULL", "60+", "60 y", "x", "inf", "1_000", "٣", "60;5"])
def test_a_stray_cell_among_numbers_is_named(stray: str) -> None:
    with pytest.raises(InputError) as error:
        numbers_of(column("60", "61", stray))
    assert f"line 4: age is '{stray}', in a column with numbers" in str(error.value)
    assert f"give missing=['{stray}'] if it stands for a missing value, or categorical=['age'] if" in str(error.value)
    with reading(Headers(None, OPTION)), pytest.raises(InputError, match="or --categorical age if") as error:
        numbers_of(column("60", "61", stray))
    assert f"--missing '{stray}'" in str(error.value)


def test_decimal_commas_are_no_names() -> None:
    with pytest.raises(InputError, match="line 3: age is '61,5', which has a decimal comma; write a decimal point"):
        numbers_of(column("60", "61,5"))


def test_levels_that_are_numbers_are_in_the_order_of_numbers() -> None:
    levels, place = levels_of(column("10", "9", "9.0", "10"))
    assert levels == ["9", "10"]
    assert place.tolist() == [1, 0, 0, 1]
    assert levels_of(column("site10", "site9"))[0] == ["site9", "site10"]


@pytest.mark.parametrize("cell", ["-", ".", "NULL", "none", "?", "#N/A"])
def test_what_hardly_is_a_name_is_refused_unless_said(cell: str) -> None:
    with pytest.raises(InputError, match=r"line 3: sex is .*, which does not look like a name"):
        levels_of(column("M", cell, "F", name="sex"))
    assert levels_of(column("M", cell, "F", name="sex", categorical=True))[1].size == 3


def test_levels_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(InputError, match="line 4: sex is 'm', and elsewhere 'M'"):
        levels_of(column("M", "F", "m", name="sex"))


def test_a_design_names_what_is_constant_and_what_others_determine() -> None:
    rng = np.random.default_rng(0)
    age = rng.integers(50, 80, 30)
    sites = ["A", "B", "C"] * 10
    found = design(
        [
            column(*map(str, age)), column(*sites, name="site"), column(*map(str, 2026 - age), name="born"),
            column(*["3T"] * 30, name="field"), column(*[{"A": "x"}.get(site, "y") for site in sites], name="scanner"),
        ],
        30,
    )  # fmt: skip
    assert found.columns == ["age", "site=B", "site=C"]
    assert found.covariate == ["age", "site", "site"]
    assert found.constant == ["field"]
    assert found.redundant == {"born": ["age"], "scanner=y": ["site=B", "site=C"]}
    np.testing.assert_allclose(found.matrix[:, 0], (age - age.mean()) / age.std())
    assert "covariate born is determined by age and was left out" in found.notes


def test_as_many_names_as_people_are_refused() -> None:
    with pytest.raises(InputError, match="8 different names in 10 subjects"):
        design([column(*[f"{number} years" for number in (1, 2, 3, 4, 5, 6, 7, 8, 8, 8)])], 10)


@pytest.mark.parametrize(
    ("cells", "levels", "ones"),
    [
        (("10", "9", "10"), ("9", "10"), [1, 0, 1]),
        (("0", "1", "1.0"), ("0", "1"), [0, 1, 1]),
        (("patient", "control", "patient"), ("control", "patient"), [1, 0, 1]),
    ],
)
def test_two_levels(cells: tuple[str, ...], levels: tuple[str, str], ones: list[int]) -> None:
    outcome = read_outcome(column(*cells))
    assert outcome.levels == levels
    assert outcome.values.tolist() == ones
    turned = read_outcome(column(*cells), levels[1])
    assert turned.levels == levels[::-1]
    assert turned.values.tolist() == [1 - one for one in ones]


def test_a_reference_may_be_written_as_another_number() -> None:
    assert read_outcome(column("0", "1", "1"), "1.0").levels == ("1", "0")


def test_more_than_two_numbers_are_a_score() -> None:
    outcome = read_outcome(column("1", "2", "3.5"))
    assert not outcome.binary
    assert outcome.values.tolist() == [1, 2, 3.5]


@pytest.mark.parametrize(
    ("outcome", "reference", "says"),
    [
        (column("a", "b", "c", "c"), None, r"3 levels that are not numbers: a \(1\), b \(1\), c \(2\)"),
        (column("1", "2", "3", categorical=True), None, "3 levels"),
        (column("a", "a"), None, "is a for every subject"),
        (column("a", "b"), "A", "has no level A; it has a and b"),
        (column("1", "2", "3"), "1", "3 different numbers and no levels; reference is for"),
        (column("0", "1", "-"), None, "line 4: age is '-', in a column with numbers"),
    ],
)
def test_what_is_no_outcome_is_refused(outcome: Column, reference: str | None, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_outcome(outcome, reference)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            ["62", "70", "999", "81"],
            "age is 999 in line 4, the others are 62 to 81: if it means that there is no value",
        ),
        (["62", "-9", "70", "-9"], "age is -9 in line 3 and 1 more, the others are 62 to 70"),
        (["0", "1", "9", "0"], "age is 9 in line 4, the others are 0 to 1"),
        (["0", "2.5", "-1", "6"], "age is -1 in line 4, the others are 0 to 6"),
        (["62", "70", "99", "81"], None),  # an age
        (["-1.2", "0.4", "-1", "2"], None),  # a score with two signs
        (["9", "10", "9", "10"], None),  # two levels
    ],
)
def test_numbers_that_often_mean_no_value_are_named(cells: list[str], said: str | None) -> None:
    values = column(*cells)
    for found in (design([values], len(cells)).notes, list(read_outcome(values).doubts)):
        assert len(found) == (said is not None)
        assert said is None or found[0].startswith(said)


@pytest.mark.parametrize(
    ("cells", "codes"),
    [
        (["0", "1", "2"] * 3, "0, 1, 2"),
        (["2.0", "1", "0"] * 3, "0, 1, 2"),
        ([*"0011223"], ""),  # four numbers in seven people
        ([*"0123"] * 3, "0, 1, 2, 3"),
        (["0", "1"] * 5, ""),  # two numbers say the same as two names
        (["0", "0.5", "1"] * 5, ""),
        ([str(number) for number in range(10)] * 3, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ([str(number) for number in range(11)] * 3, ""),
    ],
)
def test_numbers_that_may_be_codes_are_said_to_be_used_as_numbers(cells: list[str], codes: str) -> None:
    site = column(*cells, name="stage")
    used = f"stage ({codes}) is used as a number: if these are names, "
    assert design([site], len(cells)).notes == [f"covariate {used}say categorical=['stage']"] * bool(codes)
    with reading(Headers(None, OPTION)):
        assert design([site], len(cells)).notes == [f"covariate {used}say --categorical stage"] * bool(codes)
    asked = f"outcome {used}compare two of them, in a table without the others"
    assert list(read_outcome(site).doubts) == [asked] * bool(codes)
    names = design([column(*cells, name="stage", categorical=True)], len(cells)).notes if codes else []
    assert not any("used as a number" in note for note in names)


@pytest.mark.parametrize("name", ["site", "Study_site", "center", "scanner_id", "sex", "group"])
def test_columns_called_like_names_may_be_codes_however_many(name: str) -> None:
    cells = [str(number) for number in range(1, 16)]
    (said,) = design([column(*cells, name=name)], len(cells)).notes
    assert said.startswith(f"covariate {name} (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...) is used as a number")
    for other in ("age", "opposite", "sexagesimal" if name != "sex" else "years"):
        assert design([column(*cells, name=other)], len(cells)).notes == []
