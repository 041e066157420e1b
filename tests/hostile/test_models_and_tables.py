"""The corpus through what comes after the region maps (predict, evaluate, report), and broken tables through groups."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.evaluate.__main__ import main as evaluate
from yucca_wm.groups.__main__ import main as groups
from yucca_wm.localize.__main__ import main as localize
from yucca_wm.predict.__main__ import main as predict
from yucca_wm.report.__main__ import main as report

from ..predict.conftest import make_version_folder, write_noisy_ball
from .corpus import KINDS
from .verdicts import GOOD, judge, reported, subject_of

pytestmark = pytest.mark.hostile


def good_alone(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in GOOD:
        shutil.copyfile(source, folder / f"{name}.nii.gz")


def plant(source: Path, folder: Path) -> None:
    """Two good files, and one of each kind."""
    good_alone(source, folder)
    for kind in KINDS:
        kind.write(source, folder / (subject_of(kind) + kind.suffix))


def run(command: Callable[[], int], *arguments: str) -> int:
    """As from the command line."""
    before, sys.argv = sys.argv, ["command", *arguments]
    try:
        return command()
    finally:
        sys.argv = before


def rows(path: Path, *names: str) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.startswith(names)]


def test_predict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_version_folder(tmp_path / "version_0", 3, "2D", seed=1)
    scan = write_noisy_ball(tmp_path / "scan.nii.gz", seed=0)

    def predicted(cohort: str) -> int:
        out = str(tmp_path / f"out_{cohort}")
        table = str(tmp_path / f"{cohort}.tsv")
        return run(predict, "--input", table, "--lesion-model", str(model), "--out-dir", out, "--device", "cpu")

    good_alone(scan, tmp_path / "clean")
    plant(scan, tmp_path / "all")
    for cohort in ("clean", "all"):
        files = sorted((tmp_path / cohort).iterdir(), key=lambda path: path.name)
        lines = [f"{path.name.split('.')[0]}\t{path}" for path in files]
        (tmp_path / f"{cohort}.tsv").write_text("\n".join(["subject\tt1", *lines]) + "\n")
    assert predicted("clean") == 0
    capsys.readouterr()
    assert predicted("all") == 1
    lesions = tmp_path / "out_all" / "lesions"
    judge(reported(capsys.readouterr().err), lambda name: (lesions / f"{name}.nii.gz").exists())
    for name in GOOD:
        expected = tmp_path / "out_clean" / "lesions" / f"{name}.nii.gz"
        assert (lesions / f"{name}.nii.gz").read_bytes() == expected.read_bytes()


def test_evaluate(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def evaluated(pred: str) -> int:
        paths = ("--pred", str(tmp_path / pred), "--gt", str(tmp_path / "gt"), "--out_dir", str(tmp_path / f"o_{pred}"))
        return run(evaluate, *paths, "--kind", "lesions")

    good_alone(folder / "lesions.nii.gz", tmp_path / "gt")
    good_alone(folder / "lesions.nii.gz", tmp_path / "clean")
    assert evaluated("clean") == 0
    plant(folder / "lesions.nii.gz", tmp_path / "all")
    for kind in KINDS:
        shutil.copyfile(folder / "lesions.nii.gz", tmp_path / "gt" / f"{subject_of(kind)}.nii.gz")
    capsys.readouterr()
    assert evaluated("all") == 1
    cases = tmp_path / "o_all" / "cases.tsv"
    judge(reported(capsys.readouterr().err), lambda name: bool(rows(cases, name)))
    assert rows(cases, *GOOD) == rows(tmp_path / "o_clean" / "cases.tsv", *GOOD)


def test_report(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An image only illustrates: without it a subject has its page, which says so, and is reported."""
    names = (*GOOD, *map(subject_of, KINDS))
    for what in ("lesions", "regions"):
        (tmp_path / what).mkdir()
        for name in names:
            os.link(folder / f"{what}.nii.gz", tmp_path / what / f"{name}.nii.gz")
    places = ("--lesions", str(tmp_path / "lesions"), "--regions", str(tmp_path / "regions"))
    assert localize([*places, "--out_dir", str(tmp_path / "results")]) == 0
    plant(folder / "image.nii.gz", tmp_path / "images")
    capsys.readouterr()
    pages = ("--results", str(tmp_path / "results"), "--out_dir", str(tmp_path / "pages"))
    assert report([*pages, "--images", str(tmp_path / "images")]) == 1
    subjects = tmp_path / "pages" / "subjects"

    def has_picture(name: str) -> bool:
        return "no picture of the lesions" not in (subjects / f"{name}.html").read_text()

    judge(reported(capsys.readouterr().err), has_picture)
    assert all(map(has_picture, GOOD))


HEADER = "subject\tname\tgroup\tload_percent\tlesion_volume_ml\n"

TABLES = {
    "empty": b"",
    "header alone": HEADER.encode(),
    "columns missing": b"subject\tname\na\tb\n",
    "other separator": HEADER.replace("\t", ",").encode() + b"a,CST_L,projection,1,1\n",
    "binary": np.random.default_rng(0).bytes(3000),
    "NUL bytes": HEADER.encode() + b"\0" * 500,
    "not UTF-8": HEADER.encode() + "é\tCST_L\tprojection\t1\t1\n".encode("latin-1"),
    "rows of other lengths": HEADER.encode() + b"a\tCST_L\tprojection\t1\t1\t9\t9\nb\tCST_L\n",
    "words for numbers": HEADER.encode() + b"a\tCST_L\tprojection\tmuch\t1\na\ttotal\ttotal\t\t1\n",
    "a region twice": HEADER.encode() + b"a\tCST_L\tprojection\t1\t1\n" * 2,
    "open quote": HEADER.encode() + b'"a\tCST_L\tprojection\t1\t1\n' * 20,
    "archive": b"\x1f\x8b\x08\x00" + bytes(200),
    "one subject": HEADER.encode() + b"a\tCST_L\tprojection\t1\t1\na\ttotal\ttotal\t\t1\n",
}


@pytest.mark.parametrize("command", ["cluster", "associate"])
@pytest.mark.parametrize("table", TABLES)
def test_groups(command: str, table: str, tmp_path: Path) -> None:
    (tmp_path / "lesion_load.tsv").write_bytes(TABLES[table])
    (tmp_path / "participants.tsv").write_text("participant_id\tdiagnosis\na\tyes\nb\tno\n")
    arguments = [command, "--loads", str(tmp_path), "--out_dir", str(tmp_path / "out")]
    if command == "associate":
        arguments += ["--participants", str(tmp_path / "participants.tsv"), "--outcome", "diagnosis"]
    with pytest.raises(InputError) as refusal:
        groups(arguments)
    assert "\n" not in str(refusal.value)
    assert not list((tmp_path / "out").glob("*.tsv"))


@pytest.mark.parametrize("table", TABLES)
def test_participants(table: str, tmp_path: Path) -> None:
    loads = [f"s{n}\tCST_L\tprojection\t{n}\t{n}\ns{n}\ttotal\ttotal\t\t{n}" for n in range(30)]
    (tmp_path / "lesion_load.tsv").write_text(HEADER + "\n".join(loads) + "\n")
    content = TABLES[table].replace(b"subject", b"participant_id").replace(b"load_percent", b"diagnosis")
    (tmp_path / "participants.tsv").write_bytes(content)
    arguments = ["associate", "--loads", str(tmp_path), "--participants", str(tmp_path / "participants.tsv")]
    with pytest.raises(InputError) as refusal:
        groups([*arguments, "--outcome", "diagnosis", "--out_dir", str(tmp_path / "out")])
    assert "\n" not in str(refusal.value)
    assert not list((tmp_path / "out").glob("*.tsv"))
