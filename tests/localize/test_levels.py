"""Every option of localize works at every level: people one by one and then the group leave what a whole run leaves."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.ensemble import codec, store
from yucca_wm.ensemble.probabilities import Grid
from yucca_wm.jobs.run_record import RECORD
from yucca_wm.localize.__main__ import build_parser, main
from yucca_wm.registration import itk

SHAPE = (12, 10, 8)
AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])
PEOPLE = ("P2", "P10", "P3")

FOLDERS = ["--lesions", "{here}/lesions", "--regions", "{here}/regions"]

OPTIONS: dict[str, Sequence[str]] = {
    "lesions and regions": FOLDERS,
    "cohort": ["--cohort", "{here}/table.tsv"],
    "layout": ["--cohort", "{here}/table.tsv", "--layout", "table"],
    "cohort with other regions": ["--cohort", "{here}/table.tsv", "--regions", "{here}/regions"],
    "lesion_labels": [*FOLDERS, "--lesion-labels", "1", "2"],
    "all lesion_labels": [*FOLDERS, "--lesion-labels", "all"],
    "ignore_labels": [*FOLDERS, "--ignore-labels", "2", "3"],
    "threshold": ["--lesions", "{here}/probabilities", "--regions", "{here}/regions", "--threshold", "0.4"],
    "names": [*FOLDERS, "--names", "{here}/names.tsv"],
    "connectivity": [*FOLDERS, "--connectivity", "6"],
    "min_size": [*FOLDERS, "--min-size", "30"],
    "assign_outside": [*FOLDERS, "--assign-outside", "5"],
    "ventricles": [*FOLDERS, "--ventricles", "{here}/ventricles"],
    "tissue": [*FOLDERS, "--tissue", "{here}/tissue"],
    "maps": [*FOLDERS, "--maps"],
    "bids": [*FOLDERS, "--bids"],
    "to_template": [*FOLDERS, "--to-template", "{here}/regions/P2.nii.gz", "--transforms", "none"],
    "transforms": [*FOLDERS, "--to-template", "{here}/regions/P2.nii.gz", "--transforms", "{here}/transforms"],
    "to_template of a cohort": ["--cohort", "{here}/table.tsv", "--to-template", "{here}/regions/P2.nii.gz"],
    "soft": [*FOLDERS, "--soft"],
    "lesion_softmax, region_softmax": [
        *FOLDERS, "--soft", "--lesion-softmax", "{here}/lesions_softmax/T1", "--region-softmax",
        "{here}/regions_softmax/T1",
    ],
    "t1_lesions, flair_lesions": [*FOLDERS, "--t1-lesions", "{here}/other", "--flair-lesions", "{here}/lesions"],
    "t1_regions, flair_regions": [
        *FOLDERS, "--t1-lesions", "{here}/other", "--t1-regions", "{here}/regions",
        "--flair-lesions", "{here}/lesions", "--flair-regions", "{here}/regions",
    ],
    "header": [*FOLDERS, "--header", "sform"],
    "resample": ["--lesions", "{here}/lesions", "--regions", "{here}/shifted", "--resample"],
}  # fmt: skip
"""What each is about (its options by name) -> words."""

HOW = {
    "name",
    "quiet",
    "verbose",
    "help",
    "out_dir",
    "jobs",
    "scheduler",
    "slurm",
    "force",
    "participant_label",
    "level",
}
"""Where results go, and how they are made."""


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tiny people with everything that an option may ask for."""
    here = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    regions = np.zeros(SHAPE, np.uint8)
    regions[:5, :, 1:7], regions[7:, :, 1:7] = 1, 18
    shifted = AFFINE.copy()
    shifted[0, 3] = 1
    lines = ["subject\tlesions\tregions"]
    for name in PEOPLE:
        lesions = (rng.random(SHAPE) < 0.1).astype(np.uint8) + (rng.random(SHAPE) < 0.02).astype(np.uint8)
        save(here / f"lesions/{name}.nii.gz", lesions)
        save(here / f"other/{name}.nii.gz", (rng.random(SHAPE) < 0.1).astype(np.uint8))
        save(here / f"probabilities/{name}.nii.gz", rng.random(SHAPE, np.float32) ** 3)
        save(here / f"regions/{name}.nii.gz", regions)
        save(here / f"shifted/{name}.nii.gz", regions, shifted)
        ventricles = np.zeros(SHAPE, np.uint8)
        ventricles[5:7, 4:6, 3:5] = 1
        save(here / f"ventricles/{name}.nii.gz", ventricles)
        tissue = 1 + 3 * ventricles  # white matter around the lateral ventricles
        tissue[0, 0, :5] = 2, 3, 5, 6, 7
        save(here / f"tissue/{name}.nii.gz", tissue)
        save(here / f"parcellated/{name}/{name}_regions.nii.gz", regions)
        matrix = np.eye(4)
        matrix[0, 3] = 2
        (here / "transforms").mkdir(exist_ok=True)
        for place in (here / "transforms", here / "parcellated" / name):
            itk.save_affine(matrix, place / f"{name}_regions_affine.tfm")
        for what, classes in (("lesions", 3), ("regions", 37)):
            place = here / f"{what}_softmax" / "T1"
            place.mkdir(parents=True, exist_ok=True)
            softmax = codec.softmax(2 * rng.standard_normal((classes, *SHAPE)))
            store.write_array(place / f"{name}.npz", softmax, Grid(SHAPE, AFFINE))
        lines.append(f"{name}\tlesions/{name}.nii.gz\tparcellated/{name}/{name}_regions.nii.gz")
    (here / "table.tsv").write_text("\n".join(lines) + "\n")
    (here / "names.tsv").write_text("index\tname\tside\n1\tone\tleft\n18\teighteen\tright\n")
    return here


def run(here: Path, out: Path, words: Sequence[str], *more: str) -> int:
    return main([*(word.format(here=here) for word in words), "--out-dir", str(out), "--jobs", "1", *more])


def contents(out: Path) -> dict[str, bytes]:
    """All files but the run record, which tells the time."""
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != RECORD}


def test_every_option_is_here() -> None:
    known = {action.dest for action in build_parser()._actions}
    assert known == HOW | {
        word.lstrip("-").replace("-", "_") for words in OPTIONS.values() for word in words if word[:2] == "--"
    }


@pytest.mark.parametrize("about", OPTIONS)
def test_people_one_by_one_then_the_group_leave_what_a_whole_run_leaves(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], about: str
) -> None:
    monkeypatch.setattr("yucca_wm.localize.outputs.group.draw_heat_map", lambda names, *_: names)  # the slow part
    monkeypatch.setattr(
        "yucca_wm.localize.outputs.group.save_figure", lambda names, path: path.write_text(" ".join(names))
    )
    words = OPTIONS[about]
    assert run(here, tmp_path / "out", words) == 0
    whole = contents(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    for name in sorted(PEOPLE):
        assert run(here, tmp_path / "out", words, "--participant-label", name) == 0
        assert not (tmp_path / "out/lesion_load.tsv").exists()
    assert run(here, tmp_path / "out", words, "--level", "group") == 0
    again = contents(tmp_path / "out")
    assert list(again.keys() ^ whole.keys()) == []
    assert [name for name in whole if again[name] != whole[name]] == []
    assert run(here, tmp_path / "out", words, "--level", "participant") == 0  # nothing is left to do
    assert contents(tmp_path / "out") == whole
    capsys.readouterr()


@pytest.mark.parametrize("more", [["--force"], ["--scheduler", "tcp://x:1"], ["--slurm", "queue=long"]])
def test_what_would_do_nothing_at_the_group_level_is_refused(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run(here, tmp_path / "out", FOLDERS, "--level", "group", *more)
    assert stop.value.code == 2
    assert "--level group" in capsys.readouterr().err


def test_the_group_level_names_who_was_not_carried_to_the_template(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, words = OPTIONS["lesions and regions"], OPTIONS["to_template"]
    assert run(here, tmp_path / "out", plain, "--participant-label", "P3") == 0
    assert run(here, tmp_path / "out", words, "--participant-label", "P2", "P10") == 0
    capsys.readouterr()
    assert run(here, tmp_path / "out", words, "--level", "group") == 1
    assert "error: P3: is not done yet" in capsys.readouterr().err
    assert (tmp_path / "out/template/template.tsv").read_text().count("\n") == 3
