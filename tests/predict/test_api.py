"""``yucca_wm.predict``: scans in any form give one result, and `save` leaves what the command leaves."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import yucca_wm as yw
from yucca_wm.core import images
from yucca_wm.predict.__main__ import main
from yucca_wm.scan import Frame

SHAPE = (24, 20, 12)
AFFINE = np.array([[-1.0, 0.1, 0, 12], [0, -1.1, 0, 14], [0, 0, 3, -9], [0, 0, 0, 1]])
"""Voxels of 3.3 mm3: one alone is a lesion."""


def scan() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1000, SHAPE).astype(np.float32)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of networks: lesions where the scan is bright, 34 regions in columns, white matter everywhere."""

    def one_frame(scans: Mapping[str, Any], header: str | None = None) -> Frame:
        assert header is None
        return Frame({name: images.load(source) for name, source in scans.items()}, list(scans)[-1], {}, ["as it is"])

    def segment(_: object, scans: Mapping[str, images.Image]) -> SimpleNamespace:
        data = next(iter(scans.values())).data
        regions = np.indices(SHAPE)[0] // 4 * 5 + np.indices(SHAPE)[1] // 4 + 1
        return SimpleNamespace(
            lesions=(data > 990).astype(np.uint8),
            regions=regions.astype(np.uint8),
            tissue=np.ones(SHAPE, np.uint8),
            lesion_probability=(data / 1000).astype(np.float32),
        )

    for place in ("yucca_wm.models.shipped.networks", "yucca_wm.predict.cohort.networks"):
        monkeypatch.setattr(place, lambda _: SimpleNamespace(regions=None, tissue=None))
    monkeypatch.setattr("yucca_wm.predict.case.bring_to_one_frame", one_frame)
    monkeypatch.setattr("yucca_wm.models.segment.segment", segment)


@pytest.mark.usefixtures("fast")
def test_every_form_of_a_scan_gives_what_the_command_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "anna" / "FLAIR.nii.gz"
    path.parent.mkdir()
    nib.save(nib.Nifti1Image(scan(), AFFINE), path)
    found = yw.predict(flair=path)
    assert found.subject == "anna"
    assert found.notes[0] == "as it is"
    bright = scan() > 990
    np.testing.assert_array_equal(np.asanyarray(found.lesions.dataobj), bright)
    loads = found.loads.set_index("name")
    assert loads.loc["total", "lesion_voxels"] == bright.sum()
    assert loads.iloc[0]["region_voxels"] == 4 * 4 * 12  # region 1: the first column
    assert loads.iloc[0]["lesion_voxels"] == bright[:4, :4].sum()
    for other in (
        yw.predict(flair=nib.Nifti1Image(scan(), AFFINE), subject="anna"),
        yw.predict(flair=scan(), affine=AFFINE, subject="anna"),
    ):
        pd.testing.assert_frame_equal(other.loads, found.loads)
        np.testing.assert_allclose(other.lesions.affine, found.lesions.affine)

    monkeypatch.setattr(sys, "argv", ["", "--flair", str(path), "--out-dir", str(tmp_path / "out"), "--no-report"])
    assert main() == 0
    saved, out = found.save(tmp_path / "saved", report=False), tmp_path / "out"
    names = {str(one.relative_to(saved)) for one in saved.rglob("*") if one.is_file()}
    assert {"lesions/anna.nii.gz", "regions/anna.nii.gz", "tissue/anna.nii.gz", "lesion_load.tsv"} <= names
    for name in names:
        ours, theirs = (saved / name).read_bytes(), (out / name).read_bytes()
        if name.endswith(".json"):  # which says where it is
            ours = ours.replace(b"/saved/", b"/out/")
        assert ours == theirs, name
    missing = {str(one.relative_to(out)) for one in out.rglob("*") if one.is_file()} - names
    assert {name.split("/")[0] for name in missing} <= {"parts", "run_record.jsonl"}, missing
    with pytest.raises(yw.InputError, match="results of a command"):
        found.save(out)


@pytest.mark.usefixtures("fast")
def test_scans_in_memory_are_kept_beside_their_maps(tmp_path: Path) -> None:
    found = yw.predict(flair=scan(), affine=AFFINE, confidence=True)
    found.save(tmp_path)
    assert (tmp_path / "report" / "subjects" / "subject.html").is_file()
    shown = images.load(tmp_path / "frame" / "subject_FLAIR.nii.gz")
    np.testing.assert_array_equal(shown.data, scan())
    said = json.loads((tmp_path / "predict.json").read_text())["cases"]["subject"]["scans"]["FLAIR"]
    assert said == {"file": "FLAIR (array)", "sha256": None}
    assert found.maps["lesions_probability"].get_fdata().max() == pytest.approx(scan().max() / 1000)


def test_what_cannot_be_is_said_before_a_model_is_loaded() -> None:
    with pytest.raises(ValueError, match="give t1, flair or both"):
        yw.predict()
    with pytest.raises(ValueError, match="region_model"):
        yw.predict(t1="T1.nii.gz", names="names.tsv")
    with pytest.raises(yw.InputError, match="no such file"):
        yw.predict(t1="nowhere.nii.gz")
    with pytest.raises(yw.InputError, match=r"T1 \(array\): has no place"):
        yw.predict(t1=scan())


@pytest.mark.usefixtures("fast")
def test_a_header_that_says_two_things_is_read_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The qform lies 30 mm to the left of the sform: an error, until somebody chooses; by Python and by command."""
    elsewhere = AFFINE.copy()
    elsewhere[0, 3] -= 30
    image = nib.Nifti1Image(scan(), None)
    image.set_sform(AFFINE, 1)
    image.set_qform(elsewhere, 1)
    path = tmp_path / "anna" / "FLAIR.nii.gz"
    path.parent.mkdir()
    nib.save(image, path)
    for name, place in (("sform", 12.0), ("qform", -18.0)):
        found = yw.predict(flair=path, header=name)
        assert found.lesions.affine[0, 3] == pytest.approx(place, abs=1e-3)
        out = tmp_path / name
        words = ["", "--flair", str(path), "--header", name, "--out-dir", str(out), "--no-report"]
        monkeypatch.setattr(sys, "argv", words)
        assert main() == 0
        assert nib.load(out / "lesions" / "anna.nii.gz").affine[0, 3] == pytest.approx(place, abs=1e-3)
    with pytest.raises(yw.InputError, match='say which is right: header="sform" or header="qform"'):
        yw.predict(flair=path)
