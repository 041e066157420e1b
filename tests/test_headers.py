"""Headers as they are: two affines, other units, other voxel sizes, FreeSurfer's format."""

from __future__ import annotations

import gzip
import sys
from importlib import import_module
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.image_input import image_of
from yucca_wm.imaging.images import load, load_labels, save
from yucca_wm.imaging.reading import OPTION, Headers, reading

AFFINE = np.array([[-0.9, 0, 0, 100], [0, 0.9, 0, -120], [0, 0, 3.0, -60], [0, 0, 0, 1]])
TURN = np.array([[0.995, 0.0998, 0, 0], [-0.0998, 0.995, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def labels(shape: tuple[int, ...] = (6, 7, 8)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 5, shape).astype(np.int16)


def write(
    path: Path,
    sform: np.ndarray | None = None,
    qform: np.ndarray | None = None,
    pixdim: tuple[float, ...] = (),
    unit: int = 2,
) -> Path:
    image = nib.Nifti1Image(labels(), None)
    if qform is not None:
        image.set_qform(qform, 1, update_affine=sform is None)
    if sform is not None:
        image.set_sform(sform, 1)
    if pixdim:
        image.header["pixdim"][1:4] = pixdim
    image.header["xyzt_units"] = unit
    path.write_bytes(image.to_bytes())
    return path


def moved(mm: float) -> np.ndarray:
    affine = AFFINE.copy()
    affine[0, 3] += mm
    return affine


def test_up_to_half_a_voxel_the_sform_is_used_and_said_so(tmp_path: Path) -> None:
    """Half of the smallest edge is .45 mm."""
    image = load(write(tmp_path / "a.nii", moved(0.32), AFFINE))
    np.testing.assert_allclose(image.affine, moved(0.32), atol=1e-5)
    assert image.header_notes == ["sform and qform differ by 0.32 mm; the sform is used"]
    again = load(save(image, tmp_path / "again.nii"))
    np.testing.assert_allclose(again.affine, moved(0.32), atol=1e-5)
    assert again.header_notes == []


def test_beyond_half_a_voxel_somebody_must_choose(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", moved(0.5), AFFINE)
    for read in (load, load_labels):
        with pytest.raises(InputError, match=r"0.5 mm apart; copy the right one over the other"):
            read(path)
        with (
            reading(Headers(None, OPTION)),
            pytest.raises(InputError, match=r"0.5 mm apart; .*: --header sform or --header qform$"),
        ):
            read(path)
    for form, affine in (("sform", moved(0.5)), ("qform", AFFINE)):
        with reading(Headers(form)):
            images = load(path), load_labels(path)
        for image in images:
            np.testing.assert_allclose(image.affine, affine, atol=1e-5)
            assert image.header_notes == [f"sform and qform differ by 0.5 mm; the {form} is used"]
        np.testing.assert_allclose(load(save(image, tmp_path / "b.nii")).affine, affine, atol=1e-5)


def test_a_choice_changes_nothing_where_there_is_one_affine(tmp_path: Path) -> None:
    for number, forms in enumerate(((AFFINE, None), (None, AFFINE), (AFFINE, AFFINE))):
        path = write(tmp_path / f"{number}.nii", *forms, pixdim=(0.9, 0.9, 3))
        for form in (None, "sform", "qform"):
            with reading(Headers(form)):
                image = load(path)
            np.testing.assert_allclose(image.affine, AFFINE, atol=1e-5)
            assert image.header_notes == []


@pytest.mark.parametrize(("unit", "factor"), [(0, 1.0), (1, 1e-3), (2, 1.0), (3, 1e3), (3 + 8, 1e3)])
@pytest.mark.parametrize("forms", ["sform", "qform", "both"])
def test_lengths_in_other_units(unit: int, factor: float, forms: str, tmp_path: Path) -> None:
    """8 marks seconds. The same head in metres, millimetres and micrometres has the same voxels of 2.43 mm3."""
    affine = AFFINE.copy()
    affine[:3] *= factor
    given = {form: affine for form in ("sform", "qform") if forms in (form, "both")}
    path = write(tmp_path / "a.nii", **given, pixdim=tuple(factor * mm for mm in (0.9, 0.9, 3)), unit=unit)
    image = load_labels(path)
    np.testing.assert_allclose(image.affine, AFFINE, rtol=1e-5)
    assert image.voxel_volume_mm3 == pytest.approx(2.43, rel=1e-5)
    assert image.header_notes == []
    np.testing.assert_allclose(image.header.get_zooms(), (0.9, 0.9, 3), rtol=1e-5)
    again = nib.load(save(image, tmp_path / "again.nii"))
    assert again.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(again.affine, AFFINE, rtol=1e-5)


@pytest.mark.parametrize(("unit", "words"), [(1, "900 x 900 x 3e.03 mm .*metres"), (3, "0.0009 x .*micrometres")])
def test_a_wrong_unit_is_named(unit: int, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        load(write(tmp_path / "a.nii", AFFINE, pixdim=(0.9, 0.9, 3), unit=unit))


@pytest.mark.parametrize("mm", [0.04, 21.0])
def test_voxels_that_show_no_head(mm: float, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"has voxels of {mm:g} x 1 x 1 mm; repair"):
        load(write(tmp_path / "a.nii", np.diag([mm, 1, 1, 1]), pixdim=(mm, 1, 1)))


def test_pixdim_against_sform(tmp_path: Path) -> None:
    """Voxels of 2.43 mm3 by the sform, of .81 by pixdim."""
    image = load(write(tmp_path / "a.nii", AFFINE, pixdim=(0.9, 0.9, 1)))
    assert image.voxel_volume_mm3 == pytest.approx(2.43)
    (note,) = image.header_notes
    assert "0.9 x 0.9 x 1 mm, the sform of 0.9 x 0.9 x 3 mm" in note
    assert "0.333 times" in note


def test_a_nearly_rigid_sheared_affine_is_taken_as_it_comes(tmp_path: Path) -> None:
    sheared = AFFINE @ np.array([[1, 0.01, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    np.testing.assert_allclose(load(write(tmp_path / "a.nii", sheared)).affine, sheared, atol=1e-5)


@pytest.mark.parametrize("suffix", [".mgh", ".mgz"])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float32])
def test_freesurfer(suffix: str, kind: type, tmp_path: Path) -> None:
    data, affine = labels().astype(kind), AFFINE @ TURN
    path = tmp_path / f"aseg{suffix}"
    nib.save(nib.MGHImage(data, affine.astype(np.float32)), path)
    for image in (load(path), load_labels(path)):
        np.testing.assert_array_equal(image.data, data)
        np.testing.assert_allclose(image.affine, affine, atol=1e-3)
        assert image.header_notes == []
        again = load(save(image, tmp_path / "again.nii.gz"))
        np.testing.assert_array_equal(again.data, data)
        np.testing.assert_allclose(again.affine, affine, atol=1e-3)
    assert image.data.dtype.isnative


def test_damaged_freesurfer(tmp_path: Path) -> None:
    path = tmp_path / "aseg.mgz"
    nib.save(nib.MGHImage(labels((20, 20, 20)), AFFINE.astype(np.float32)), path)
    whole = path.read_bytes()
    for content in (whole[:-30], whole[:-8] + bytes(4) + whole[-4:], gzip.compress(b"nothing"), b"nothing"):
        path.write_bytes(content)
        with pytest.raises(InputError):
            load(path)
    nib.save(nib.MGHImage(labels((4, 4, 4, 2)), AFFINE.astype(np.float32)), path)
    with pytest.raises(InputError, match="a 3D image is needed"):
        load(path)


def commands(folder: Path) -> dict[str, tuple[str, ...]]:
    """Commands that make tables of the maps in ``folder``."""
    out = ("--out_dir", str(folder / "out"))
    return {
        "evaluate": ("--pred", str(folder / "pred"), "--gt", str(folder / "gt"), *out, "--jobs", "2"),
        "localize": ("--lesions", str(folder / "gt"), "--regions", str(folder / "pred"), *out),
    }


@pytest.mark.parametrize("command", ["evaluate", "localize"])
def test_commands_say_doubts_once_for_each_file_and_take_a_choice(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``a`` is .3 mm off, less than half a voxel of .9 mm; ``b`` is .6 mm off, and somebody must choose."""
    main = import_module(f"yucca_wm.{command}.__main__").main
    for kind in ("pred", "gt"):
        (tmp_path / kind).mkdir()
        for name in ("a", "b"):
            write(tmp_path / kind / f"{name}.nii", AFFINE, AFFINE)
            map_ = nib.load(tmp_path / kind / f"{name}.nii")
            data = np.minimum(np.asarray(map_.dataobj), 1) * (1 if kind == "gt" or command == "evaluate" else 3)
            (tmp_path / kind / f"{name}.nii").write_bytes(
                nib.Nifti1Image(data.astype(np.int16), None, map_.header).to_bytes()
            )
    for name, mm in (("a", 0.3), ("b", 0.6)):
        set_sform(tmp_path / "gt" / f"{name}.nii", moved(mm))
        set_sform(tmp_path / "pred" / f"{name}.nii", moved(mm), both=True)

    def run(*more: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", [command, *commands(tmp_path)[command], *more])
        return main(), capsys.readouterr().err

    file = tmp_path / "gt"
    doubt = f"note: {file / 'a.nii'}: sform and qform differ by 0.3 mm; the sform is used\n"
    for _ in range(2):  # the second run reads nothing of a
        code, err = run()
        assert code == 1
        assert err.count(doubt) == err.count("sform and qform differ") == 1
        assert f"error: b: {file / 'b.nii'}: has an sform and a qform up to 0.6 mm apart" in err
        assert "--header sform or --header qform" in err
    code, err = run("--header", "sform")
    assert code == 0
    assert err.count(doubt) == 1
    assert err.count(f"note: {file / 'b.nii'}: sform and qform differ by 0.6 mm; the sform is used\n") == 1
    assert run("--header", "qform")[0] == 1, "the maps lie .3 and .6 mm apart then"


def set_sform(path: Path, affine: np.ndarray, *, both: bool = False) -> None:
    image = nib.load(path)
    image.set_sform(affine, 1)
    if both:
        image.set_qform(affine, 1)
    path.write_bytes(image.to_bytes())


def test_an_image_that_does_not_say_where_it_lies_is_refused(tmp_path: Path) -> None:
    """nibabel makes a place up for it, in which left and right are exchanged: of files and of images in memory."""
    image = nib.Nifti1Image(np.ones((4, 5, 6), np.uint8), np.diag([2.0, 2, 2, 1]))
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nib.save(image, tmp_path / "a.nii.gz")
    for read in (load, load_labels, lambda path: image_of(nib.load(path))):
        with pytest.raises(InputError, match="has no orientation in its header: left and right are not known"):
            read(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("ending", ["mgh", "mgz"])
def test_freesurfers_images_that_do_not_say_where_they_lie_are_refused(tmp_path: Path, ending: str) -> None:
    """nibabel reads the flag as set."""
    path = tmp_path / f"a.{ending}"
    nib.save(nib.MGHImage(np.ones((4, 5, 6), np.uint8), np.diag([2.0, 2, 2, 1])), path)
    load(path)
    content = path.read_bytes()
    content = bytearray(gzip.decompress(content) if ending == "mgz" else content)
    assert content[28:30] == b"\0\1"
    content[28:30] = b"\0\0"
    path.write_bytes(gzip.compress(bytes(content)) if ending == "mgz" else bytes(content))
    with pytest.raises(InputError, match="has no orientation in its header"):
        load(path)


def test_an_image_of_simpleitk_that_does_not_say_where_it_lies_is_refused(tmp_path: Path) -> None:
    import SimpleITK as sitk

    image = nib.Nifti1Image(np.ones((4, 5, 6), np.uint8), np.diag([2.0, 2, 2, 1]))
    nib.save(image, tmp_path / "good.nii.gz")
    image.set_sform(None, 0)
    nib.save(image, tmp_path / "bad.nii.gz")
    assert image_of(sitk.ReadImage(str(tmp_path / "good.nii.gz"))).shape == (4, 5, 6)
    with pytest.raises(InputError, match="has no orientation in its header"):
        image_of(sitk.ReadImage(str(tmp_path / "bad.nii.gz")))
