"""The BIDS derivative: names, tables and sidecars, and what the BIDS validator says of them."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import read_table, regions
from yucca_wm.localize.__main__ import main
from yucca_wm.localize.maps import entities

VALIDATOR = shutil.which("bids-validator-deno", path=str(Path(sys.executable).parent)) or shutil.which(
    "bids-validator-deno"
)
LEFT = {("TOO_FEW_AUTHORS", "/dataset_description.json"), ("SIDECAR_KEY_RECOMMENDED", "/dseg.tsv")}
"""Only the user knows the authors, and a table of labels is aligned to no image."""

NAMES = {
    "WMH_0": "sub-WMH0/anat/sub-WMH0_desc-lesionregions_dseg",
    "sub-2_ses-b_lesions": "sub-2/ses-b/anat/sub-2_ses-b_desc-lesionregions_dseg",
    "sub-3_space-MNI152NLin6Asym_label-WMH_mask": ("sub-3/anat/sub-3_space-MNI152NLin6Asym_desc-lesionregions_dseg"),
}
"""Lesion map -> where its labelled lesions are."""


@pytest.fixture
def root(tmp_path, synthetic, capsys):
    affine, labels = synthetic.oblique_affine(), synthetic.region_map()
    for name in NAMES:
        lesions = synthetic.random_lesions(labels, np.random.default_rng(len(name)), 30)
        synthetic.save(tmp_path / "my lesions" / f"{name}.nii.gz", lesions, affine, "LPS")
        subject = name.split("_", 1)[0] if name.startswith("sub") else name
        session = "_ses-b" if "ses-b" in name else ""
        synthetic.save(tmp_path / "regions" / f"{subject}{session}_dseg.nii.gz", labels, affine, "RAS")
    assert localize(tmp_path) == 0
    capsys.readouterr()
    return tmp_path / "out" / "bids"


def localize(folder):
    paths = ["--lesions", str(folder / "my lesions"), "--regions", str(folder / "regions")]
    return main([*paths, "--out_dir", str(folder / "out"), "--bids"])


def test_files(root):
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    shared = {"dataset_description.json", "README.md", "dseg.tsv", "dseg.json"}
    assert files == shared | {stem + suffix for stem in NAMES.values() for suffix in (".nii.gz", ".json")}


def test_files_of_who_has_left_the_cohort_are_removed_and_no_others(root, capsys):
    for path in root.parents[1].glob("*/sub-3_*"):
        path.unlink()
    similar = root / "sub-3" / "ses-9" / "anat" / "sub-3_ses-9_desc-lesionregions_dseg.json"
    similar.parent.mkdir(parents=True)
    similar.write_text("{}")
    assert localize(root.parents[1]) == 0
    assert [path for path in (root / "sub-3").rglob("*") if path.is_file()] == [similar]
    assert not (root / "sub-3" / "anat").exists()
    capsys.readouterr()


def test_a_subject_renamed_to_the_same_bids_name_keeps_its_files(root, capsys):
    folder = root.parents[1]
    (folder / "my lesions" / "WMH_0.nii.gz").rename(folder / "my lesions" / "WMH0.nii.gz")
    (folder / "regions" / "WMH_0_dseg.nii.gz").rename(folder / "regions" / "WMH0_dseg.nii.gz")
    assert localize(folder) == 0
    assert (root / f"{NAMES['WMH_0']}.nii.gz").is_file()
    assert not (folder / "out" / "parts" / "WMH_0.json").exists()
    capsys.readouterr()


def test_table_names_every_label(root):
    with (root / "dseg.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    expected = [(str(region.index), region.name, region.side, region.group) for region in regions()]
    assert [(row["index"], row["name"], row["side"], row["group"]) for row in rows[:-1]] == expected
    assert (rows[-1]["index"], rows[-1]["name"]) == ("37", "outside")
    assert read_table(root / "dseg.tsv").by_index(1).side == regions().by_index(1).side


def test_sources_lead_to_the_files_that_were_read(root):
    description = json.loads((root / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    for name, stem in NAMES.items():
        sidecar = json.loads((root / f"{stem}.json").read_text())
        assert sidecar["SpatialReference"] == sidecar["Sources"][0]
        lesions, regions_ = (_file(description["DatasetLinks"], uri) for uri in sidecar["Sources"])
        assert lesions.name == f"{name}.nii.gz"
        assert lesions.is_file()
        assert regions_.parent.name == "regions"
        assert regions_.is_file()


def _file(links, uri):
    _, link, place = uri.split(":")
    return Path(unquote(links[link].removeprefix("file://"))) / place


def test_names():
    assert entities("sub-01_ses-2") == {"sub": "01", "ses": "2"}
    assert entities("WMH_0") == {"sub": "WMH0"}


def test_two_subjects_of_one_name_are_refused(root, synthetic):
    folder = root.parents[1]
    for kind in ("my lesions", "regions"):
        data = (synthetic.region_map() > 0).astype(np.uint8)
        synthetic.save(folder / kind / "WMH0.nii.gz", data, synthetic.oblique_affine())
    with pytest.raises(InputError, match="both sub-WMH0"):
        localize(folder)


@pytest.mark.skipif(VALIDATOR is None, reason="bids-validator-deno is not installed")
def test_the_bids_validator_finds_no_error(root):
    done = subprocess.run([VALIDATOR, str(root), "--format", "json"], capture_output=True, text=True, check=False)
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert done.returncode == 0, issues
    assert {(issue["code"], issue["location"]) for issue in issues} == LEFT
