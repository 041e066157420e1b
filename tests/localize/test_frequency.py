"""A cohort in atlas space, by the command."""

from __future__ import annotations

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.jobs.run_record import RECORD
from yucca_wm.localize.__main__ import main
from yucca_wm.registration import itk
from yucca_wm.report.results import read_results

SHIFTS = {"a": (0, 0, 0), "b": (10, 0, 0), "c": (0, -8, 6)}
"""Where each subject's head lies, in mm; on a 2 mm grid these are whole voxels."""


@pytest.fixture
def folders(tmp_path, synthetic):
    """Three subjects whose lesions are one box in the atlas, shifted; subject c has another one besides."""
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = (-40, -36, -20)
    labels = synthetic.region_map()
    template = synthetic.save(tmp_path / "atlas.nii.gz", labels, affine, "LPS")
    for name, shift in SHIFTS.items():
        steps = np.array(shift) // 2
        lesions = np.zeros_like(labels)
        lesions[10:13, 14:18, 8:10] = 1
        if name == "c":
            lesions[25:28, 20:23, 4:6] = 1
        moved = np.roll(lesions, steps, (0, 1, 2))
        synthetic.save(tmp_path / "lesions" / f"{name}.nii.gz", moved, affine)
        synthetic.save(tmp_path / "regions" / f"{name}.nii.gz", np.roll(labels, steps, (0, 1, 2)), affine)
        matrix = np.eye(4)
        matrix[:3, 3] = -np.array(shift)
        (tmp_path / "wm" / name).mkdir(parents=True)
        itk.save_affine(matrix, tmp_path / "wm" / name / f"{name}_regions_affine.tfm")
    assert template.is_file()
    return tmp_path


def run(folder, *more):
    return main(
        ["--lesions", str(folder / "lesions"), "--regions", str(folder / "regions"), "--out_dir", str(folder / "out"),
         "--jobs", "2", "--to-template", str(folder / "atlas.nii.gz"), *more]
    )  # fmt: skip


def as_ras(path):
    return np.asarray(nib.as_closest_canonical(nib.load(path)).dataobj)


def test_frequency_is_the_share_of_subjects(folders, capsys):
    assert run(folders, "--transforms", str(folders / "wm")) == 0
    out = folders / "out" / "template"
    frequency, count = as_ras(out / "lesion_frequency.nii.gz"), as_ras(out / "lesion_count.nii.gz")
    expected = np.zeros(count.shape)
    expected[10:13, 14:18, 8:10] = 3
    expected[25:28, 20:23, 4:6] = 1
    np.testing.assert_array_equal(count, expected)
    np.testing.assert_allclose(frequency, expected / 3, rtol=1e-6)
    assert nib.load(out / "lesion_frequency.nii.gz").shape == nib.load(folders / "atlas.nii.gz").shape
    np.testing.assert_allclose(
        nib.load(out / "lesion_frequency.nii.gz").affine, nib.load(folders / "atlas.nii.gz").affine
    )
    about = json.loads((out / "template.json").read_text())
    assert about["n_subjects"] == 3
    assert "nearest" in about["interpolation"]
    with (out / "template.tsv").open() as stream:
        rows = {row["subject"]: row for row in csv.DictReader(stream, delimiter="\t")}
    assert [rows[name]["lesion_volume_ml"] for name in "abc"] == ["0.192000", "0.192000", "0.336000"]
    for row in rows.values():
        assert row["lesion_volume_ml"] == row["transformed_volume_ml"] == row["template_volume_ml"]
        assert float(row["outside_template_ml"]) == 0
    assert "frequency of 3 subjects" in capsys.readouterr().out


def test_a_subject_without_a_transform_fails_and_the_others_are_counted(folders, capsys):
    run(folders, "--transforms", str(folders / "wm"))
    (folders / "wm" / "b" / "b_regions_affine.tfm").unlink()
    capsys.readouterr()
    assert run(folders, "--transforms", str(folders / "wm")) == 1
    out = folders / "out" / "template"
    about = json.loads((out / "template.json").read_text())
    assert about["n_subjects"] == 2
    assert "has no transform in" in about["failures"]["b"]
    assert not (out / "lesions" / "b.nii.gz").exists()
    assert as_ras(out / "lesion_frequency.nii.gz").max() == 1
    assert as_ras(out / "lesion_count.nii.gz").max() == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "b: has no transform in" in errors[0]
    assert "1 of 3 cases failed" not in (folders / "out" / "lesion_load.tsv").read_text()


def test_a_transform_to_another_space_is_refused(folders, capsys):
    far = np.eye(4)
    far[:3, 3] = 500
    itk.save_affine(far, folders / "wm" / "a" / "a_regions_affine.tfm")
    assert run(folders, "--transforms", str(folders / "wm")) == 1
    assert "a: 100 % of the lesion volume lands outside" in capsys.readouterr().err


def test_where_nobody_is_carried_there_is_no_table(folders, capsys):
    assert run(folders, "--transforms", str(folders / "wm")) == 0
    assert (folders / "out/template/template.tsv").is_file()
    far = np.eye(4)
    far[:3, 3] = 500
    for name in SHIFTS:
        itk.save_affine(far, folders / "wm" / name / f"{name}_regions_affine.tfm")
    capsys.readouterr()
    assert run(folders, "--transforms", str(folders / "wm")) == 1
    assert "lesion frequency of 0 subjects was not written: no subject could be transformed" in capsys.readouterr().out
    assert [path.name for path in (folders / "out/template").glob("*.*")] == [RECORD]
    assert read_results(folders / "out").extra == {}


def test_a_person_counts_once_in_the_frequency_map(folders, capsys):
    """Two visits of one person and one of another: half of two people, not two thirds."""
    for what in ("lesions", "regions"):
        for name, visit in (("a", "p1_visit1"), ("b", "p1_visit2"), ("c", "p2")):
            (folders / what / f"{name}.nii.gz").rename(folders / what / f"{visit}.nii.gz")
    assert run(folders, "--transforms", "none") == 0
    out = folders / "out" / "template"
    first, _, other = (as_ras(folders / "lesions" / f"{name}.nii.gz") for name in ("p1_visit1", "p1_visit2", "p2"))
    np.testing.assert_allclose(as_ras(out / "lesion_frequency.nii.gz"), (first + other) / 2)
    about = json.loads((out / "template.json").read_text())
    assert (about["n_subjects"], list(about["left_out"])) == (2, ["p1_visit2"])
    assert (
        "not in the frequency map, another session of the same person was taken: p1_visit2" in capsys.readouterr().err
    )


def test_maps_in_template_space_need_no_transform(folders, capsys):
    assert run(folders, "--transforms", "none") == 0
    count = as_ras(folders / "out" / "template" / "lesion_count.nii.gz")
    expected = sum(as_ras(folders / "lesions" / f"{name}.nii.gz").astype(int) for name in "abc")
    np.testing.assert_array_equal(count, expected)
    capsys.readouterr()


def test_transforms_lie_beside_the_region_maps_unless_said(folders, capsys):
    with pytest.raises(InputError, match="holds no transform"):
        run(folders)
    for name in SHIFTS:
        (folders / "wm" / name / f"{name}_regions_affine.tfm").rename(folders / "regions" / f"{name}_affine.tfm")
    assert run(folders) == 0
    capsys.readouterr()


def test_transforms_go_with_a_template(folders, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--lesions", "a", "--regions", "b", "--out_dir", str(folders), "--transforms", "wm"])
    assert stop.value.code == 2
    capsys.readouterr()


def test_nothing_of_an_earlier_run_passes_for_this_ones(folders, capsys):
    """Localized again without --to-template, and without c: its map and the frequency with it are gone."""
    assert run(folders, "--transforms", str(folders / "wm")) == 0
    for kind in ("lesions", "regions"):
        (folders / kind / "c.nii.gz").unlink()
    sides = ["--lesions", str(folders / "lesions"), "--regions", str(folders / "regions")]
    capsys.readouterr()
    assert main([*sides, "--out_dir", str(folders / "out"), "--jobs", "1"]) == 0
    assert "out/template is from an earlier run; --to-template updates it" in capsys.readouterr().err
    left = {str(path.relative_to(folders / "out/template")) for path in (folders / "out/template").rglob("*.*")}
    assert left == {"lesions/a.nii.gz", "lesions/b.nii.gz", "run_record.jsonl"}
    assert read_results(folders / "out").extra == {}
    assert run(folders, "--transforms", str(folders / "wm")) == 0
    assert as_ras(folders / "out/template/lesion_count.nii.gz").max() == 2
    assert set(next(iter(read_results(folders / "out").extra.values()))) == {"a", "b"}
    capsys.readouterr()
