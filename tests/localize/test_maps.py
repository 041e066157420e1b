from __future__ import annotations

import csv

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.localize.__main__ import main


@pytest.fixture
def folders(tmp_path, synthetic):
    affine, labels = synthetic.oblique_affine(), synthetic.region_map()
    for name in ("WMH_0", "sub-2_ses-b"):
        lesions = synthetic.random_lesions(labels, np.random.default_rng(len(name)), 30)
        synthetic.save(tmp_path / "lesions" / f"{name}.nii.gz", lesions, affine, "LPS")
        synthetic.save(tmp_path / "regions" / f"{name}.nii.gz", labels, affine, "RAS")
    return tmp_path


def run(folder, *more):
    paths = ["--lesions", str(folder / "lesions"), "--regions", str(folder / "regions")]
    return main([*paths, "--out_dir", str(folder / "out"), "--min-size", "8", *more])


def test_maps_hold_what_the_tables_count(folders, capsys):
    assert run(folders, "--maps") == 0
    with (folders / "out" / "lesion_load.tsv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["subject"] == "WMH_0"]
    labelled = nib.load(folders / "out" / "maps" / "WMH_0.nii.gz")
    counts = np.bincount(np.asarray(labelled.dataobj).ravel(), minlength=38)
    assert [int(row["lesion_voxels"]) for row in rows] == [*counts[1:37], counts[37], counts[1:].sum()]
    original = nib.load(folders / "lesions" / "WMH_0.nii.gz")
    np.testing.assert_allclose(labelled.affine, original.affine)
    assert not np.asarray(labelled.dataobj)[np.asarray(original.dataobj) != 1].any()
    capsys.readouterr()
