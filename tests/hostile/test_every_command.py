"""The whole corpus at once through each command: an error for every bad file, and not a byte changed of the others."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from yucca_wm.check.__main__ import main as check
from yucca_wm.localize.__main__ import main as localize
from yucca_wm.parcellate.__main__ import main as parcellate
from yucca_wm.tasks.convert import convert_or_exit

from .corpus import HOSTILE_NAMES, KINDS, Verdict
from .verdicts import GOOD, judge, reported, subject_of

pytestmark = pytest.mark.hostile

TASK = "Task001_WM_Lesion"


def lay_out(cohort: Path, good: Path, names: Iterable[str]) -> None:
    """A cohort in the WMH challenge's layout, all in training."""
    for name in names:
        pre = cohort / "training" / name / "pre"
        pre.mkdir(parents=True)
        for file, source in (("T1", "image"), ("FLAIR", "image"), ("wm", "wm")):
            shutil.copyfile(good / f"{source}.nii.gz", pre / f"{file}.nii.gz")
        shutil.copyfile(good / "lesions.nii.gz", pre.parent / "wmh.nii.gz")


def plant(cohort: Path, good: Path, file: str, source: str) -> None:
    """One subject of each kind whose ``file`` is broken."""
    for kind in KINDS:
        lay_out(cohort, good, [subject_of(kind)])
        pre = cohort / "training" / subject_of(kind) / "pre"
        (pre / f"{file}.nii.gz").unlink()
        kind.write(good / f"{source}.nii.gz", pre / (file + kind.suffix))


def contents(folder: Path, *names: str) -> dict[str, bytes]:
    """Label maps and images of the subjects ``names``."""
    found = (path for path in sorted(folder.rglob("*.nii*")) if path.name.startswith(names))
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def subjects_with_output(folder: Path) -> set[str]:
    return {path.name[:6] for path in folder.rglob("bad_*.nii*")}


def judge_run(
    run: Callable[[], int], outputs: Path, reference: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """Run a command and compare what it said and left with what each kind deserves."""
    capsys.readouterr()
    assert run() == 1
    bad = reported(capsys.readouterr().err)
    left = subjects_with_output(outputs)
    judge(bad, lambda name: name in left)
    assert reference
    assert contents(outputs, *GOOD) == reference


def exit_code(command: Callable[[], object]) -> int:
    try:
        command()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_conversion(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(tmp_path / "clean", folder, GOOD)
    convert_or_exit(TASK, str(tmp_path / "clean"), None, str(tmp_path / "raw_clean"))
    lay_out(tmp_path / "cohort", folder, GOOD)
    plant(tmp_path / "cohort", folder, "T1", "image")
    raw = tmp_path / "raw"

    def run() -> int:
        return exit_code(lambda: convert_or_exit(TASK, str(tmp_path / "cohort"), None, str(raw)))

    judge_run(run, raw, contents(tmp_path / "raw_clean", *GOOD), capsys)
    unusable = {subject_of(kind) for kind in KINDS if kind.verdict is Verdict.UNUSABLE}
    assert not unusable & subjects_with_output(raw)


def test_parcellate(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(tmp_path / "clean", folder, GOOD)
    lay_out(tmp_path / "cohort", folder, GOOD)
    plant(tmp_path / "cohort", folder, "wm", "wm")

    def run(cohort: str) -> int:
        atlas = ["--atlas-wm", str(folder / "wm.nii.gz"), "--atlas-labels", str(folder / "regions.nii.gz")]
        out = ["--cohort", str(tmp_path / cohort), "--out-dir", str(tmp_path / f"out_{cohort}"), "--no-picture"]
        return parcellate([*atlas, *out])

    assert run("clean") == 0
    judge_run(lambda: run("cohort"), tmp_path / "out_cohort", contents(tmp_path / "out_clean", *GOOD), capsys)


def test_localize(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lesions, regions, out = (tmp_path / name for name in ("lesions", "regions", "out"))
    for place in (lesions, regions):
        place.mkdir()

    def run() -> int:
        return localize(["--lesions", str(lesions), "--regions", str(regions), "--out_dir", str(out), "--jobs", "1"])

    def rows(*names: str) -> list[str]:
        return [line for line in (out / "lesion_load.tsv").read_text().splitlines() if line.startswith(names)]

    for name in GOOD:
        shutil.copyfile(folder / "lesions.nii.gz", lesions / f"{name}.nii.gz")
        shutil.copyfile(folder / "regions.nii.gz", regions / f"{name}.nii.gz")
    assert run() == 0
    reference = rows(*GOOD)
    assert len(reference) > 2 * 34
    for kind in KINDS:
        kind.write(folder / "lesions.nii.gz", lesions / (subject_of(kind) + kind.suffix))
        shutil.copyfile(folder / "regions.nii.gz", regions / f"{subject_of(kind)}.nii.gz")
    capsys.readouterr()
    assert run() == 1
    judge(reported(capsys.readouterr().err), lambda name: bool(rows(name)))
    assert rows(*GOOD) == reference


def test_check(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yucca_wm.check.scan.check_one", lambda image: (image, []))  # these people are small,
    monkeypatch.setattr("yucca_wm.check.scan.check_different", lambda _: None)  # and all alike
    cohort = tmp_path / "cohort"
    lay_out(cohort, folder, GOOD)
    plant(cohort, folder, "FLAIR", "image")
    assert check([str(cohort), "--jobs", "1", "--tsv", str(tmp_path / "problems.tsv")]) == 1
    out, err = capsys.readouterr()
    assert "Traceback" not in err + out
    rows = [line.split("\t") for line in (tmp_path / "problems.tsv").read_text().splitlines()[1:]]
    of_files = {subject for subject, level, _, _, file in rows if level == "error" and "FLAIR.nii" in file}
    due = {subject_of(kind) for kind in KINDS if kind.verdict is not Verdict.FINE}
    assert of_files == due


def test_names(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is used as it is or refused; it is never run, expanded, or written into a page as markup."""
    monkeypatch.chdir(tmp_path)
    cohort, raw, out = (tmp_path / name for name in ("cohort", "raw", "out"))
    lay_out(cohort, folder, [*GOOD, *HOSTILE_NAMES])
    assert exit_code(lambda: convert_or_exit(TASK, str(cohort), None, str(raw))) == 1
    err = capsys.readouterr().err
    refused = [name for name in HOSTILE_NAMES if f"error: {name}: " in err]
    assert refused == [name for name in HOSTILE_NAMES if name != "x" * 200]
    atlas = ["--atlas-wm", str(folder / "wm.nii.gz"), "--atlas-labels", str(folder / "regions.nii.gz")]
    code = parcellate([*atlas, "--cohort", str(cohort), "--out-dir", str(out)])
    assert "Traceback" not in capsys.readouterr().err
    assert code == 0
    for name in (*GOOD, *HOSTILE_NAMES):
        assert (out / name / f"{name}_regions.nii.gz").is_file()
    assert "<img src=x>" not in (out / "parcellation.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cohort", "out", "raw"]


def test_names_that_differ_in_case_only(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each keeps its own files where the file system tells them apart; a task, which may move to one that does not,
    takes neither."""
    lay_out(tmp_path / "cohort", folder, [*GOOD, "Twin", "twin"])
    assert exit_code(lambda: convert_or_exit(TASK, str(tmp_path / "cohort"), None, str(tmp_path / "raw"))) == 1
    err = capsys.readouterr().err
    assert "error: Twin: " in err
    assert "error: twin: " in err
    assert not [path for path in (tmp_path / "raw").rglob("*.nii*") if path.name.lower().startswith("twin")]
    atlas = ["--atlas-wm", str(folder / "wm.nii.gz"), "--atlas-labels", str(folder / "regions.nii.gz")]
    out = ["--cohort", str(tmp_path / "cohort"), "--out-dir", str(tmp_path / "out"), "--no-picture"]
    assert parcellate([*atlas, *out]) == 0
    for name in ("Twin", "twin"):
        assert (tmp_path / "out" / name / f"{name}_regions.nii.gz").is_file()
