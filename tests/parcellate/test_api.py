"""``yucca_wm.parcellate``: white matter in memory gives what its file gives through the command."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import yucca_wm as yw
from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import save
from yucca_wm.parcellate.__main__ import main

from .conftest import AtlasFiles, scan, turned


def test_in_memory_as_through_the_command(atlas_files: AtlasFiles, tmp_path: Path) -> None:
    """A person turned, stretched and shifted: the labels, the transform and its files, and how well it fits."""
    person = scan(turned((6, 5, -8), (1.05, 1, 0.95)), (2, 2, 4))
    (tmp_path / "anna").mkdir()
    wm = save(person.wm, tmp_path / "anna" / "wm.nii.gz")
    atlas = {"atlas_wm": atlas_files.wm, "atlas_labels": atlas_files.labels}
    labels = yw.parcellate(wm=nib.load(wm), subject="anna", **atlas)
    values = np.asanyarray(labels.regions.dataobj)
    assert person.dice(values) > 0.9
    assert labels.quality["wm_dice"] > 0.9
    assert labels.quality["doubts"] == []
    assert labels.transform.is_affine
    counts = np.bincount(values.ravel(), minlength=37)
    expected = [round(counts[region.index] * 2 * 2 * 4 / 1000, 4) for region in regions()]  # voxels of 16 mm3
    assert labels.volumes["volume_ml"].tolist() == pytest.approx(expected)

    array = yw.parcellate(wm=np.asanyarray(nib.load(wm).dataobj), affine=nib.load(wm).affine, **atlas)
    np.testing.assert_array_equal(np.asanyarray(array.regions.dataobj), values)
    np.testing.assert_array_equal(array.transform.matrix, labels.transform.matrix)

    words = ["--atlas-wm", str(atlas_files.wm), "--atlas-labels", str(atlas_files.labels), "--wm", str(wm)]
    assert main([*words, "--out", str(tmp_path / "command")]) == 0
    assert labels.save(tmp_path / "saved") == tmp_path / "saved" / "anna_regions.nii.gz"
    files = {path.name for path in (tmp_path / "command").iterdir()}
    assert {path.name for path in (tmp_path / "saved").iterdir()} == files
    for name in files - {"anna_regions.json"}:
        assert (tmp_path / "saved" / name).read_bytes() == (tmp_path / "command" / name).read_bytes(), name
    saved, written = (
        json.loads((tmp_path / folder / "anna_regions.json").read_text()) for folder in ("saved", "command")
    )
    assert saved["inputs"].pop("wm") == "wm (nibabel image)"
    assert written["inputs"].pop("wm") == str(wm)
    del written["inputs"]["sha256"]["wm"]  # of an image in memory there is none
    assert saved == written


def test_what_is_wrong_is_said_before_anything_is_computed(atlas_files: AtlasFiles) -> None:
    atlas = {"atlas_wm": atlas_files.wm, "atlas_labels": atlas_files.labels}
    with pytest.raises(yw.InputError, match=r"wm \(array\): holds no white matter"):
        yw.parcellate(wm=np.zeros((9, 9, 9)), affine=np.eye(4), **atlas)
    with pytest.raises(ValueError, match="give wm or t1"):
        yw.parcellate(**atlas)
    with pytest.raises(ValueError, match="go together"):
        yw.parcellate(wm="wm.nii.gz", atlas_wm=atlas_files.wm)
    with pytest.raises(ValueError, match="fill_mm"):
        yw.parcellate(wm="wm.nii.gz", fill_mm=-1, **atlas)
    with pytest.raises(yw.InputError, match="labels that are not in the table of regions"):
        yw.parcellate(wm="wm.nii.gz", names=pd.DataFrame({"index": [1], "name": ["only"]}), **atlas)
