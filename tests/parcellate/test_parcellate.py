"""One subject through the command: files, numbers, errors."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import sha256
from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import Image, load, save
from yucca_wm.parcellate.__main__ import main
from yucca_wm.registration import deformable

from .conftest import FAULTS, AtlasFiles, Scan, broken, scan, turned


@pytest.fixture(scope="module")
def subject() -> Scan:
    return scan(turned((6, 5, -8), (1.05, 1, 0.95)), (2, 2, 4))


@pytest.fixture
def command(atlas_files: AtlasFiles, subject: Scan, tmp_path: Path) -> list[str]:
    save(subject.wm, tmp_path / "wm.nii.gz")
    out = tmp_path / "new" / "s_regions.nii.gz"
    given = {"--atlas-wm": atlas_files.wm, "--atlas-labels": atlas_files.labels, "--wm": tmp_path / "wm.nii.gz"}
    return [str(part) for pair in (given | {"--out": out}).items() for part in pair]


def test_what_is_left_behind(command: list[str], subject: Scan, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    assert main(command) == 0
    assert "white-matter Dice 0.9" in capsys.readouterr().out
    out = tmp_path / "new"
    names = {f"s_regions{ending}" for ending in (".nii.gz", "_unmasked.nii.gz", "_affine.tfm", ".json", ".png")}
    assert {path.name for path in out.iterdir()} == names
    labels, unmasked = load(out / "s_regions.nii.gz"), load(out / "s_regions_unmasked.nii.gz")
    assert labels.data.dtype == np.uint8
    np.testing.assert_allclose(labels.affine, subject.wm.affine)
    assert subject.dice(labels.data) > 0.9
    assert not labels.data[subject.wm.data == 0].any()
    assert (unmasked.data > 0).sum() > (labels.data > 0).sum()
    inside = (subject.wm.data > 0) & (unmasked.data > 0)
    np.testing.assert_array_equal(labels.data[inside], unmasked.data[inside])
    record = json.loads((out / "s_regions.json").read_text())
    counts = np.bincount(labels.data.ravel(), minlength=37)
    assert record["volume_ml"] == {
        region.name: pytest.approx(counts[region.index] * 2 * 2 * 4 / 1000, abs=1e-4) for region in regions()
    }
    assert record["filled_voxels"] == int((labels.data[(subject.wm.data > 0) & (unmasked.data == 0)] > 0).sum())
    digests = record["inputs"]["sha256"]
    assert digests["wm"] == sha256(tmp_path / "wm.nii.gz")
    assert {sha256(Path(command[1])), sha256(Path(command[3]))} <= set(digests.values())  # the atlas
    assert record["folded_voxels"] == 0
    assert record["versions"]["yucca_wm"]


def test_a_second_run_leaves_the_same_bytes(command: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "new"
    main(command)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    main(command)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    main([*command, "--fill-mm", "0", "--no-picture"])
    assert json.loads((folder / "s_regions.json").read_text())["settings"]["fill_mm"] == 0
    assert {path.name for path in folder.iterdir()} == first.keys() - {"s_regions.png"}


def test_a_folder_as_out(command: list[str], tmp_path: Path) -> None:
    main([*command[:-1], str(tmp_path / "folder")])
    assert (tmp_path / "folder" / f"{tmp_path.name}_regions.nii.gz").is_file()  # wm.nii.gz is everybody's name


def test_the_map_of_another_file_of_that_name_stays(command: list[str], subject: Scan, tmp_path: Path) -> None:
    """Of somebody else, as like as not; the same file may change, and be made again."""
    white = subject.wm.data.copy()
    for site in "AB":
        (tmp_path / site).mkdir()
        save(subject.wm.with_data(white), tmp_path / site / "sub-01_wm.nii.gz")
        white[white.shape[0] // 2] = 0
    out = tmp_path / "out"
    words = [*command[:4], "--no-picture", "--out-dir", str(out), "--wm"]
    assert main([*words, str(tmp_path / "A/sub-01_wm.nii.gz")]) == 0
    before = (out / "sub-01_regions.nii.gz").read_bytes()
    with pytest.raises(InputError, match=r"B/sub-01_wm.nii.gz: is called sub-01_regions, as the map of .*A/sub-01_wm"):
        main([*words, str(tmp_path / "B/sub-01_wm.nii.gz")])
    assert (out / "sub-01_regions.nii.gz").read_bytes() == before
    save(subject.wm.with_data(white), tmp_path / "A/sub-01_wm.nii.gz")
    assert main([*words, str(tmp_path / "A/sub-01_wm.nii.gz")]) == 0
    assert (out / "sub-01_regions.nii.gz").read_bytes() != before


def test_deformable_leaves_its_field(command: list[str], tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(deformable, "LEVELS", deformable.LEVELS[:1])
    main([*command, "--transform", "deformable", "--no-picture"])
    record = json.loads((tmp_path / "new" / "s_regions.json").read_text())
    assert record["folded_voxels"] == 0
    assert record["wm_dice"] > 0.9
    assert load_field_shape(tmp_path / "new" / "s_regions_warp.nii.gz")[3:] == (1, 3)
    main([*command, "--no-picture"])
    assert not (tmp_path / "new" / "s_regions_warp.nii.gz").exists()  # it would belong to another transform


def load_field_shape(path: Path) -> tuple[int, ...]:
    return nib.load(path).shape


@pytest.mark.parametrize(("how", "message"), FAULTS.items())
def test_bad_white_matter_is_one_clear_error(
    command: list[str], subject: Scan, tmp_path: Path, how: str, message: str
) -> None:
    broken(subject, how, tmp_path / "wm.nii.gz")
    with pytest.raises(InputError, match=message) as raised:
        main(command)
    assert str(raised.value).startswith(str(tmp_path / "wm.nii.gz"))
    assert not (tmp_path / "new" / "s_regions.nii.gz").exists()


@pytest.mark.parametrize("shift_mm", [None, 0.5])
def test_a_t1_on_another_grid_is_refused(
    command: list[str], subject: Scan, tmp_path: Path, shift_mm: float | None
) -> None:
    moved = subject.wm.affine.copy()
    moved[0, 3] += shift_mm or 0
    data = np.ones(subject.wm.shape if shift_mm else (9, 9, 9), np.float32)
    t1 = save(Image(data, moved), tmp_path / "t1.nii.gz")
    with pytest.raises(InputError, match="mm away from" if shift_mm else "has shape"):
        main([*command, "--t1", str(t1)])


def test_an_atlas_label_outside_the_table_and_a_foreign_table(
    command: list[str], atlas_files: AtlasFiles, tmp_path: Path
) -> None:
    labels = load(atlas_files.labels)
    far = save(labels.with_data(np.where(labels.data == 3, 99, labels.data).astype(np.uint8)), tmp_path / "far.nii.gz")
    command[3] = str(far)
    with pytest.raises(InputError, match="not in the table of regions: 99"):
        main(command)
    names = tmp_path / "names.tsv"
    names.write_text("index\tname\n" + "".join(f"{n}\tarea{n}\n" for n in [*range(1, 35), 99] if n != 3))
    main([*command, "--names", str(names)])
    assert json.loads((tmp_path / "new" / "s_regions.json").read_text())["volume_ml"]["area99"] > 0


def test_an_atlas_tissue_map_must_say_which_tissue(command: list[str], atlas_files: AtlasFiles, tmp_path: Path) -> None:
    wm = load(atlas_files.wm)
    tissue = save(wm.with_data((1 + 2 * wm.data).astype(np.uint8)), tmp_path / "tissue.nii.gz")
    command[1] = str(tissue)
    with pytest.raises(InputError, match="--atlas-wm-labels"):
        main(command)
    assert main([*command, "--atlas-wm-labels", "3"]) == 0


def test_an_output_folder_that_cannot_be_written(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        main([*command[:-1], str(tmp_path / "file" / "s_regions.nii.gz")])


def test_without_an_atlas_the_error_says_how_to_fetch_one(command: list[str], tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("YUCCA_WM_CACHE", str(tmp_path / "empty"))
    with pytest.raises(InputError, match=r"python -m yucca_wm\.atlas fetch"):
        main(command[4:])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--wm", "a"],
        ["--wm", "auto", "--out", "o"],
        ["--cohort", "c", "--out", "o"],
        ["--cohort", "c", "--lesions", "l"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2


def test_of_a_pair_of_files_the_image_tells_people_apart(command: list[str], subject: Scan, tmp_path: Path) -> None:
    """The headers of two people on one grid are equal."""
    out = tmp_path / "out"
    words = [*command[:4], "--no-picture", "--out-dir", str(out), "--wm"]
    for site, shift in (("A", 0), ("B", 2)):
        (tmp_path / site).mkdir()
        white = np.roll(subject.wm.data, shift, axis=1).astype(np.uint8)
        nib.save(nib.Nifti1Pair(white, subject.wm.affine), tmp_path / site / "p1.hdr")
    assert main([*words, str(tmp_path / "A/p1.hdr")]) == 0
    with pytest.raises(InputError, match="is called p1_regions, as the map of"):
        main([*words, str(tmp_path / "B/p1.hdr")])
