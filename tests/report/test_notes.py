"""What predict was not sure of, and whom it failed on, is on the pages, with names or without."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import pytest

from yucca_wm.core.notes import About, Note, recorded
from yucca_wm.core.tsv import read_rows
from yucca_wm.localize.measures.flags import TITLES
from yucca_wm.report.__main__ import main
from yucca_wm.report.notes import failure_lines, note_lines
from yucca_wm.report.results import read_results
from yucca_wm.scan.notes import MOVED

from .conftest import as_of_predict

EXCHANGED = Note("the FLAIR looks more like a T1 than the T1 does", About.DOUBTFUL_SCANS)


def moved(mm: float) -> Note:
    return MOVED.note(reference="FLAIR", moved_mm=mm, turn_deg=1).on("T1")


def test_notes_have_the_name_of_whom_they_are_of() -> None:
    assert list(note_lines({"a": ["x", "y"]})) == ["a: x", "a: y"]
    assert list(note_lines({"a": ["x", "y"]}, named=False)) == ["x", "y"]
    said = list(note_lines({"a": ["x"], "b": ["x", "y"], "c": []}))
    assert said == ["2 people (a, b): x", "b: y"]
    assert list(note_lines({name: ["x"] for name in "abcdef"})) == ["6 people (a, b, c, d, e, ...): x"]


def test_notes_of_many_that_differ_in_numbers_only_are_one_line() -> None:
    """Six people; T1 is no number, and what says more is a line of its own."""
    moves = {"a": 0.2, "b": 10.5, "c": 9, "d": 2, "e": 2, "f": 3}
    noted: dict[str, list[str]] = {name: [moved(mm)] for name, mm in moves.items()}
    assert list(note_lines({name: noted[name] for name in "abcd"})) == [f"{name}: {noted[name][0]}" for name in "abcd"]
    noted["f"].append("its header is wrong")
    together = "6 people (a, b, c, d, e, ...): T1: registered to the FLAIR (moved by 0.2 to 10.5 mm and 1.0 degrees)"
    assert list(note_lines(noted)) == [together, "f: its header is wrong"]


def test_who_failed_is_counted_and_named() -> None:
    assert failure_lines({}, 3) == []
    assert failure_lines({"dora": "no such file"}, 3) == ["1 of 3 failed: dora: no such file"]
    assert failure_lines({"d": "x", "e": "y"}, 9) == ["2 of 9 failed", "d: x", "e: y"]


@pytest.fixture
def predicted(localized: Path, tmp_path: Path) -> Path:
    """The cohort of a<b>, empty and left as predict leaves it: left's T1 and FLAIR exchanged, and dora failed."""
    as_of_predict(localized, "results", tmp_path / "results")
    record = {
        "cases": {
            "a<b>": {"notes": []},
            "left": recorded([EXCHANGED, Note("a note on a<b>"), Note("of /there/x.nii")]),
            "empty": {},
        },
        "failed": {"dora": "/there/dora_FLAIR.nii.gz: no such file"},
    }
    (tmp_path / "results" / "predict.json").write_text(json.dumps(record))
    return tmp_path / "results"


def page(results: Path, *more: str, name: str = "index.html") -> str:
    out = results.parent / "pages"
    assert main(["--results", str(results), "--out-dir", str(out), *more]) == 0
    return (out / name).read_text(encoding="utf-8")


def flags_of(text: str) -> list[str]:
    return [html.unescape(line) for line in re.findall(r'<div class="flag">(.*?)</div>', text)]


def test_the_page_of_a_cohort_says_first_who_failed_and_what_was_unsure(predicted: Path) -> None:
    text = page(predicted, "--cohort-only")
    lines = flags_of(text[: text.index("<h2>What was run</h2>")])
    assert lines[0] == "1 of 4 failed: dora: /there/dora_FLAIR.nii.gz: no such file"
    assert f"left: {EXCHANGED}" in lines
    totals = [row for row in read_rows(predicted / "lesion_load.tsv") if row["name"] == "total"]
    low, middle, high = sorted(float(row["lesion_volume_ml"]) for row in totals)
    mean = (low + middle + high) / 3
    spread = f"mean {mean:.3f} ml, median {middle:.3f} ml, {low:.3f} to {high:.3f} ml"
    assert f"Lesion volume: {spread}; 1 failed." in text
    assert "Means are of 3 of 4 subjects; 1 failed." in text
    rows = re.findall(r"<tr><td>(\S+?)</td>(.*)</tr>", text[text.index('id="subjects"') :])
    shown = {name: re.findall("<td>(.*?)</td>", cells) for name, cells in rows[:3]}
    assert {name: cells[1] for name, cells in shown.items()} == {
        html.escape(row["subject"]): f"{float(row['load_percent']):.2f}" for row in totals
    }
    flags = json.loads((predicted / "localize.json").read_text())["subjects"]
    assert {name: cells[-2] for name, cells in shown.items()} == {
        html.escape(name): ", ".join(about["flags"]).replace("_", " ") for name, about in flags.items()
    }
    assert {name: cells[-1] for name, cells in shown.items()} == {"a&lt;b&gt;": "0", "empty": "0", "left": "3"}


def test_a_doubt_is_not_said_again_as_a_flag(predicted: Path) -> None:
    """Of who has no note (the record of predict is of another run) the flag is all there is."""
    file = predicted / "localize.json"
    about = json.loads(file.read_text())
    for name in ("left", "empty"):
        about["subjects"][name]["flags"]["doubtful_scans"] = "..."
    file.write_text(json.dumps(about))
    lines = flags_of(page(predicted, "--cohort-only"))
    assert f"left: {EXCHANGED}" in lines
    assert [line for line in lines if line.startswith(TITLES["doubtful_scans"])] == [
        f"{TITLES['doubtful_scans']}: 1 of 3 subjects (empty)"
    ]


def test_what_was_done_to_the_scans_comes_after_what_is_in_doubt(predicted: Path) -> None:
    """Three notes on left, one of which is no doubt, and one on empty, which is none either."""
    record = json.loads((predicted / "predict.json").read_text())
    done = {"left": moved(0.2), "empty": moved(3)}
    record["cases"]["left"] = recorded([EXCHANGED, done["left"], Note("of /there/x.nii")])
    record["cases"]["empty"] = recorded([done["empty"]])
    (predicted / "predict.json").write_text(json.dumps(record))
    text = page(predicted)
    assert [line for line in flags_of(text) if "moved by" in line] == []
    heading = text.index("<h2>What was done to the scans</h2>")
    assert text.index("Look at these first") < text.index("<h2>What was run</h2>") < heading
    assert re.findall(r'<p class="note done">(.*?)</p>', text) == [f"{name}: {done[name]}" for name in sorted(done)]
    head, *rows = re.findall(r"<tr>(.*)</tr>", text[text.index('id="subjects"') :])[:4]
    assert head.endswith("<th>notes to check</th>")
    assert [re.findall(r"<td>(.*?)</td>", row)[-1] for row in rows] == ["0", "0", "2"]
    own = (predicted.parent / "pages/subjects/left.html").read_text(encoding="utf-8")
    assert done["left"] not in flags_of(own)
    assert f'<p class="note done">{done["left"]}</p>' in own
    nothing = (predicted.parent / "pages/subjects/a<b>.html").read_text(encoding="utf-8")
    assert "What was done" not in nothing


def test_the_page_of_one_of_a_cohort_has_the_persons_own_notes(predicted: Path) -> None:
    assert EXCHANGED in flags_of(page(predicted, name="subjects/left.html"))
    assert EXCHANGED not in (predicted.parent / "pages/subjects/empty.html").read_text(encoding="utf-8")


def test_without_names_notes_stay_where_they_hold_none(predicted: Path) -> None:
    out = predicted.parent / "pages"
    cohort = html.unescape(page(predicted, "--anonymise"))
    pages = [html.unescape(path.read_text(encoding="utf-8")) for path in out.rglob("*.html")]
    assert len(pages) == 4
    for text in pages:
        for secret in ("a<b>", "dora", "/there"):
            assert secret not in text
    lines = flags_of(cohort)
    assert lines[0] == "1 of 4 failed: subject-004: could not be predicted; see predict.json"
    assert sum(line.endswith(EXCHANGED) for line in lines) == 1
    assert sum(line.endswith("a note that may hold a name; see predict.json") for line in lines) == 1
    numbers = [line.split(": ")[0] for line in lines if line.endswith(EXCHANGED)]
    assert numbers != ["subject-004"], "the numbers of those in the tables are as they would be without dora"


def test_one_of_a_cohort_who_succeeded_alone_has_the_page_of_a_cohort(predicted: Path) -> None:
    for name in ("lesion_load.tsv", "lesions.tsv"):
        lines = (predicted / name).read_text().splitlines(keepends=True)
        (predicted / name).write_text("".join([lines[0], *(line for line in lines if line.startswith("left\t"))]))
    summary = json.loads((predicted / "localize.json").read_text())
    summary["subjects"] = {"left": summary["subjects"]["left"]}
    (predicted / "localize.json").write_text(json.dumps(summary))
    shutil.rmtree(predicted / "template")
    assert "Means are of 1 of 2 subjects; 1 failed." in page(predicted)


def test_a_record_that_knows_nobody_of_the_tables_is_of_another_run(predicted: Path) -> None:
    (predicted / "predict.json").write_text(json.dumps({"cases": {"x": {"notes": ["y"]}}, "failed": {"z": "no"}}))
    results = read_results(predicted)
    assert (results.notes, results.failures) == ({}, {})
