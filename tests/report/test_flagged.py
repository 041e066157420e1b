"""Means of a cohort name the flagged people whom they use, and those whom they leave out."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.report.__main__ import main
from yucca_wm.report.results import is_region, read_results


@pytest.fixture
def results(localized: Path, tmp_path: Path) -> Path:
    """The cohort of a<b>, empty and left, where left is flagged for what lies outside, and empty has no lesion."""
    folder = tmp_path / "results"
    shutil.copytree(localized / "results", folder)
    summary = json.loads((folder / "localize.json").read_text())
    for name, flags in (("a<b>", {}), ("empty", {"no_lesion": "x"}), ("left", {"high_outside": "x"})):
        summary["subjects"][name]["flags"] = flags
    (folder / "localize.json").write_text(json.dumps(summary))
    return folder


def write(results: Path, *more: str) -> str:
    words = ["--results", str(results), "--out-dir", str(results.parent / "out"), "--cohort-only", *more]
    assert main(words) == 0
    return html.unescape((results.parent / "out/index.html").read_text(encoding="utf-8"))


def mean_loads(page: str) -> list[str]:
    """The column of means, and the last two: subjects with lesions, subjects with the region."""
    rows = page[page.index('id="regions"') :].split("</table>")[0].split("<tr>")[2:]
    return [re.findall("<td>(.*?)</td>", row)[3] for row in rows]


def by_hand(results: Path, *names: str) -> list[str]:
    load = read_results(results).load
    loads = [[row["load_percent"] for row in load[name] if is_region(row)] for name in names]
    known = [[float(cell) for cell in cells if cell] for cells in zip(*loads, strict=True)]
    return [f"{sum(values) / len(values):.3f}" if values else "" for values in known]


def test_flagged_people_whom_means_use_are_named(results: Path) -> None:
    page = write(results)
    assert mean_loads(page) == by_hand(results, "a<b>", "empty", "left")
    assert "Means are of 3 of 3 subjects." in page
    title = "over 20 % of the lesion volume outside every region"
    assert f"used although flagged high_outside ({title}): 1 subject of 3: left." in page
    assert "left out, flagged" not in page


@pytest.mark.parametrize("anonymise", [False, True])
def test_of_a_persons_sessions_one_counts_in_means(results: Path, anonymise: bool) -> None:
    """Two sessions, and somebody else: means are of two. Where the first session is left out, the other counts."""
    for file in results.rglob("*"):
        if file.suffix in (".tsv", ".json"):
            text = file.read_text()
            for old, new in (("a<b>", "sub-1_ses-1"), ("left", "sub-1_ses-2"), ("empty", "sub-2")):
                text = text.replace(f'"{old}"', f'"{new}"').replace(f"\n{old}\t", f"\n{new}\t")
            file.write_text(text)
    more = ["--anonymise"] * anonymise
    page = write(results, *more)
    assert mean_loads(page) == by_hand(results, "sub-1_ses-1", "sub-2")
    assert "Means are of 2 of 3 subjects" in page
    assert "left out, another session of the same person was taken" in page
    summary = json.loads((results / "localize.json").read_text())
    summary["subjects"]["sub-1_ses-1"]["flags"] = {"cut_off": "x"}
    (results / "localize.json").write_text(json.dumps(summary))
    assert mean_loads(write(results, "--exclude-flagged", "cut_off", *more)) == by_hand(results, "sub-1_ses-2", "sub-2")
    summary["subjects"]["sub-1_ses-1"]["flags"] = {"without_flair": "x"}
    (results / "localize.json").write_text(json.dumps(summary))
    assert mean_loads(write(results, *more)) == by_hand(results, "sub-1_ses-2", "sub-2")


def test_those_with_a_doubt_are_left_out_of_means_and_keep_their_row(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No flag named: any but no_lesion and high_load."""
    page = write(results, "--exclude-flagged")
    assert mean_loads(page) == by_hand(results, "a<b>", "empty") != by_hand(results, "a<b>", "empty", "left")
    assert "Means are of 2 of 3 subjects." in page
    assert "left out, flagged high_outside: left (1 subject)." in page
    assert "used although flagged no_lesion (no lesion): 1 subject of 2: empty." in page
    assert "used although flagged high_outside" not in page
    assert "the frequency map of localize also includes subjects left out of the means: left" in page
    assert "<td>left</td>" in page[page.index('id="subjects"') :]
    assert "note: means: left out, flagged high_outside: left (1 subject)" in capsys.readouterr().err


def test_the_flags_named_are_those_left_out(results: Path) -> None:
    page = write(results, "--exclude-flagged", "no_lesion")
    assert mean_loads(page) == by_hand(results, "a<b>", "left")
    assert "used although flagged high_outside" in page
    assert write(results, "--exclude-flagged", "high_load").count("Means are of 3 of 3 subjects.") == 1


def test_numbers_stand_for_those_left_out_where_names_are_hidden(results: Path) -> None:
    page = write(results, "--exclude-flagged", "--anonymise")
    assert re.search(r"left out, flagged high_outside: subject-00[123] \(1 subject\)", page)
    assert "left (1 subject)" not in page


def test_unknown_flags_and_nobody_left_are_errors_that_leave_nothing(results: Path) -> None:
    with pytest.raises(InputError, match="there is no flag bad; flags are no_lesion"):
        write(results, "--exclude-flagged", "bad")
    summary = json.loads((results / "localize.json").read_text())
    for about in summary["subjects"].values():
        about["flags"] = {"high_outside": "x"}
    (results / "localize.json").write_text(json.dumps(summary))
    with pytest.raises(InputError, match=r"no subject is left for the means: .*flagged high_outside: .*\(3 subjects\)"):
        write(results, "--exclude-flagged")
    assert not (results.parent / "out").exists()
