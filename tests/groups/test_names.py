"""Pages without names: not in their text, their pictures, or the paths they show."""

from __future__ import annotations

import html
import json
import re

import pytest

from yucca_wm.groups.__main__ import main
from yucca_wm.groups.analysis import Names, numbered_names


def shift_a_name(cohort):
    """One subject without participant, one participant without loads, one without a diagnosis."""
    path = cohort / "participants.tsv"
    path.write_text(path.read_text().replace("sub-07\t", "sub-Jane\t").replace("sub-05\tcontrol", "sub-05\tn/a"))


@pytest.mark.parametrize("command", ["cluster", "associate"])
def test_no_name_and_no_path_is_left(cohort, command, capsys):
    shift_a_name(cohort)
    out = cohort / "out"
    more = ["--participants", str(cohort / "participants.tsv"), "--covariates", "age"]
    more += ["--outcome", "diagnosis", "--permutations", "99"] if command == "associate" else ["--k-max", "2"]
    assert main([command, "--loads", str(cohort), "--out_dir", str(out), "--anonymise", *more]) == 1
    shown = [path for path in out.iterdir() if path.suffix in (".html", ".svg")]
    assert len(shown) > 1
    for path in shown:
        text = html.unescape(path.read_text(encoding="utf-8"))
        for secret in ("sub-0", "sub-1", "Jane", str(cohort)):
            assert secret not in text, f"{secret} in {path.name}"
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "names are left out; who, and why, is in the .json file" in page
    assert "sub-Jane: has no lesion load" in capsys.readouterr().err
    if command == "cluster":
        numbers = re.findall(r"<tr><td>(subject-\d+)", page)
        assert len(numbers) == 53
        assert numbers == sorted(numbers)


def test_numbers_are_those_of_the_report(tmp_path):
    (tmp_path / "localize.json").write_text(json.dumps({"subjects": {}, "failures": {"c": "is damaged"}}))
    names = numbered_names(tmp_path, ["a", "b"])
    assert sorted(names.numbers) == ["a", "b", "c"]
    assert {names.of("a"), names.of("b")} < {"subject-001", "subject-002", "subject-003"}
    assert numbered_names(tmp_path / "lesion_load.tsv", ["a", "b"]) == names
    assert names.notes({}) == []


def test_names_as_they_are():
    assert Names().of("a") == "a"
    assert Names().shown_path("/x") == "/x"
    assert Names().notes({"a": "is not there"}) == ["a: is not there"]
