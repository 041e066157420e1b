"""Every command, every kind of cohort, every documented option: the exit code and the tables are those documented, and
nothing ends in a traceback.

Options are taken from the parsers: one without an entry in MATRIX fails. Localize's are in
tests/localize/test_levels.py, what ``--scheduler`` and ``--slurm`` do in tests/cohort/test_cluster.py.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import yucca_wm
from yucca_wm.cli import exit_code

from . import people
from .people import LAYOUTS, NUMBERS, SCANS, VOXEL_ML, lesions_of, named

PARCELLATE = "--cohort {cohort} --atlas-wm {here}/atlas_wm.nii.gz --atlas-labels {here}/atlas_labels.nii.gz"
ONE = "--wm {here}/atlas_wm.nii.gz --atlas-wm {here}/atlas_wm.nii.gz --atlas-labels {here}/atlas_labels.nii.gz"
PREDICT = "--input {cohort} --out-dir {out} --no-report"
OWN = "--lesion-model {here}/lesion_model --region-model {here}/region_model"
SOFTMAX = "--in_dirs {here}/softmax/T1 {here}/softmax/FLAIR --out_dir {out}"
SCORE = "--pred {here}/maps/lesions --gt {here}/maps/truth --out-dir {out}"
REGIONS = "--pred {here}/maps/drawn --gt {here}/maps/regions --out-dir {out}"
REPORT = "--results {here}/results --out-dir {out} --cohort-only"
ASSOCIATE = "associate --loads {here}/loads --participants {here}/participants.tsv --outcome group --out-dir {out} "
ASSOCIATE += "--permutations 20"
CLUSTER = "cluster --loads {here}/loads --out-dir {out} --k-max 2"

MATRIX: dict[str, dict[str, int]] = {
    "check": {
        "{cohort} --jobs 1": 0,
        "--cohort {cohort} --jobs 1 --layout {layout} --header qform": 0,
        "{cohort} --jobs 1 --wm-labels nonzero": 0,
        "{cohort} --jobs 1 --wm-labels 44": 1,
        "{cohort} --jobs 1 --wm-labels white": 2,
        "{cohort} --jobs 1 --threshold 0.4": 0,
        "{cohort} --jobs 1 --sides ignore": 0,
        "{cohort} --jobs 1 --tsv {out}.tsv": 0,
        "{here}/nowhere": 1,
    },
    "parcellate": {
        PARCELLATE + " --out-dir {out} --jobs 1": 0,
        PARCELLATE + " --layout {layout} --no-picture --jobs 1 --header sform": 0,
        PARCELLATE + " --out-dir {out} --jobs 1 --no-picture --lesions none --names {here}/names.tsv": 0,
        PARCELLATE + " --out-dir {out} --jobs 1 --no-picture --wm auto": 0,
        PARCELLATE + " --out-dir {out} --jobs 1 --no-picture --participant-label {person}": 0,
        PARCELLATE + " --out-dir {out} --jobs 1 --no-picture --force --wm-labels nonzero": 0,
        PARCELLATE + " --out-dir {out} --level group": 1,
        PARCELLATE + " --out-dir {out} --level group --slurm": 2,
        PARCELLATE + " --out-dir {out} --level group --scheduler tcp://x:1": 2,
        ONE + " --out {out}/one.nii.gz --t1 {here}/atlas_wm.nii.gz": 0,
        ONE + " --out {out} --no-picture --lesions {here}/atlas_wm.nii.gz --threshold 0.4 --sides swapped": 0,
        ONE + " --out {out} --no-picture --transform deformable --metric mattes --fill-mm 0": 0,
        ONE + " --out {out} --no-picture --init search --interpolation linear": 0,
        ONE + " --out {out} --no-picture --threshold 2": 2,
        "--wm {here}/atlas_wm.nii.gz --out {out} --atlas-wm {here}/atlas_tissue.nii.gz --atlas-wm-labels 3 "
        "--atlas-labels {here}/atlas_labels.nii.gz --no-picture": 0,
        "": 2,
    },
    "predict": {
        PREDICT: 0,
        PREDICT + " --confidence --space t1 --header sform --device cpu --jobs 1": 0,
        PREDICT + " --participant-label {person} --force --layout {layout}": 0,
        PREDICT + " --level group": 1,
        PREDICT + " --level group --slurm": 2,
        PREDICT + " --level group --scheduler tcp://x:1": 2,
        PREDICT + " --mirror --max-memory-gb 1 --soft --names {here}/names.tsv " + OWN: 0,
        PREDICT + " --keep-softmax --lesion-model shipped --region-model {here}/region_model": 0,
        PREDICT + " --names {here}/names.tsv": 2,
        PREDICT + " --soft": 2,
        PREDICT + " --lesion-model {here}/region_model": 1,
        "--t1 {here}/maps/scans/P2_FLAIR.nii.gz --flair {here}/maps/scans/P2_FLAIR.nii.gz --name me --out-dir {out} "
        "--no-report": 0,
        "--out-dir {out}": 2,
    },
    "ensemble": {
        SOFTMAX: 0,
        SOFTMAX + " --method geometric --weights 1 2 --confidence --resample --jobs 1": 0,
        SOFTMAX + " --weights 1": 1,
        SOFTMAX + " --force --jobs 2": 0,
        "--in_dirs {here}/softmax/T1 {here}/softmax/few --out_dir {out}": 1,
        "--in_dirs {here}/softmax/T1 {here}/softmax/few --out_dir {out} --allow_missing": 0,
        "--in_dirs {here}/softmax/T1 {here}/softmax/T1 --out_dir {out}": 1,
    },
    "evaluate": {
        SCORE: 0,
        SCORE + " --kind lesions --jobs 1 --force --header sform": 0,
        SCORE + " --lesions --lesion-labels all": 0,
        SCORE + " --lesion-labels 1 --ignore-labels 2 3": 0,
        SCORE + " --regions --lesion-labels 1": 2,
        REGIONS: 0,
        REGIONS + " --regions --names {here}/names.tsv": 0,
        REGIONS + " --lesions": 1,
        "--pred {here}/maps/moved --gt {here}/maps/truth --out-dir {out}": 1,
        "--pred {here}/maps/moved --gt {here}/maps/truth --out-dir {out} --resample": 0,
        "--pred {here}/maps/truth --gt {here}/maps/truth --out-dir {out}": 1,
    },
    "report": {
        REPORT: 0,
        "--results {here}/results --out-dir {out} --images {here}/maps/scans": 0,
        REPORT + " --atlas {here}/atlas_labels.nii.gz --names {here}/names.tsv": 0,
        REPORT + " --exclude-flagged no_lesion --anonymise --header sform": 0,
        REPORT + " --exclude-flagged bad": 1,
        "--results {here}/maps --out-dir {out}": 1,
        "--results {here}/results --out-dir {out} --anonymise --jobs 1": 0,
    },
    "groups": {
        ASSOCIATE: 0,
        ASSOCIATE + " --covariates age site --categorical site --missing X --reference control --transform log1p": 0,
        ASSOCIATE + " --exclude-flagged --seed 3 --anonymise": 0,
        ASSOCIATE + " --exclude-flagged bad": 1,
        ASSOCIATE + " --covariates nothing": 1,
        ASSOCIATE + " --reference nobody": 1,
        CLUSTER: 0,
        CLUSTER + " --participants {here}/participants.tsv --covariates age site --categorical site --missing X": 0,
        CLUSTER + " --method hierarchical --adjust-total --exclude-flagged --transform none --seed 1 --anonymise": 0,
        CLUSTER + " --participants {here}/participants.tsv": 2,
        "cluster --loads {here}/results --out-dir {out}": 1,
        "associate --loads {here}/loads --out-dir {out} --outcome group": 2,
    },
    "export": {
        "{here}/lesion_model {out}.zip": 0,
        "{here}/lesion_model {out}.zip --licence X --licence-file {here}/card.md --card {here}/card.md --half": 0,
        "{here}/lesion_model {out}.tar": 2,
        "{here}/maps {out}.zip": 1,
    },
    "atlas": {
        "fetch --from {here}/maps --to {out}": 1,
        "refine --labels {here}/jhu.nii.gz --out {out}/regions.nii.gz": 0,
        "refine --labels {here}/jhu.nii.gz --out {out}/regions.nii.gz --names {here}/names.tsv "
        "--wm {here}/jhu.nii.gz": 0,
        "refine --labels {here}/atlas_wm.nii.gz --out {out}/regions.nii.gz --wm {here}/jhu.nii.gz": 1,
        "show --labels {here}/atlas_labels.nii.gz --names {here}/names.tsv --background {here}/atlas_wm.nii.gz "
        "--out {out}/a.png": 0,
        "show --out {out}/a.png": 1,
    },
    "models": {"": 0, "regions": 0, "nothing": 2},
    "doctor": {"--fixes": 0, "--nothing": 2},
}  # fmt: skip
"""Command -> words -> exit code. With ``{cohort}`` they are run on cohorts."""

LEFT_OUT = {"demo": "18 minutes; tests/demo", "localize": "tests/localize/test_levels.py, and below"}
ELSEWHERE = {"help", "version", "quiet", "verbose", "scheduler", "slurm"}
"""Options of every command (tests/test_commands.py), and of a cluster."""

KINDS = [(layout, scans) for layout in LAYOUTS for scans in SCANS]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("matrix")
    people.odds_and_ends(here)
    for layout, scans in KINDS:
        people.cohort(here / f"{layout}_{scans}", layout, SCANS[scans], regions=False)
        people.cohort(here / f"done_{layout}_{scans}", layout, SCANS[scans], regions=True)
    for what, classes, dimensions in (("lesion", 3, "2D"), ("region", 37, "3D")):
        people.coarse_model(here / f"{what}_model", classes, dimensions, seed=1)
    with pytest.MonkeyPatch.context() as patch:
        words = ["--lesions", f"{here}/maps/lesions", "--regions", f"{here}/maps/regions"]
        assert run(patch, "localize", [*words, "--out-dir", f"{here}/results", "--jobs", "1"]) == 0
    return here


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand-ins for networks and for registration of scans; no atlas has been fetched."""
    monkeypatch.setenv("YUCCA_WM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("yucca_wm.models.segment.segment", people.segment)
    networks = SimpleNamespace(regions=None, tissue=None)
    monkeypatch.setattr("yucca_wm.models.shipped.networks", lambda _: networks)
    monkeypatch.setattr("yucca_wm.predict.cohort.networks", lambda _: networks)
    monkeypatch.setattr("yucca_wm.predict.case.bring_to_one_frame", people.one_frame)
    monkeypatch.setattr("yucca_wm.groups.logistic.REPEATS", 1)


def run(patch: pytest.MonkeyPatch, command: str, words: list[str]) -> int:
    """The exit code of a command; a traceback is one of this test."""
    patch.setattr(sys, "argv", [command, *words])
    try:
        return exit_code(
            importlib.import_module(f"yucca_wm.{command}.__main__" if command != "doctor" else "yucca_wm.doctor").main
        )
    except SystemExit as stop:
        return int(stop.code or 0)


def parsers(command: str) -> list[argparse.ArgumentParser]:
    """The parser of a command, with those of its steps, as ``main`` makes it."""

    class Made(BaseException):
        pass

    def stop(self: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise Made(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        with pytest.raises(Made) as made:
            run(patch, command, [])
    whole = made.value.args[0]
    steps = [action for action in whole._actions if isinstance(action, argparse._SubParsersAction)]
    return [whole, *(parser for action in steps for parser in action.choices.values())]


def test_every_command_is_here() -> None:
    folder = Path(yucca_wm.__file__).parent
    assert {path.parent.name for path in folder.glob("*/__main__.py")} | {"doctor"} == {*MATRIX, *LEFT_OUT}


@pytest.mark.parametrize("command", MATRIX)
def test_every_documented_option_is_here(command: str) -> None:
    for parser in parsers(command):
        steps = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        step = parser.prog.split()[-1]
        own = [words.split() for words in MATRIX[command] if not parsers_step(command) or words.startswith(step)]
        named = {parser._option_string_actions[word].dest for words in own for word in words
                 if word in parser._option_string_actions}  # fmt: skip
        known = {action.dest for action in parser._actions
                 if action.option_strings and action.help != argparse.SUPPRESS}  # fmt: skip
        assert known - named - ELSEWHERE == set(), step
        assert steps or not parsers_step(command) or own


def parsers_step(command: str) -> bool:
    """Whether a command has steps, which its words begin with."""
    return command in ("groups", "atlas")


def entries() -> Iterator[tuple[str, str, str, str, int]]:
    """Command, words, layout, scans, exit code. Words of a cohort that succeed: `check` on every kind of cohort; of the
    others the first on every kind, and every further one on a kind of its own in turn."""
    for command, all_words in MATRIX.items():
        turn = 0
        for number, (words, code) in enumerate(all_words.items()):
            kinds = KINDS
            if "{cohort}" not in words:
                kinds = [("table", "both")]
            elif number and command != "check":
                turn += 1
                kinds = [KINDS[turn % len(KINDS)]]
            for layout, scans in kinds:
                yield command, words, layout, scans, code


@pytest.mark.parametrize(("command", "words", "layout", "scans", "code"), list(entries()))
def test_exit_code_and_tables_are_as_documented(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    command: str, words: str, layout: str, scans: str, code: int,
) -> None:  # fmt: skip
    cohort = here / f"{layout}_{scans}" / ("people.tsv" if layout == "table" else "")
    if "--wm auto" in words and "T1" not in SCANS[scans]:
        code = 1  # white matter is found on a T1
    out = tmp_path / "out"
    filled = words.format(here=here, cohort=cohort, layout=layout, person=named(layout, "2"), out=out).split()
    assert run(monkeypatch, command, filled) == code
    said = capsys.readouterr()
    assert (code == 0) or said.err
    if code == 0 and command in AFTERWARDS:
        AFTERWARDS[command](out, layout, words)


def total_ml(out: Path) -> dict[str, float]:
    with (out / "lesion_load.tsv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return {row["subject"]: float(row["lesion_volume_ml"]) for row in rows if row["name"] == "total"}


def check_prediction(out: Path, layout: str, words: str) -> None:
    """The stand-in reads exactly the lesions of each person, whatever the layout and the scans."""
    if "{person}" in words:
        assert [path.name for path in (out / "lesions").iterdir()] == [f"{named(layout, '2')}.nii.gz"]
    elif "--t1" in words:
        assert total_ml(out) == pytest.approx({"me": VOXEL_ML * lesions_of("2").sum()})
    elif "model" not in words:
        assert total_ml(out) == pytest.approx({named(layout, n): VOXEL_ML * lesions_of(n).sum() for n in NUMBERS})


def check_regions(out: Path, layout: str, words: str) -> None:
    """Nobody is left out, and the table names everybody in natural order."""
    if "--out-dir" in words and "{person}" not in words:
        with (out / "parcellation.tsv").open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        assert [row["subject"] for row in rows] == [named(layout, number) for number in NUMBERS]


def check_scores(out: Path, _: str, words: str) -> None:
    with (out / "cases.tsv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert {row["subject"] for row in rows} == {f"P{number}" for number in NUMBERS}
    if words.startswith(SCORE):
        for row in rows:
            true = lesions_of(row["subject"][1:])
            both = (true & np.roll(true, 1, 0)).sum()
            assert float(row["dice"]) == pytest.approx(both / true.sum(), rel=1e-5)


def some_files(*names: str) -> Callable[[Path, str, str], None]:
    def check(out: Path, _: str, __: str) -> None:
        found = {path.name for path in [*out.parent.glob("out.*"), *out.glob("*")]}
        assert any(name in found for name in names)

    return check


AFTERWARDS = {
    "predict": check_prediction,
    "parcellate": check_regions,
    "evaluate": check_scores,
    "report": some_files("index.html"),
    "groups": some_files("associations.tsv", "clusters.tsv"),
    "ensemble": some_files("P2.nii.gz"),
    "export": some_files("out.zip"),
    "atlas": some_files("regions.nii.gz", "a.png"),
}


@pytest.mark.parametrize(("layout", "scans"), KINDS)
def test_localize_takes_every_kind_of_cohort(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    layout: str, scans: str,
) -> None:  # fmt: skip
    cohort = here / f"done_{layout}_{scans}" / ("people.tsv" if layout == "table" else "")
    words = ["--cohort", str(cohort), "--layout", layout, "--out-dir", str(tmp_path), "--jobs", "1"]
    assert run(monkeypatch, "localize", words) == 0
    assert total_ml(tmp_path) == pytest.approx({named(layout, n): VOXEL_ML * lesions_of(n).sum() for n in NUMBERS})
    capsys.readouterr()
