"""Who is ready: everybody whom predict takes; what only training needs is a note, one line for all."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from yucca_wm.check.__main__ import main
from yucca_wm.check.cohort import check_cohort
from yucca_wm.check.findings import COHORT, Level

from .cohort_files import Files, edit

_, WARNING, NOTE = Level


def test_names_that_differ_in_case_only_and_ends_of_others(tmp_path: Path, clean: Path) -> None:
    for name in ("S1", "s1", "A", "BA"):
        number = ["S1", "s1", "A", "BA"].index(name)
        shutil.copytree(Files(clean, number).folder, tmp_path / "training" / name)
    report = check_cohort(tmp_path)
    problems = {(problem.level, problem.subject, problem.problem) for problem in report.problems}
    case_only = "another subject's name differs in upper and lower case only"
    taken = "training would confuse it with subjects whose names contain its name"
    assert {(WARNING, "S1", case_only), (WARNING, "s1", case_only), (NOTE, "A", taken)} <= problems
    assert "BA" not in {subject for _, subject, _ in problems}
    assert (report.errors, report.ready) == ((), 4)


def test_somebody_with_one_of_two_scans_is_ready(
    tmp_path: Path, clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As predict takes either."""
    for number in (1, 2, 3):
        shutil.copytree(Files(clean, number).folder, Files(tmp_path, number).folder)
    Files(tmp_path, 1).flair.unlink()
    Files(tmp_path, 2).t1.unlink()
    assert main([str(tmp_path), "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "warning  WMH_1  has no FLAIR; its T1 is used alone: few lesions show on it; training" in out
    assert "warning  WMH_2  has no T1; its FLAIR is used alone: training" in out
    assert "leaves the subject out, as does parcellate --wm auto" in out
    assert out.splitlines()[-1] == "0 errors, 2 warnings; 3 of 3 subjects ready"


def test_what_only_training_needs_is_a_line_and_no_warning(
    tmp_path: Path, clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of two normal people with T1 and FLAIR on grids of their own, all on one side of the split."""
    for number in (1, 2):
        shutil.copytree(Files(clean, number).folder, Files(tmp_path, number).folder)
        edit(Files(tmp_path, number).t1, lambda d: d[:-2])
    edit(Files(tmp_path, 2).wm, lambda d: np.ones_like(d))
    assert main([str(tmp_path), "--tsv", str(tmp_path / "problems.tsv"), "--jobs", "1"]) == 0
    warning, grids, split, last = capsys.readouterr().out.splitlines()[-4:]
    assert warning.startswith("warning  WMH_2  holds ")
    assert grids.startswith("note: 2 subjects: T1 and FLAIR are on different grids; predict registers them; to train")
    assert split.startswith("note: the cohort has no test subject; to train, put subjects into a test folder")
    assert last == "0 errors, 1 warning; 2 of 2 subjects ready"
    rows = [line.split("\t")[:2] for line in (tmp_path / "problems.tsv").read_text().splitlines()[1:]]
    assert rows == [["WMH_2", "warning"], ["WMH_1", "note"], ["WMH_2", "note"], [COHORT, "note"]]


def test_what_predict_does_completely_is_ready(tmp_path: Path, clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names that end alike, one T1 of two people, masks and white matter of one of three: each was an error."""
    for name, number in (("a1", 1), ("ba1", 2), ("c", 4)):
        shutil.copytree(Files(clean, number).folder, tmp_path / "training" / name)
    for name in ("ba1", "c"):
        (tmp_path / f"training/{name}/wmh.nii.gz").unlink()
        (tmp_path / f"training/{name}/pre/wm.nii.gz").unlink()
    shutil.copyfile(tmp_path / "training/a1/pre/T1.nii.gz", tmp_path / "training/c/pre/T1.nii.gz")
    assert main([str(tmp_path), "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()[-7:]
    same = "keep one of them, or training and groups count it twice"
    assert lines[0] == f"warning  a1  has the same t1 voxels as c; {same}"
    assert lines[1] == f"warning  c   has the same t1 voxels as a1; {same}"
    assert lines[2].startswith("note: a1: training would confuse it with subjects whose names contain its name")
    assert lines[3].startswith("note: 2 subjects: has neither a white-matter segmentation nor regions; to train on ")
    assert lines[4].startswith("note: 2 subjects: has no lesion mask; to train, add it (WMH challenge: wmh.nii.gz")
    assert lines[5].startswith("note: the cohort has no test subject")
    assert lines[6] == "0 errors, 2 warnings; 3 of 3 subjects ready"


@pytest.mark.parametrize("without", [{1}, {1, 2}, {3}])
def test_whoever_has_no_mask_is_noted_on_either_side_of_a_drawn_split(
    without: set[int], tmp_path: Path, clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tasks would draw two people to train and one to test."""
    for number in (1, 2, 3):
        anat, derived = tmp_path / f"sub-{number}/anat", tmp_path / f"derivatives/rater/sub-{number}/anat"
        anat.mkdir(parents=True)
        derived.mkdir(parents=True)
        shutil.copyfile(Files(clean, number).flair, anat / f"sub-{number}_FLAIR.nii.gz")
        if number not in without:
            shutil.copyfile(Files(clean, number).lesions, derived / f"sub-{number}_label-lesion_mask.nii.gz")
    main([str(tmp_path), "--jobs", "1"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "has no lesion mask" in line]
    who = f"sub-{min(without)}" if len(without) == 1 else "2 subjects"
    assert line.startswith(f"note: {who}: has no lesion mask; to train, add it")


def test_who_cannot_be_read_is_an_error_said_once(
    tmp_path: Path, clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in ((1, "sub-1"), (2, "sub-2")):
        anat = tmp_path / name / "anat"
        anat.mkdir(parents=True)
        shutil.copyfile(Files(clean, number).t1, anat / f"{name}_T1w.nii.gz")
    (tmp_path / "sub-2/anat/sub-3_FLAIR.nii.gz").touch()
    (tmp_path / "participants.tsv").write_text("participant_id\nsub-4\n")
    assert main([str(tmp_path), "--jobs", "1"]) == 1
    said = capsys.readouterr()
    (line,) = [line for line in said.out.splitlines() if line.startswith("error")]
    problem = "is of sub-3 by its name, but lies with the files of sub-2; move it to a folder of its own, or rename it"
    assert line == f"error    sub-2  {problem}  [{tmp_path / 'sub-2/anat/sub-3_FLAIR.nii.gz'}]"
    assert said.out.splitlines()[-1] == "1 error, 0 warnings; 1 of 2 subjects ready"
    (note,) = [line for line in said.err.splitlines() if line.startswith("note")]
    assert note == f"note: {tmp_path / 'participants.tsv'}: lists 1 name without a folder here: sub-4"


def test_nobody_is_ready_without_a_scan(tmp_path: Path) -> None:
    """It was "1 of 1 subject ready", beside "no subject has a T1 or a FLAIR"."""
    table = tmp_path / "cohort.tsv"
    table.write_text("subject\tsplit\na\ttest\n")
    report = check_cohort(table)
    assert (report.ready, [problem.problem for problem in report.errors]) == (0, ["no subject has a T1 or a FLAIR"])


def test_scans_that_are_named_the_other_way_round_are_warned_of(tmp_path: Path, clean: Path) -> None:
    """Their contrasts are alike here, so that the names alone tell."""
    files = Files(clean, 1)
    for name, scan in (("x_FLAIR", files.t1), ("x_T1", files.flair)):
        shutil.copy(scan, tmp_path / f"{name}.nii.gz")
    table = tmp_path / "cohort.tsv"
    table.write_text("subject\tt1\tflair\na\tx_FLAIR.nii.gz\tx_T1.nii.gz\n")
    said = [problem.problem for problem in check_cohort(table).problems if "exchanged" in problem.problem]
    assert "the file given as the T1 is called x_FLAIR.nii.gz: check that T1 and FLAIR are not exchanged" in said


def test_names_that_are_taken_for_visits_are_told(tmp_path: Path) -> None:
    """Nothing but their names says so: 001_v1 may be another person than 001_v2."""
    table = tmp_path / "cohort.tsv"
    names = ("001_v1", "001_v2", "002_v1", "003_bl", "003_fu", "site1_V01", "site1_V02", "sub-1_ses-1", "sub-1_ses-2")
    table.write_text("\n".join(["subject\tt1", *(f"{name}\tx.nii.gz" for name in names)]) + "\n")
    said = [problem.problem for problem in check_cohort(table).problems if "visits" in problem.problem]
    assert said == ["taken for visits of one person: 001_v1, 001_v2, and those of 1 more name"]


def test_of_scans_alone_nothing_is_said_about_training(
    tmp_path: Path, clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two people with both scans, one with a FLAIR, one with a T1; nobody has a map."""
    for number, names in ((1, ("T1", "FLAIR")), (2, ("T1", "FLAIR")), (3, ("FLAIR",)), (4, ("T1",))):
        (tmp_path / f"training/{number}/pre").mkdir(parents=True)
        for name in names:
            scan = Files(clean, number).folder / f"pre/{name}.nii.gz"
            shutil.copyfile(scan, tmp_path / f"training/{number}/pre/{name}.nii.gz")
    assert main([str(tmp_path), "--jobs", "1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "4 subjects with 3 t1, 3 flair, 0 wm, 0 lesions, 0 regions",
        "warning  WMH_3  has no T1; its FLAIR is used alone",
        "warning  WMH_4  has no FLAIR; its T1 is used alone: few lesions show on it",
        "0 errors, 2 warnings; 4 of 4 subjects ready",
    ]
