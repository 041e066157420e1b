"""The command, from folders to tables."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.core.regions import read_table, regions
from yucca_wm.jobs.run_record import RECORD
from yucca_wm.localize.__main__ import main
from yucca_wm.localize.case import localize_case


@pytest.fixture
def folders(tmp_path, synthetic):
    """Five good subjects s0..s4."""
    affine, labels = synthetic.oblique_affine(), synthetic.region_map()
    for number in range(5):
        lesions = synthetic.random_lesions(labels, np.random.default_rng(number), 12)
        synthetic.save(tmp_path / "lesions" / f"s{number}.nii.gz", lesions, affine)
        synthetic.save(tmp_path / "regions" / f"s{number}.nii.gz", labels, affine)
    return tmp_path


def run(folder, *more, lesions=None, regions=None):
    paths = ["--lesions", str(lesions or folder / "lesions"), "--regions", str(regions or folder / "regions")]
    return main([*paths, "--out_dir", str(folder / "out"), "--jobs", "1", *more])


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def contents(out):
    """All files but the run record, which tells the time."""
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != RECORD}


@pytest.mark.pictures
def test_tables_of_a_cohort(folders):
    assert run(folders) == 0
    out = folders / "out"
    load = rows(out / "lesion_load.tsv")
    assert len(load) == 5 * 38
    assert [row["name"] for row in load[:38]] == [*(region.name for region in regions()), "outside", "total"]
    wide = rows(out / "lesion_load_wide.tsv")
    summary = json.loads((out / "localize.json").read_text())
    for number, subject in enumerate(("s0", "s1", "s2", "s3", "s4")):
        own = load[38 * number : 38 * (number + 1)]
        assert {row["subject"] for row in own} == {subject}
        assert sum(int(row["lesion_voxels"]) for row in own[:-1]) == int(own[-1]["lesion_voxels"])
        assert {row["name"]: row["lesion_volume_ml"] for row in own} == {
            k: v for k, v in wide[number].items() if k != "subject"
        }
        census = [row for row in rows(out / "lesions.tsv") if row["subject"] == subject]
        assert len(census) == int(own[-1]["n_lesions"]) == summary["subjects"][subject]["n_lesions"]
        assert sum(int(row["voxels"]) for row in census) == int(own[-1]["lesion_voxels"])
        voxels = summary["subjects"][subject]["voxels"]
        assert voxels["in_regions"] + voxels["outside"] == voxels["total"] == int(own[-1]["lesion_voxels"])
        assert voxels["outside"] == int(own[-2]["lesion_voxels"])
    assert summary["settings"]["connectivity"] == 26
    assert summary["settings"]["min_size_mm3"] == 3
    assert (out / "heat_map.png").stat().st_size > 10_000
    assert "</svg>" in (out / "heat_map.svg").read_text()


def test_tables_do_not_depend_on_the_number_of_processes_nor_on_earlier_runs(folders):
    run(folders)
    first = contents(folders / "out")
    affine = nib.load(folders / "lesions" / "s0.nii.gz").affine
    for number in range(5, 10):  # enough subjects for worker processes
        for kind in ("lesions", "regions"):
            data = np.asarray(nib.load(folders / kind / "s0.nii.gz").dataobj)
            nib.save(nib.Nifti1Image(data, affine), folders / kind / f"s{number}.nii.gz")
    assert run(folders, "--jobs", "2") == 0
    load = (folders / "out" / "lesion_load.tsv").read_text()
    assert load.startswith(first["lesion_load.tsv"].decode())
    assert len(load.splitlines()) == 1 + 10 * 38
    for number in range(5, 10):
        for kind in ("lesions", "regions"):
            (folders / kind / f"s{number}.nii.gz").unlink()
    run(folders)
    assert contents(folders / "out") == first


def test_only_what_changed_is_localized_again(folders, synthetic, monkeypatch):
    done = []

    def spy(pair, **more):
        done.append(pair.subject)
        return localize_case(pair, **more)

    monkeypatch.setattr("yucca_wm.localize.cohort.localize_case", spy)

    def run_again(*more):
        done.clear()
        assert run(folders, *more) == 0
        return sorted(done)

    assert len(run_again()) == 5
    first = contents(folders / "out")
    assert run_again() == []
    synthetic.save(
        folders / "lesions" / "s3.nii.gz", (synthetic.region_map() == 4).astype(np.uint8), synthetic.oblique_affine()
    )
    assert run_again() == ["s3"]
    changed = contents(folders / "out")
    assert changed != first
    assert len(run_again("--min-size", "9")) == 5
    assert len(run_again()) == 5
    assert contents(folders / "out") == changed
    assert run_again("--maps") == ["s0", "s1", "s2", "s3", "s4"]
    assert run_again("--force", "--participant-label", "s2", "s4") == ["s2", "s4"]


def test_moved_files_are_named_where_they_are_now(folders):
    run(folders)
    (folders / "lesions").rename(folders / "moved")
    run(folders, lesions=folders / "moved")
    summary = json.loads((folders / "out" / "localize.json").read_text())
    assert summary["subjects"]["s1"]["lesions"] == str(folders / "moved" / "s1.nii.gz")


def test_subjects_one_by_one_then_the_group_leave_what_a_whole_run_leaves(folders, capsys):
    (folders / "regions" / "s3.nii.gz").write_bytes(b"broken")
    options = ("--maps", "--bids")
    assert run(folders, *options) == 1
    whole = contents(folders / "out")
    (folders / "out").rename(folders / "whole")
    for name in ("s4", "s0", "s3", "s2", "s1"):
        assert run(folders, *options, "--participant-label", name) == (name == "s3")
    assert not (folders / "out" / "lesion_load.tsv").exists()
    assert run(folders, *options, "--level", "group") == 1
    assert contents(folders / "out") == whole
    assert "error: s3: " in capsys.readouterr().err


def _other_grid(folder, synthetic):
    labels = synthetic.region_map()
    synthetic.save(folder / "regions" / "s1.nii.gz", labels, synthetic.oblique_affine((1.0, 1.0, 3.0)))


def _missing_regions(folder, _):
    (folder / "regions" / "s1.nii.gz").unlink()


def _missing_lesions(folder, _):
    (folder / "lesions" / "s1.nii.gz").unlink()


def _float_lesions(folder, synthetic):
    labels = synthetic.region_map()
    synthetic.save(folder / "lesions" / "s1.nii.gz", np.full(labels.shape, 0.4, np.float32), synthetic.oblique_affine())


def _float_regions(folder, synthetic):
    labels = synthetic.region_map().astype(np.float32)
    labels[0, 0, 0] = 3.3
    synthetic.save(folder / "regions" / "s1.nii.gz", labels, synthetic.oblique_affine())


def _unknown_region(folder, synthetic):
    labels = synthetic.region_map()
    labels[0, 0, 0] = 37
    synthetic.save(folder / "regions" / "s1.nii.gz", labels, synthetic.oblique_affine())


def _unknown_lesion_label(folder, synthetic):
    mask = (synthetic.region_map() == 5).astype(np.uint8) * 255
    synthetic.save(folder / "lesions" / "s1.nii.gz", mask, synthetic.oblique_affine())


def _four_dimensions(folder, synthetic):
    data = np.stack([synthetic.region_map()] * 2, axis=-1)
    nib.save(nib.Nifti1Image(data, synthetic.oblique_affine()), folder / "lesions" / "s1.nii.gz")


def _nan(folder, synthetic):
    labels = synthetic.region_map().astype(np.float32)
    labels[3, 3, 3] = np.nan
    synthetic.save(folder / "regions" / "s1.nii.gz", labels, synthetic.oblique_affine())


def _duplicate(folder, _):
    packed = (folder / "lesions" / "s1.nii.gz").read_bytes()
    (folder / "lesions" / "s1.nii").write_bytes(gzip.decompress(packed))


def _cut_short(folder, _):
    path = folder / "lesions" / "s1.nii.gz"
    path.write_bytes(path.read_bytes()[:-200])


def _not_an_image(folder, _):
    (folder / "regions" / "s1.nii.gz").write_text("hello")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_other_grid, "mm away from"),
        (_missing_regions, "has no partner in"),
        (_missing_lesions, "has no lesion map"),
        (_float_lesions, "not whole numbers"),
        (_float_regions, "not whole numbers"),
        (_unknown_region, "not in the table: 37"),
        (_unknown_lesion_label, "neither counted (1) nor ignored: 255"),
        (_four_dimensions, "a 3D image is needed"),
        (_nan, "NaN"),
        (_duplicate, "occurs twice"),
        (_cut_short, "damaged or cut short"),
        (_not_an_image, "not a readable NIfTI"),
    ],
)
def test_a_bad_subject_is_one_line_and_the_rest_is_done(folders, synthetic, capsys, damage, says):
    damage(folders, synthetic)
    assert run(folders) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert says in errors[0]
    assert "s1" in errors[0]
    done = {row["subject"] for row in rows(folders / "out" / "lesion_load.tsv")}
    assert done == {"s0", "s2", "s3", "s4"}
    assert set(json.loads((folders / "out" / "localize.json").read_text())["failures"]) == {"s1"}


def test_no_lesion_is_zeros_not_gaps(folders, synthetic, capsys):
    synthetic.save(folders / "lesions" / "s1.nii.gz", np.zeros((40, 36, 20), np.uint8), synthetic.oblique_affine())
    assert run(folders) == 0
    own = [row for row in rows(folders / "out" / "lesion_load.tsv") if row["subject"] == "s1"]
    assert {float(row["lesion_volume_ml"]) for row in own} == {0.0}
    assert {row["load_percent"] for row in own[:-2]} == {"0.000000"}
    assert "1 of 5 subjects (s1): no lesion" in capsys.readouterr().err


def test_nothing_of_an_earlier_run_is_left_of_who_fails(folders, synthetic, capsys):
    assert run(folders, "--maps") == 0
    for number in range(4):
        bad = np.full((40, 36, 20), 99, np.uint8)
        synthetic.save(folders / "regions" / f"s{number}.nii.gz", bad, synthetic.oblique_affine())
    assert run(folders, "--maps") == 1
    assert [path.name for path in (folders / "out").glob("**/*.nii.gz")] == ["s4.nii.gz"]
    assert [path.name for path in (folders / "out/parts").iterdir()] == ["s4.json"]
    assert {row["subject"] for row in rows(folders / "out" / "lesion_load.tsv")} == {"s4"}
    first, second = (line for line in capsys.readouterr().out.splitlines() if " localized; " in line)
    assert first == f"5 subjects localized; tables and heat map in {folders / 'out'}"
    assert second == f"1 subject localized; tables and heat map in {folders / 'out'}"


def test_nothing_is_left_of_who_has_left_the_cohort(folders, capsys):
    assert run(folders, "--maps", "--bids") == 0
    capsys.readouterr()
    for kind in ("lesions", "regions"):
        (folders / kind / "s1.nii.gz").unlink()
    assert run(folders, "--bids") == 0
    assert not list((folders / "out").glob("**/*s1*"))
    assert len(list((folders / "out").glob("**/*.nii.gz"))) == 2 * 4
    said = capsys.readouterr().err
    assert "is from an earlier run" not in said  # the maps that are left are those of the tables


def test_resample_on_request(folders, synthetic, capsys):
    _other_grid(folders, synthetic)
    assert run(folders, "--resample") == 0
    capsys.readouterr()


def test_one_file_each_and_one_region_map_for_all(folders, capsys):
    lesion, region = folders / "lesions" / "s2.nii.gz", folders / "regions" / "s3.nii.gz"
    assert run(folders, lesions=lesion, regions=region) == 0
    assert {row["subject"] for row in rows(folders / "out" / "lesion_load.tsv")} == {"s2"}
    assert run(folders, regions=region) == 0
    assert len(rows(folders / "out" / "lesion_load_wide.tsv")) == 5
    capsys.readouterr()


@pytest.mark.parametrize("option", [("--min-size", "-1"), ("--connectivity", "8"), ("--lesion-labels", "0")])
def test_wrong_usage_is_exit_2(folders, option, capsys):
    with pytest.raises(SystemExit) as stop:
        run(folders, *option)
    assert stop.value.code == 2
    capsys.readouterr()


def test_empty_and_missing_folders_are_one_line(folders):
    (folders / "empty").mkdir()
    for path in (folders / "empty", folders / "absent"):
        command = [sys.executable, "-m", "yucca_wm.localize", "--lesions", str(path)]
        command += ["--regions", str(folders / "regions"), "--out_dir", str(folders / "out")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {path}")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.shared_data
def test_conservation_on_real_region_maps(shared_data, tmp_path, capsys):
    rng = np.random.default_rng(0)
    maps = sorted((shared_data / "wmh_region_labels").glob("*/*.nii.gz"))
    for path in maps:
        image = nib.load(path)
        labels = np.asarray(image.dataobj)
        mask = np.zeros(labels.shape, np.uint8)
        for corner in np.argwhere(labels)[rng.integers(0, (labels > 0).sum(), 25)]:
            mask[tuple(slice(at, at + int(rng.integers(1, 9))) for at in corner)] = 1
        for kind, data in (("lesions", mask), ("regions", labels)):
            (tmp_path / kind).mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(data.astype(np.uint8), image.affine), tmp_path / kind / path.name)
    assert run(tmp_path, "--min-size", "0") == 0
    load = rows(tmp_path / "out" / "lesion_load.tsv")
    assert len(load) == 38 * len(maps)
    for start in range(0, len(load), 38):
        own = load[start : start + 38]
        mask = np.asarray(nib.load(tmp_path / "lesions" / f"{own[0]['subject']}.nii.gz").dataobj)
        labels = np.asarray(nib.load(tmp_path / "regions" / f"{own[0]['subject']}.nii.gz").dataobj)
        expected = np.bincount(labels[mask == 1], minlength=37)
        assert [int(row["lesion_voxels"]) for row in own[:36]] == expected[1:].tolist()
        assert int(own[36]["lesion_voxels"]) == expected[0]
        assert sum(int(row["lesion_voxels"]) for row in own[:-1]) == int(own[-1]["lesion_voxels"]) == mask.sum()
    capsys.readouterr()


def test_the_results_carry_their_region_table(synthetic, tmp_path):
    """Another one than the built-in, with names that a table must quote; and the built-in one."""
    names = tmp_path / "names.tsv"
    names.write_text(
        'index\tname\tside\tgroup\tcolor\n2\t"a ""b"", c"\tleft\tlobar\t#0a0b0c\n5\tNA\tnone\t\t\n', encoding="utf-8"
    )
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[:3], labels[3:] = 2, 5
    for kind, data in (("lesions", (labels == 2).astype(np.uint8)), ("regions", labels)):
        synthetic.save(tmp_path / kind / "s.nii.gz", data, np.eye(4))
    for table, own in ((read_table(names), ["--names", str(names)]), (regions(), [])):
        run(tmp_path, *own)
        written = read_table(tmp_path / "out" / "regions.tsv")
        assert list(written) == list(table)
