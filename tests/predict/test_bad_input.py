"""What no network should see: one clear line before any is run, exit 1; of a cohort the others are done."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image, load, save
from yucca_wm.predict.__main__ import main

from ..phantom_head import draw, grid

SHAPE, AFFINE = (60, 75, 45), grid((60, 75, 45), (3.5, 3.5, 5.0), "LPS")

NO_NETWORKS = SimpleNamespace(regions=None, tissue=None, computed="cpu, float32")

BAD = {
    # what is given -> T1 (or none), FLAIR, and what is said of it
    "two_people": ("somebody_else", "flair", "could not be registered to"),
    "no_head": (None, "noise", "shows no head"),
    "flat": (None, "flat", "holds the value 7 only"),
    "label_map": (None, "labels", "is a label map, not a scan"),
    "four_dimensions": (None, "4d", "has shape (60, 75, 45, 2), a 3D image is needed"),
    "half_a_head": (None, "half", "mm of a head from left to right"),
    "large_voxels": (None, "coarse", "has voxels of 8 x 8 x 8 mm"),
    "missing": (None, "nobody", "no such file"),
    "two_series": (None, "series", "holds 2 DICOM series"),
}


def int16(image: Image) -> Image:
    return Image(image.data.astype(np.int16), image.affine)


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file, or folder, for every word in BAD, and a good T1 and FLAIR."""
    folder = tmp_path_factory.mktemp("scans")
    flair, coarse = int16(draw(SHAPE, AFFINE, "FLAIR")), (26, 33, 30)
    regions = (flair.data > 300) * (1 + np.arange(SHAPE[1]) * 34 // SHAPE[1])[None, :, None]
    made = {
        "flair": flair.data,
        "t1": draw(SHAPE, AFFINE, "T1").data,
        "somebody_else": draw(SHAPE, AFFINE, "T1", person=1).data,
        "noise": np.random.default_rng(0).integers(0, 1000, SHAPE),
        "flat": np.full(SHAPE, 7),
        "labels": regions,
        "4d": np.stack([flair.data, flair.data], axis=-1),
        "half": flair.data[:30],
    }
    for name, data in made.items():
        nib.save(nib.Nifti1Image(data.astype(np.int16), AFFINE), folder / f"{name}.nii.gz")
    save(int16(draw(coarse, grid(coarse, (8, 8, 8)), "FLAIR")), folder / "coarse.nii.gz")
    for uid in ("1.2.3", "1.2.4"):
        two_slices(folder / "series.nii.gz", uid)
    return folder


def two_slices(folder: Path, uid: str) -> None:
    folder.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k in range(2):
        plane = sitk.GetImageFromArray(np.zeros((8, 8), np.int16))
        tags = {"0008|0060": "MR", "0020|000e": uid, "0020|000d": "1.2", "0008|0018": f"{uid}.{k + 1}",
                "0020|0013": str(k), "0020|0032": f"0\\0\\{k}", "0020|0037": "1\\0\\0\\0\\1\\0"}  # fmt: skip
        for tag, value in tags.items():
            plane.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{uid}_{k}.dcm"))
        writer.Execute(plane)


def predict(*arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["predict", *arguments, "--no-report"])
        return main()


def no_network(*_: Any) -> None:
    pytest.fail("a network was asked for")


@pytest.mark.parametrize("kind", BAD)
def test_of_one_person(
    kind: str, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("yucca_wm.predict.cohort.networks", no_network)
    t1, flair, words = BAD[kind]
    given = [] if t1 is None else ["--t1", str(scans / f"{t1}.nii.gz")]
    given += ["--flair", str(scans / f"{flair}.nii.gz"), "--name", "p"]
    if kind == "missing":
        with pytest.raises(InputError) as raised:
            predict(*given, "--out-dir", str(tmp_path / "a" / "b"))
        errors = [f"error: {raised.value}"]
    else:
        assert predict(*given, "--out-dir", str(tmp_path / "a" / "b")) == 1
        errors = [line for line in capsys.readouterr().err.splitlines() if not line.endswith(" ...")]
    assert len(errors) == 1
    assert errors[0].startswith(f"error: {scans / (t1 or flair)}.nii.gz: ")
    assert words in errors[0]
    assert not list(tmp_path.iterdir()), "no folder stays"


def test_of_a_cohort(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The two who are good are done, everybody else is named with the reason."""
    seen: list[str] = []

    def segment(_: Any, given: dict[str, Image]) -> Any:
        from yucca_wm.models.segment import Segmentation

        seen.append("+".join(given))
        regions = np.full(SHAPE, 3, np.uint8)
        lesions = np.zeros(SHAPE, np.uint8)
        lesions[30:33, 40, 20] = 1
        return Segmentation(lesions, regions, regions, lesions.astype(np.float32), 1200.0)

    monkeypatch.setattr("yucca_wm.models.segment.segment", segment)
    monkeypatch.setattr("yucca_wm.predict.cohort.networks", lambda *_: NO_NETWORKS)
    people = {"a_good": ("t1", "flair", ""), **BAD, "z_good": (None, "flair", "")}
    rows = ["subject\tt1\tflair"]
    rows += [f"{name}\t{'' if t1 is None else scans / f'{t1}.nii.gz'}\t{scans / f'{flair}.nii.gz'}"
             for name, (t1, flair, _) in people.items()]  # fmt: skip
    (tmp_path / "cohort.tsv").write_text("\n".join(rows) + "\n")
    out = tmp_path / "out"
    assert predict("--input", str(tmp_path / "cohort.tsv"), "--out-dir", str(out)) == 1
    err = capsys.readouterr().err
    errors = {line.split(": ")[1]: line for line in err.splitlines() if line.startswith("error:")}
    assert errors.keys() == BAD.keys()
    for name, (_, _, words) in BAD.items():
        assert words in errors[name]
    assert f"{len(BAD)} of {len(people)} cases failed; the others are done" in err
    assert seen == ["T1+FLAIR", "FLAIR"]
    assert {path.name for path in (out / "lesions").iterdir()} == {"a_good.nii.gz", "z_good.nii.gz"}
    assert load(out / "lesions" / "z_good.nii.gz").data.sum() == 3
    table = [line.split("\t") for line in (out / "predictions.tsv").read_text().splitlines()]
    assert [row[0] for row in table[1:]] == sorted(people), "whoever failed is in the table, too"
    failed = {row[0]: row[table[0].index("failed")] for row in table[1:]}
    assert {name for name, why in failed.items() if why != "n/a"} == BAD.keys()
    assert all(words in failed[name] for name, (_, _, words) in BAD.items())


def test_a_t1_given_as_flair_is_done_and_noted(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The phantom's T1 has cortex at .55 and white matter at .95: .58 times as bright."""

    def segment(_: Any, given: dict[str, Image]) -> Any:
        from yucca_wm.models.segment import Segmentation

        (image,) = given.values()
        tissue = 2 * (np.abs(image.data - 550) < 30) + (image.data > 900)
        lesions = np.zeros(SHAPE, np.uint8)
        lesions[30:33, 40, 20] = 1
        return Segmentation(
            lesions, np.full(SHAPE, 3, np.uint8), tissue.astype(np.uint8), lesions.astype(np.float32), 1200.0, "T1"
        )

    monkeypatch.setattr("yucca_wm.models.segment.segment", segment)
    monkeypatch.setattr("yucca_wm.predict.cohort.networks", lambda *_: NO_NETWORKS)
    said = "looks like a T1 (the network is more certain of it as one)"
    for modality, noted in (("flair", 1), ("t1", 0)):
        out = tmp_path / modality
        assert predict(f"--{modality}", str(scans / "t1.nii.gz"), "--name", "p", "--out-dir", str(out)) == 0
        assert capsys.readouterr().err.count(f"note: the FLAIR {said}") == noted
        notes = json.loads((out / "predict.json").read_text())["cases"]["p"]["notes"]
        assert sum(said in note for note in notes) == noted
