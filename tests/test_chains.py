"""Every command's output is the next one's input, in every form in which it is written: nothing is renamed, copied or
picked out in between."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.ensemble import codec, store
from yucca_wm.ensemble.__main__ import main as ensemble_main
from yucca_wm.ensemble.probabilities import Grid
from yucca_wm.evaluate.__main__ import main as evaluate_main
from yucca_wm.groups.__main__ import main as groups
from yucca_wm.localize.__main__ import main as localize
from yucca_wm.parcellate.__main__ import main as parcellate
from yucca_wm.report.__main__ import main as report

SHAPE, AFFINE = (20, 24, 18), np.diag([4.0, 4, 4, 1])  # registration and pictures take time by the mm
PEOPLE = ("WMH_2", "WMH_10", "WMH_11")


def save(path: Path, data: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, AFFINE), path)
    return path


def white_matter() -> np.ndarray:
    place = (np.indices(SHAPE).transpose(1, 2, 3, 0) - np.array(SHAPE) / 2 + 0.5) / np.array(SHAPE)
    x, y, z = np.moveaxis(place, -1, 0)
    return ((x**2 + y**2 + z**2 < 0.16) & ~((np.abs(x) < 0.08) & (z < 0)) & ~((y > 0.2) & (z > 0.1))).astype(np.uint8)


def labels() -> np.ndarray:
    """All 34 regions as slabs, left ones at small x."""
    i, j, _ = np.indices(SHAPE)
    left = 1 + (j * 17) // SHAPE[1]
    return (white_matter() * np.where(i < SHAPE[0] / 2, left, left + 17)).astype(np.uint8)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people in the layout of the WMH challenge, and an atlas."""
    study = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    save(study / "atlas_wm.nii.gz", white_matter())
    save(study / "atlas_labels.nii.gz", labels())
    for name in PEOPLE:
        subject = study / "cohort/training/Site" / name.removeprefix("WMH_")
        save(subject / "pre/wm.nii.gz", white_matter())
        for scan in ("T1", "FLAIR"):
            save(subject / f"pre/{scan}.nii.gz", rng.integers(1, 900, SHAPE).astype(np.int16))
        lesions = ((rng.random(SHAPE) < 0.05) & (white_matter() > 0)).astype(np.uint8)
        save(subject / "wmh.nii.gz", lesions)
        save(study / f"lesions/{name}.nii.gz", lesions)
        save(study / f"truth/{name}.nii.gz", labels())
    return study


def atlas(study: Path) -> list[str]:
    return ["--atlas-wm", str(study / "atlas_wm.nii.gz"), "--atlas-labels", str(study / "atlas_labels.nii.gz")]


def total_ml(out: Path) -> dict[str, float]:
    with (out / "lesion_load.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return {row["subject"]: float(row["lesion_volume_ml"]) for row in rows if row["name"] == "total"}


def expected_ml(study: Path) -> dict[str, float]:
    volumes = {name: np.count_nonzero(nib.load(study / f"lesions/{name}.nii.gz").get_fdata()) for name in PEOPLE}
    return {name: voxels * 0.064 for name, voxels in volumes.items()}


def evaluate(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, words)])
    return evaluate_main()


def check_pages(results: Path, out: Path) -> None:
    assert report(["--results", str(results), "--out-dir", str(out), "--cohort-only"]) == 0
    assert (out / "index.html").is_file()


@pytest.mark.parametrize("transform", ["affine", "deformable"])
def test_parcellate_one_by_one_then_localize(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], transform: str
) -> None:
    """Into one folder, whose region maps lie among pictures, records, transforms, fields and unmasked maps; the white
    matter of all is called alike."""
    regions = tmp_path / "regions"
    for name in PEOPLE:
        wm = study / "cohort/training/Site" / name.removeprefix("WMH_") / "pre/wm.nii.gz"
        assert parcellate([*atlas(study), "--wm", str(wm), "--out", str(regions), "--transform", transform]) == 0
    assert len(list(regions.iterdir())) == len(PEOPLE) * (6 if transform == "deformable" else 5)
    out = ["--out-dir", str(tmp_path / "all"), "--jobs", "1"]
    assert localize(["--lesions", str(study / "lesions"), "--regions", str(regions), *out]) == 0
    assert total_ml(tmp_path / "all") == pytest.approx(expected_ml(study))
    for name in PEOPLE:  # one person at a time, by file and by folder
        lesion = study / "lesions" / f"{name}.nii.gz"
        for number, place in enumerate((regions / f"{name}_regions.nii.gz", regions)):
            out = ["--out-dir", str(tmp_path / f"one{number}"), "--jobs", "1"]
            assert localize(["--lesions", str(lesion), "--regions", str(place), *out]) == 0
    for number in range(2):
        one, whole = (tmp_path / folder / "lesion_load.tsv" for folder in (f"one{number}", "all"))
        assert one.read_bytes() == whole.read_bytes()
    words = ("--pred", regions, "--gt", study / "truth", "--out-dir", tmp_path / "scores")
    assert evaluate(monkeypatch, *words) == 0
    template = ["--to-template", str(study / "atlas_labels.nii.gz"), "--out-dir", str(tmp_path / "all"), "--jobs", "1"]
    assert localize(["--lesions", str(study / "lesions"), "--regions", str(regions), *template]) == 0
    check_pages(tmp_path / "all", tmp_path / "pages")
    capsys.readouterr()


def test_parcellate_a_cohort_then_localize_it(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort = tmp_path / "cohort"
    shutil.copytree(study / "cohort", cohort)
    assert parcellate([*atlas(study), "--cohort", str(cohort), "--jobs", "1"]) == 0
    derivatives = cohort / "derivatives/yucca_wm"
    more = ["--maps", "--bids", "--to-template", str(study / "atlas_labels.nii.gz"), "--jobs", "1"]
    forms = {
        "cohort": ["--cohort", str(cohort)],
        "folders": ["--lesions", str(study / "lesions"), "--regions", str(derivatives)],
        "both": ["--cohort", str(cohort), "--lesions", str(study / "lesions"), "--regions", str(derivatives)],
    }
    tables = {}
    for form, words in forms.items():
        assert localize([*words, "--out-dir", str(tmp_path / form), *more]) == 0
        tables[form] = [(tmp_path / form / name).read_bytes() for name in ("lesion_load.tsv", "template/template.tsv")]
    assert tables["cohort"] == tables["folders"] == tables["both"]
    assert total_ml(tmp_path / "cohort") == pytest.approx(expected_ml(study))
    assert list(total_ml(tmp_path / "cohort")) == list(PEOPLE)
    scores = ("--out-dir", tmp_path / "scores")
    assert evaluate(monkeypatch, "--pred", derivatives, "--gt", study / "truth", *scores) == 0
    check_pages(tmp_path / "cohort", tmp_path / "pages")
    capsys.readouterr()


def test_ensemble_then_evaluate_and_localize(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for what, truth, classes in (("lesions", "lesions", 3), ("regions", "truth", 37)):
        for modality, sure in (("T1", 8.0), ("FLAIR", 9.0)):
            folder = tmp_path / "softmax" / what / modality
            folder.mkdir(parents=True)
            for name in PEOPLE:
                known = nib.load(study / truth / f"{name}.nii.gz").get_fdata()
                logits = sure * (np.arange(classes)[:, None, None, None] == known)
                store.write_array(folder / f"{name}.npz", codec.softmax(logits), Grid(SHAPE, AFFINE))
        folders = [str(tmp_path / "softmax" / what / modality) for modality in ("T1", "FLAIR")]
        words = ["ensemble", "--in_dirs", *folders, "--out_dir", str(tmp_path / what), "--confidence"]
        monkeypatch.setattr(sys, "argv", words)
        assert ensemble_main() == 0
        scores = tmp_path / f"{what}_scores"
        assert evaluate(monkeypatch, "--pred", tmp_path / what, "--gt", study / truth, "--out-dir", scores) == 0
        assert json.loads((scores / "evaluation.json").read_text())["kind"] == what
    sides = ["--lesions", str(tmp_path / "lesions"), "--regions", str(tmp_path / "regions"), "--jobs", "1"]
    assert localize([*sides, "--soft", "--out-dir", str(tmp_path / "out")]) == 0
    assert total_ml(tmp_path / "out") == pytest.approx(expected_ml(study))
    cohort = ["--cohort", str(study / "cohort"), "--lesions", str(tmp_path / "lesions"), "--jobs", "1"]
    assert localize([*cohort, "--regions", str(tmp_path / "regions"), "--out-dir", str(tmp_path / "again")]) == 0
    assert total_ml(tmp_path / "again") == pytest.approx(expected_ml(study))
    capsys.readouterr()


def test_localize_then_groups_on_ids_with_leading_zeros(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    save(tmp_path / "regions.nii.gz", labels())
    lines = ["participant_id\tage\tdiagnosis"]
    for number in range(1, 25):
        share = 0.02 + 0.004 * (number % 8)
        save(tmp_path / f"lesions/{number:03d}.nii.gz", (rng.random(SHAPE) < share).astype(np.uint8))
        lines.append(f"sub-{number:03d}\t{50 + number % 11}\t{'case' if number % 2 else 'control'}")
    (tmp_path / "participants.tsv").write_text("\n".join(lines) + "\n")
    sides = ["--lesions", str(tmp_path / "lesions"), "--regions", str(tmp_path / "regions.nii.gz"), "--jobs", "1"]
    assert localize([*sides, "--out-dir", str(tmp_path / "out")]) == 0
    words = ["associate", "--loads", str(tmp_path / "out"), "--participants", str(tmp_path / "participants.tsv")]
    words += ["--outcome", "diagnosis", "--covariates", "age", "--permutations", "20"]
    assert groups([*words, "--out-dir", str(tmp_path / "groups")]) == 0
    assert (tmp_path / "groups/associations.tsv").is_file()
    capsys.readouterr()
