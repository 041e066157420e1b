"""Every command, every kind of cohort, every documented option: the exit code and the tables are those documented, and
nothing ends in a traceback. In short each option meets one kind of cohort; ``pytest -m nightly tests/matrix`` is the
full cross. What ``--scheduler`` and ``--slurm`` do is in tests/cohort/test_cluster.py.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from yucca_wm.cli import exit_code
from yucca_wm.cli.steps import STEPS, main_of, parser_of
from yucca_wm.jobs.cases import run_cases

from . import people
from .cross import CROSS, LEFT_OUT, NOT_HERE, Entry, entries, short
from .people import LAYOUTS, NUMBERS, SCANS, VOXEL_ML, lesions_of, named

KINDS = [(layout, scans) for layout in LAYOUTS for scans in SCANS]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("matrix")
    people.atlas(here)
    for layout in LAYOUTS:
        people.maps(here / f"maps_{layout}", layout)
    for layout, scans in KINDS:
        people.cohort(here / f"{layout}_{scans}", layout, SCANS[scans], regions=False)
        people.cohort(here / f"done_{layout}_{scans}", layout, SCANS[scans], regions=True)
    for what, classes, dimensions in (("lesion", 3, "2D"), ("region", 37, "3D")):
        people.coarse_model(here / f"{what}_model", classes, dimensions, seed=1)
    with pytest.MonkeyPatch.context() as patch:
        for layout, scans in KINDS:
            words = f"--cohort {{done}} --out-dir {here}/results_{layout}_{scans} --jobs 1"
            assert run(patch, "localize", filled(words, here, here, layout, scans)) == 0
    return here


def _in_this_process(run: Callable[..., object], *work: object, **how: object) -> object:
    """What is put in place of checks of a scan does not reach other processes."""
    return run(*work, **{**how, "jobs": 1})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand-ins for networks and for registration of scans; no atlas has been fetched."""
    monkeypatch.setenv("YUCCA_WM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("yucca_wm.models.segment.segment", people.segment)
    networks = SimpleNamespace(regions=None, tissue=None, computed="cpu, float32")
    monkeypatch.setattr("yucca_wm.models.shipped.networks", lambda _: networks)
    monkeypatch.setattr("yucca_wm.predict.cohort.networks", lambda _: networks)
    monkeypatch.setattr("yucca_wm.predict.person.bring_to_one_frame", people.one_frame)
    for place in ("check.scan", "parcellate.white_matter"):  # these people are small
        monkeypatch.setattr(f"yucca_wm.{place}.check_one", lambda image: (image, []))
    monkeypatch.setattr("yucca_wm.check.cohort.run_cases", partial(_in_this_process, run_cases))
    for name, few in (("REPEATS", 1), ("FOLDS", 2), ("PENALTIES", (1.0,))):
        monkeypatch.setattr(f"yucca_wm.groups.statistics.logistic.{name}", few)
    monkeypatch.setattr("yucca_wm.parcellate.case.register", people.register)
    for name in (
        "localize.outputs.group.draw_heat_map", "localize.outputs.group.save_figure", "groups.figures.draw_forest",
        "groups.associate_command.Pictures.add", "report.pictures.alignment.draw_alignment",
    ):  # fmt: skip
        monkeypatch.setattr(f"yucca_wm.{name}", lambda *_, **__: None)  # pictures take most of the time
    monkeypatch.setattr("yucca_wm.evaluate.cohort.write_page", lambda *_: [])


def filled(words: str, here: Path, out: Path, layout: str, scans: str) -> list[str]:
    """The words of an entry, with the places of one kind of cohort."""
    root, one = here / f"{layout}_{scans}", SCANS[scans]
    table, maps = "people.tsv" if layout == "table" else "", here / f"maps_{layout}"
    own = people.files(root, layout, one, NUMBERS[0])
    return words.format(
        here=here, out=out, layout=layout, maps=maps, cohort=root / table, done=here / f"done_{layout}_{scans}" / table,
        person=named(layout, NUMBERS[0]), wm=own["wm"], lesions=own["lesions"], scan=own[one[0]],
        scans=" ".join(f"--{scan.lower()} {own[scan]}" for scan in one), scan_folder=maps / one[0],
        softmax=" ".join(str(maps / "softmax" / scan) for scan in one), results=here / f"results_{layout}_{scans}",
    ).split()  # fmt: skip


def run(patch: pytest.MonkeyPatch, command: str, words: list[str]) -> int:
    """The exit code of a command; a traceback is one of this test."""
    patch.setattr(sys, "argv", [command, *words])
    try:
        return exit_code(lambda: main_of(command)(words))
    except SystemExit as stop:
        return int(stop.code or 0)


def parsers(command: str) -> list[argparse.ArgumentParser]:
    """The parser of a command, or of each of its steps."""
    whole = parser_of(command)
    steps = [action for action in whole._actions if isinstance(action, argparse._SubParsersAction)]
    return [parser for action in steps for parser in action.choices.values()] or [whole]


def test_every_command_is_here() -> None:
    assert STEPS.keys() == CROSS.keys() | LEFT_OUT.keys()


@pytest.mark.parametrize("command", CROSS)
def test_every_documented_option_and_each_of_its_choices_is_here(command: str) -> None:
    for parser in parsers(command):
        step = parser.prog.removeprefix(f"yucca-wm {command}").strip()  # of a command that has several
        said = [
            [*form.words.split(), *words.split()]
            for form in CROSS[command] if form.words.split()[:1] == [step] or not step
            for words in form.options
        ]  # fmt: skip
        for action in parser._actions:
            if action.dest == "help" or not action.option_strings or action.help == argparse.SUPPRESS:
                continue
            found = [(words, place) for words in said for place, word in enumerate(words)
                     if parser._option_string_actions.get(word) is action]  # fmt: skip
            assert found, (parser.prog, action.dest)
            chosen = {words[place + 1] for words, place in found if len(words) > place + 1}
            assert {*map(str, action.choices or ())} <= chosen | NOT_HERE.get(command, set()), action.dest


@pytest.mark.parametrize("entry", list(short()), ids=str)
def test_each_option_in_short(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], entry: Entry
) -> None:
    check(here, tmp_path / "out", monkeypatch, capsys, entry)


@pytest.mark.nightly
@pytest.mark.parametrize("entry", list(entries()), ids=str)
def test_full_cross(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], entry: Entry
) -> None:
    """With people first and then the group, where a command can go that way: all that it leaves is the same."""
    out = tmp_path / "out"
    check(here, out, monkeypatch, capsys, entry)
    if not entry.by_level:
        return
    whole = contents(out)
    shutil.rmtree(out)
    words = filled(f"{entry.form.words} {entry.words}", here, out, entry.layout, entry.scans)
    assert run(monkeypatch, entry.command, [*words, "--level", "participant"]) == 0
    assert not (out / "lesion_load.tsv").exists()
    group = [word for word in words if word != "--force"]  # which is about people
    assert run(monkeypatch, entry.command, [*group, "--level", "group"]) == 0
    again = contents(out)
    assert again.keys() == whole.keys()
    assert [name for name in whole if again[name] != whole[name]] == []


def contents(out: Path) -> dict[str, bytes]:
    """Tables and maps."""
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*")
            if path.name.endswith((".tsv", ".nii.gz"))}  # fmt: skip


def check(here: Path, out: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], entry: Entry) -> None:
    """Exit code, words on stderr and tables of one entry."""
    words = f"{entry.form.words} {entry.words}"
    code = run(patch, entry.command, filled(words, here, out, entry.layout, entry.scans))
    said = capsys.readouterr()
    assert code == entry.code, said.err
    assert "Traceback" not in said.err or "--verbose" in words  # which says where an error arose
    assert code == 0 or said.err
    if code == 0 and entry.command in AFTERWARDS:
        AFTERWARDS[entry.command](out, entry.layout, words)


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def total_ml(out: Path) -> dict[str, float]:
    """Lesion volume of everybody in a table of loads."""
    rows = rows_of(out / "lesion_load.tsv")
    return {row["subject"]: float(row["lesion_volume_ml"]) for row in rows if row["name"] == "total"}


def expected_ml(layout: str) -> dict[str, float]:
    return {named(layout, number): VOXEL_ML * lesions_of(number).sum() for number in NUMBERS}


def people_only(words: str) -> bool:
    """Whether no tables are due."""
    return "--participant-label" in words or "--level participant" in words


def check_prediction(out: Path, layout: str, words: str) -> None:
    """The stand-in reads exactly the lesions of each person, whatever the layout and the scans."""
    person, names = named(layout, NUMBERS[0]), [named(layout, number) for number in NUMBERS]
    made = sorted(path.name.removesuffix(".nii.gz") for path in (out / "lesions").iterdir())
    if "--cohort" in words:
        assert made == ([person] if "--participant-label" in words else sorted(names))
    if people_only(words):
        assert not (out / "lesion_load.tsv").exists()
    elif "--cohort" not in words:
        assert made == ["me" if "--name" in words else person]
        assert list(total_ml(out).values()) == pytest.approx([VOXEL_ML * lesions_of(NUMBERS[0]).sum()])
    elif "here}/lesion_model" not in words:
        assert total_ml(out) == pytest.approx(expected_ml(layout))
        assert [row["subject"] for row in rows_of(out / "predictions.tsv")] == names


def check_regions(out: Path, layout: str, words: str) -> None:
    """Nobody is left out, and the table names everybody in natural order."""
    if "--cohort" not in words:
        assert len(list(out.glob("*.nii.gz"))) >= 1
    elif people_only(words):
        assert not (out / "parcellation.tsv").exists()
    else:
        names = [named(layout, number) for number in NUMBERS]
        assert [row["subject"] for row in rows_of(out / "parcellation.tsv")] == names
        assert all((out / name / f"{name}_regions.nii.gz").is_file() for name in names)


def check_loads(out: Path, layout: str, words: str) -> None:
    if people_only(words):
        assert not (out / "lesion_load.tsv").exists()
        return
    found = total_ml(out)
    if "--min-size 75" in words:  # lesions of one voxel are left out
        assert all(0 < found[name] < volume for name, volume in expected_ml(layout).items())
    else:
        assert found == pytest.approx(expected_ml(layout))
    assert list(found) == list(expected_ml(layout))


def check_scores(out: Path, layout: str, words: str) -> None:
    rows = rows_of(out / "cases.tsv")
    assert {row["subject"] for row in rows} == expected_ml(layout).keys()
    if "/lesions" in words and "region" not in words:
        for row in rows:
            (true,) = (lesions_of(number) for number in NUMBERS if named(layout, number) == row["subject"])
            both = (true & np.roll(true, 1, 0)).sum()
            assert float(row["dice"]) == pytest.approx(both / true.sum(), rel=1e-5)


def check_pages(out: Path, layout: str, words: str) -> None:
    page = (out / "index.html").read_text(encoding="utf-8")
    shown = [name for name in expected_ml(layout) if name in page]
    assert shown == ([] if "--anonymise" in words else list(expected_ml(layout)))
    assert sum(path.suffix == ".html" for path in out.rglob("*")) == (1 if "--cohort-only" in words else 4)


def some_files(*names: str) -> Callable[[Path, str, str], None]:
    def check(out: Path, _: str, __: str) -> None:
        found = {path.name for path in [*out.parent.glob("out.*"), *out.glob("*")]}
        assert any(name in found for name in names)

    return check


def check_merged(out: Path, layout: str, _: str) -> None:
    assert {path.name for path in out.glob("*.nii.gz")} >= {f"{name}.nii.gz" for name in expected_ml(layout)}


AFTERWARDS = {
    "predict": check_prediction,
    "parcellate": check_regions,
    "localize": check_loads,
    "evaluate": check_scores,
    "report": check_pages,
    "groups": some_files("associations.tsv", "clusters.tsv"),
    "ensemble": check_merged,
    "export": some_files("out.zip"),
    "atlas": some_files("regions.nii.gz", "a.png"),
}
