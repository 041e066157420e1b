"""The sample scan of the package through the shipped models, as a new user meets them."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

import yucca_wm
from yucca_wm.core.regions import regions
from yucca_wm.imaging.grids import to_ras
from yucca_wm.imaging.images import Image, load, load_labels, same_grid
from yucca_wm.scan.read import read_scan

from ..results_page import unnamed

SAMPLE = Path(yucca_wm.__file__).parent / "data" / "sample"
T1, FLAIR = SAMPLE / "T1.nii.gz", SAMPLE / "FLAIR.nii.gz"
COMMAND = (sys.executable, "-m", "yucca_wm.predict")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("sample")
    scans = ("--t1", str(T1), "--flair", str(FLAIR), "--name", "sample")
    done = subprocess.run([*COMMAND, *scans, "--out-dir", str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def read(out: Path, kind: str) -> Image:
    return load_labels(out / kind / "sample.nii.gz")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_maps_lie_on_the_flairs_grid(results: tuple[Path, str]) -> None:
    for kind in ("lesions", "regions", "tissue"):
        assert same_grid(read(results[0], kind), load(FLAIR))


def test_every_file_is_named_in_the_documentation(results: tuple[Path, str]) -> None:
    assert unnamed(results[0], ["sample"]) == []


def test_every_region_is_there_and_on_its_side(results: tuple[Path, str]) -> None:
    assert_all_regions_on_their_side(read(results[0], "regions"))


def assert_all_regions_on_their_side(found: Image) -> None:
    centres = {
        region.name: float((np.argwhere(found.data == region.index).mean(0) @ found.affine[:3, :3].T)[0])
        for region in regions().white_matter
    }
    assert not [name for name, x in centres.items() if np.isnan(x)]
    for name, x in centres.items():
        if name.endswith("_L"):
            assert x < centres[name[:-2] + "_R"], f"{name} lies right of its right counterpart"


def test_the_record_says_how_it_was_computed(results: tuple[Path, str]) -> None:
    (made,) = json.loads((results[0] / "predict.json").read_text())["cases"].values()
    assert re.fullmatch(r"(cpu|cuda|mps), (bfloat16|float32)", made["computed"])


def test_volumes_are_those_of_a_head(results: tuple[Path, str]) -> None:
    tissue, lesions = read(results[0], "tissue"), read(results[0], "lesions")
    ml = tissue.voxel_volume_mm3 / 1000
    volumes = np.bincount(tissue.data.ravel(), minlength=8) * ml
    assert 300 < volumes[1] < 700, "cerebral white matter"
    assert 60 < volumes[6] < 220, "cerebellum"
    assert 10 < volumes[7] < 60, "brainstem"
    assert not lesions.data[tissue.data == 0].any(), "lesions outside the brain"


def test_lesions_add_up_over_regions_and_places(results: tuple[Path, str]) -> None:
    out = results[0]
    lesions = read(out, "lesions")
    truth_ml = float(lesions.data.sum()) * lesions.voxel_volume_mm3 / 1000
    loads = {row["name"]: float(row["lesion_volume_ml"]) for row in rows(out / "lesion_load.tsv")}
    inside = sum(volume for name, volume in loads.items() if name not in ("total", "outside"))
    assert inside + loads.get("outside", 0) == pytest.approx(truth_ml, abs=1e-4)
    places = {row["place"]: float(row["lesion_volume_ml"]) for row in rows(out / "places.tsv")}
    assert sum(v for place, v in places.items() if place != "total") == pytest.approx(truth_ml, abs=1e-4)


def test_the_terminal_shows_the_table_and_the_page(results: tuple[Path, str]) -> None:
    out, said = results
    assert "region" in said
    assert "lesion ml" in said
    page = next(Path(line.removeprefix("open ")) for line in said.splitlines() if line.startswith("open "))
    assert page.is_file()
    assert "sample" in page.read_text(encoding="utf-8")
    assert out in page.parents


def predicted(out: Path, option: str, scan: Path) -> Path:
    """``out``, with the results of one scan alone."""
    return yucca_wm.predict(**{option: scan}, subject="sample").save(out, report=False)


def turned(scan: Path, path: Path) -> NDArray[np.float64]:
    """Write ``scan`` to ``path`` with its axes in another order and direction; returns the change of orientation."""
    image = nib.load(scan)
    target = nib.orientations.axcodes2ornt("ASR")
    change = nib.orientations.ornt_transform(nib.io_orientation(image.affine), target)
    nib.save(image.as_reoriented(change), path)
    return np.asarray(change)


@pytest.mark.parametrize("option", [pytest.param("t1", marks=pytest.mark.nightly), "flair"])
def test_one_scan_alone_with_its_axes_in_another_order(option: str, tmp_path: Path) -> None:
    turned({"t1": T1, "flair": FLAIR}[option], tmp_path / "turned.nii.gz")
    out = predicted(tmp_path / "out", option, tmp_path / "turned.nii.gz")
    assert_all_regions_on_their_side(read(out, "regions"))


@pytest.mark.nightly
def test_without_the_top_third_of_the_flair_lesions_keep_their_regions(
    results: tuple[Path, str], tmp_path: Path
) -> None:
    whole = nib.load(FLAIR)
    nib.save(whole.slicer[:, :, : whole.shape[2] - 15], tmp_path / "short.nii.gz")
    found = yucca_wm.predict(t1=T1, flair=tmp_path / "short.nii.gz")
    assert [note for note in found.notes if "the T1 shows all" in note]
    assert "cut_off" in found.flags
    n = found.lesions.shape[2]
    lesions, regions = (read(results[0], kind).data[:, :, :n] for kind in ("lesions", "regions"))
    both = (lesions > 0) & (np.asarray(found.lesions.dataobj) > 0)
    assert both.sum() > 0.7 * lesions.astype(bool).sum()
    assert (regions == np.asarray(found.regions.dataobj))[both].mean() > 0.9


@pytest.mark.nightly
def test_the_order_of_axes_in_the_file_changes_nothing(tmp_path: Path) -> None:
    change = turned(FLAIR, tmp_path / "turned.nii.gz")
    straight, other = (
        predicted(tmp_path / name, "flair", scan)
        for name, scan in (("straight", FLAIR), ("other", tmp_path / "turned.nii.gz"))
    )
    for kind in ("lesions", "regions", "tissue"):
        expected = nib.load(straight / kind / "sample.nii.gz").as_reoriented(change)
        np.testing.assert_array_equal(read(other, kind).data, expected.get_fdata(), kind)


def test_a_dicom_series_is_read_as_its_nifti(tmp_path: Path) -> None:
    """The same voxels at the same places, so that the same maps follow."""
    import SimpleITK

    series = SimpleITK.Cast(SimpleITK.ReadImage(str(FLAIR)), SimpleITK.sitkInt16)
    writer, axes = SimpleITK.ImageFileWriter(), series.GetDirection()
    writer.KeepOriginalImageUIDOn()
    (tmp_path / "series").mkdir()
    for n in range(series.GetDepth()):
        plane = series[:, :, n]
        tags = {
            "0008|0060": "MR",
            "0020|000d": "1.2.3",
            "0020|000e": "1.2.3.4",
            "0008|0018": f"1.2.3.4.{n + 1}",
            "0020|0013": str(n),
            "0020|0037": "\\".join(str(axes[k]) for k in (0, 3, 6, 1, 4, 7)),
            "0020|0032": "\\".join(map(str, series.TransformIndexToPhysicalPoint((0, 0, n)))),
        }
        for tag, value in tags.items():
            plane.SetMetaData(tag, value)
        writer.SetFileName(str(tmp_path / "series" / f"{n:03d}.dcm"))
        writer.Execute(plane)
    SimpleITK.WriteImage(series, str(tmp_path / "series.nii.gz"))
    of_dicom, of_nifti = (to_ras(read_scan(tmp_path / name)) for name in ("series", "series.nii.gz"))
    assert same_grid(of_dicom, of_nifti)
    np.testing.assert_array_equal(of_dicom.data, of_nifti.data)
    assert len(np.unique(of_dicom.data)) > 100
