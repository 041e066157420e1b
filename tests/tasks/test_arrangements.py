"""The same files as challenge folders, as BIDS and as a table become the same cases."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from yucca_wm.cohort.layouts import find_subjects
from yucca_wm.cohort.subject import regions_path
from yucca_wm.tasks.convert import convert
from yucca_wm.tasks.definition import TASKS

NUMBERS = {"training": (0, 2, 10), "test": (1, 11)}


def challenge(cohort: Any, root: Path) -> None:
    for side, numbers in NUMBERS.items():
        for number in numbers:
            shutil.copytree(cohort.subject(f"WMH_{number}"), root / side / f"sub-{number}")


def bids(cohort: Any, root: Path) -> None:
    rows = ["participant_id\tsplit"]
    for side, numbers in NUMBERS.items():
        for number in numbers:
            name = f"sub-{number}"
            anat, derived = root / name / "anat", root / "derivatives/lesions" / name / "anat"
            anat.mkdir(parents=True)
            derived.mkdir(parents=True)
            shutil.copyfile(cohort.t1(f"WMH_{number}"), anat / f"{name}_T1w.nii.gz")
            shutil.copyfile(cohort.flair(f"WMH_{number}"), anat / f"{name}_FLAIR.nii.gz")
            shutil.copyfile(cohort.lesions(f"WMH_{number}"), derived / f"{name}_label-lesion_mask.nii.gz")
            rows.append(f"{name}\t{'train' if side == 'training' else 'test'}")
    (root / "participants.tsv").write_text("\n".join(rows) + "\n")


def table(cohort: Any, root: Path) -> None:
    rows = ["subject\tt1\tflair\tlesions\tregions\tsplit"]
    for side, numbers in NUMBERS.items():
        for number in numbers:
            name = f"WMH_{number}"
            files = (cohort.t1(name), cohort.flair(name), cohort.lesions(name), cohort.regions(name))
            rows.append("\t".join([f"sub-{number}", *map(str, files), "train" if side == "training" else "test"]))
    (root / "cohort.tsv").write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize("arrange", [bids, table])
def test_same_cases(arrange: Any, cohort: Any, tmp_path: Path) -> None:
    for name, lay_out in (("challenge", challenge), ("other", arrange)):
        (tmp_path / name).mkdir()
        lay_out(cohort, tmp_path / name)
        for number in (0, 2, 10, 1, 11):
            regions = regions_path(tmp_path / name, f"sub-{number}")
            regions.parent.mkdir(parents=True)
            shutil.copyfile(cohort.regions(f"WMH_{number}"), regions)
        for task in TASKS.values():
            assert convert(task, tmp_path / name, tmp_path / f"raw_{name}").failures == {}
    cases = {
        name: {
            str(path.relative_to(tmp_path / f"raw_{name}")): path.read_bytes()
            for path in (tmp_path / f"raw_{name}").rglob("*.nii.gz")
        }
        for name in ("challenge", "other")
    }
    assert len(cases["challenge"]) == 2 * (14 + 2 + 2)
    assert cases["other"] == cases["challenge"]


@pytest.mark.parametrize(
    ("column", "file"),
    [
        ("lesions", "label-lesion_mask"),
        ("lesions", "label-WMH_mask"),
        ("lesions", "desc-lesion_mask"),
        ("lesions", "desc-wmh_mask"),
        ("lesions", "label-lesions_desc-manual_dseg"),
        ("wm", "label-WM_mask"),
        ("wm", "label-WM_probseg"),
        ("wm", "desc-aseg_dseg"),
        ("wm", "desc-fastaid_dseg"),
        ("wm", "desc-synthseg_dseg"),
        ("wm", "dseg"),
    ],
)
def test_documented_bids_names(column: str, file: str, tmp_path: Path) -> None:
    (tmp_path / "sub-1/anat").mkdir(parents=True)
    path = tmp_path / "derivatives/tool/sub-1/anat" / f"sub-1_{file}.nii.gz"
    path.parent.mkdir(parents=True)
    path.touch()
    (subject,) = find_subjects(tmp_path)
    assert {name: getattr(subject, name) for name in ("lesions", "wm")} == {"lesions": None, "wm": None, column: path}
