"""A folder of DICOM slices is read where the NIfTI that it was written from lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image, load, save
from yucca_wm.scan import check_scans
from yucca_wm.scan.read import read_dicom, read_scan

TURN = np.array([[0.96, -0.28, 0, 0], [0.28, 0.96, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
AXIAL = np.array([[-0.9, 0, 0, 31], [0, -0.9, 0, 17], [0, 0, 4.0, -23], [0, 0, 0, 1]])
SAGITTAL = np.array([[0, 0, 1.2, -11], [-1, 0, 0, 29], [0, -1, 0, 41], [0, 0, 0, 1.0]])


@pytest.fixture(params=[AXIAL, TURN @ AXIAL, SAGITTAL, TURN @ SAGITTAL], ids=["axial", "oblique", "sagittal", "both"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Image:
    """No axis is like another, no corner like another."""
    data = np.random.default_rng(0).integers(0, 4000, (9, 8, 7)).astype(np.int16)
    return load(save(Image(data, request.param), tmp_path / "scan.nii.gz"))


def write_series(image: Image, folder: Path, uid: str = "1.2.3", name: str = "t1", leave_out: int = -1) -> Path:
    """Axes i, j, k of the image become column, row and slice; world RAS becomes DICOM's LPS."""
    folder.mkdir(exist_ok=True)
    lps = np.diag([-1, -1, 1, 1]) @ image.affine
    spacing = image.spacing_mm
    axes = lps[:3, :3] / spacing
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k in range(image.shape[2]):
        if k == leave_out:
            continue
        slice_ = sitk.GetImageFromArray(np.ascontiguousarray(image.data[:, :, k].T))
        slice_.SetSpacing(spacing[:2].tolist())
        values = {
            "0008|0060": "MR",
            "0008|103e": name,
            "0020|000e": uid,
            "0020|000d": "1.2",
            "0008|0018": f"{uid}.{k + 1}",
            "0020|0013": str(k + 1),
            "0018|0050": f"{spacing[2]:.6f}",
            "0020|0037": "\\".join(f"{v:.9f}" for v in [*axes[:, 0], *axes[:, 1]]),
            "0020|0032": "\\".join(f"{v:.6f}" for v in (lps @ [0, 0, k, 1])[:3]),
        }
        for tag, value in values.items():
            slice_.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{uid}_{image.shape[2] - k:03d}.dcm"))  # names against the order
        writer.Execute(slice_)
    return folder


def test_voxels_lie_where_those_of_the_nifti_do(image: Image, tmp_path: Path) -> None:
    """Stored axes may differ, places may not: each voxel is looked up in the NIfTI through the world."""
    read = read_scan(write_series(image, tmp_path / "series"))
    assert sorted(read.shape) == sorted(image.shape)
    index = np.indices(read.shape).reshape(3, -1)
    to_image = np.linalg.inv(image.affine) @ read.affine
    there = to_image[:3, :3] @ index + to_image[:3, 3:]
    np.testing.assert_allclose(there, np.rint(there), atol=1e-3)
    np.testing.assert_array_equal(read.data.ravel(), image.data[tuple(np.rint(there).astype(int))])
    np.testing.assert_array_equal(load(save(read, tmp_path / "again.nii.gz")).data, read.data)


@pytest.mark.parametrize("name", ["slice.dcm", "IM000001"])
def test_one_slice_is_no_scan(name: str, image: Image, tmp_path: Path) -> None:
    folder = write_series(image, tmp_path / "series")
    slice_ = next(folder.iterdir()).rename(tmp_path / name)
    with pytest.raises(InputError, match=f"{name}: is a DICOM file; give the folder that holds all slices"):
        check_scans({"T1": slice_})


def test_two_series_are_listed(image: Image, tmp_path: Path) -> None:
    write_series(image, tmp_path / "mixed", "1.2.3", "t1 mprage")
    write_series(image, tmp_path / "mixed", "1.2.4", "t2 flair")
    with pytest.raises(InputError, match="holds 2 DICOM series") as raised:
        check_scans({"T1": tmp_path / "mixed"})
    assert "t1 mprage (7 files, 1.2.3" in str(raised.value)
    assert "t2 flair (7 files, 1.2.4" in str(raised.value)


def test_a_missing_slice_and_no_series(image: Image, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"slices are .* mm apart"):
        read_dicom(write_series(image, tmp_path / "gap", leave_out=3))
    (tmp_path / "empty").mkdir()
    capfd.readouterr()
    with pytest.raises(InputError, match="is an empty folder; give the folder that holds the slices"):
        read_dicom(tmp_path / "empty")
    (tmp_path / "empty" / "notes.txt").touch()
    with pytest.raises(InputError, match="holds no DICOM series; give the folder that holds the slices"):
        read_dicom(tmp_path / "empty")
    for name in ("T1.nii.gz", "FLAIR.NII"):
        (tmp_path / "empty" / name).touch()
    with pytest.raises(InputError, match=r"no DICOM series; give one of its files \(FLAIR.NII, T1.nii.gz\)"):
        read_dicom(tmp_path / "empty")
    assert capfd.readouterr().err == ""  # ITK's own words stay out
