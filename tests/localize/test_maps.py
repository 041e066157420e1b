from __future__ import annotations

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.errors import InputError
from yucca_wm.localize.__main__ import main
from yucca_wm.localize.bids import entities
from yucca_wm.regions import regions


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


def test_bids_derivative(folders, capsys):
    assert run(folders, "--bids") == 0
    root = folders / "out" / "bids"
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    assert files == [
        "dataset_description.json",
        "dseg.tsv",
        "sub-2/ses-b/anat/sub-2_ses-b_desc-lesionregions_dseg.json",
        "sub-2/ses-b/anat/sub-2_ses-b_desc-lesionregions_dseg.nii.gz",
        "sub-WMH0/anat/sub-WMH0_desc-lesionregions_dseg.json",
        "sub-WMH0/anat/sub-WMH0_desc-lesionregions_dseg.nii.gz",
    ]
    description = json.loads((root / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "yucca-wm"
    names = (root / "dseg.tsv").read_text().splitlines()
    assert names[1].startswith(f"1\t{regions().by_index(1).name}\t#")
    assert names[37].startswith("37\toutside")
    capsys.readouterr()


def test_bids_names():
    assert entities("sub-01_ses-2") == {"sub": "01", "ses": "2"}
    assert entities("WMH_0") == {"sub": "WMH0"}


def test_two_subjects_of_one_bids_name_are_refused(folders, synthetic, capsys):
    labels = synthetic.region_map()
    for kind in ("lesions", "regions"):
        synthetic.save(folders / kind / "WMH0.nii.gz", (labels > 0).astype(np.uint8), synthetic.oblique_affine())
    with pytest.raises(InputError, match="both sub-WMH0"):
        run(folders, "--bids")
    capsys.readouterr()
