"""From scan files to one grid, and every reason to stop before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

import yucca_wm
from yucca_wm.core.errors import InputError
from yucca_wm.core.notes import About
from yucca_wm.imaging.images import Image, load, resample, same_grid, save
from yucca_wm.imaging.kinds import equal_neighbours, refuse_label_map
from yucca_wm.registration.rigid import Rigid, near, register
from yucca_wm.scan import Frame, bring_to_one_frame, carry_labels, check_scans
from yucca_wm.scan.check import check_different
from yucca_wm.scan.frame import mirrored

from ..phantom_head import draw, grid, pose

SHAPE, SPACING = (60, 75, 45), (3.5, 3.5, 5.0)
AFFINE = grid(SHAPE, SPACING, "LPS")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FLAIR; T1 at the same place in other axes; T1 on a grid of its own, moved; T1 on the FLAIR's grid, moved."""
    folder = tmp_path_factory.mktemp("scans")
    save(_int16(draw(SHAPE, AFFINE, "FLAIR")), folder / "flair.nii.gz")
    t1 = _int16(draw(SHAPE, AFFINE, "T1"))
    turned = nib.Nifti1Image(t1.data, t1.affine).as_reoriented(np.array([[1, -1], [2, 1], [0, -1]]))
    nib.save(turned, folder / "turned.nii.gz")
    moved = pose((5, 2, -3), (3, 2, 0))
    save(_int16(draw((64, 70, 62), grid((64, 70, 62), (3.5, 3.5, 3.5)), "T1", placed=moved)), folder / "own.nii.gz")
    save(_int16(draw(SHAPE, AFFINE, "T1", placed=moved)), folder / "shares_grid.nii.gz")
    save(_int16(draw(SHAPE, AFFINE, "T1", person=1)), folder / "somebody_else.nii.gz")
    return folder


@pytest.fixture(scope="module")
def frames(folder: Path) -> dict[str, Frame]:
    """Each T1 of this person on the FLAIR's grid; registration takes seconds."""
    flair, names = folder / "flair.nii.gz", ("turned", "own", "shares_grid")
    return {name: bring_to_one_frame({"T1": folder / f"{name}.nii.gz", "FLAIR": flair}) for name in names}


@pytest.fixture(scope="module")
def fits(folder: Path) -> tuple[Rigid, Rigid]:
    """Of the T1 at the same place, as it is and mirrored."""
    flair, t1 = load(folder / "flair.nii.gz"), load(folder / "turned.nii.gz")
    return register(flair, t1), near(flair, mirrored(t1))


@pytest.mark.parametrize(
    ("names", "says"), [("aa", "a: T1 and FLAIR are the same file"), ("ab", "b: holds the same voxels as a; give two")]
)
def test_one_scan_given_twice_is_named(names: str, says: str) -> None:
    scans = [Image(np.ones((4, 4, 4)), np.eye(4), path=Path(name)) for name in names]
    with pytest.raises(InputError, match=says):
        check_different(dict(zip(("T1", "FLAIR"), scans, strict=True)))


def _int16(image: Image) -> Image:
    return replace(image, data=image.data.astype(np.int16))


def test_scans_at_the_same_place_keep_every_value(folder: Path, frames: dict[str, Frame]) -> None:
    frame = frames["turned"]
    assert (frame.reference, frame.transforms, frame.notes) == ("FLAIR", {}, [])
    assert list(frame.images) == ["T1", "FLAIR"]
    np.testing.assert_array_equal(frame.images["FLAIR"].data, load(folder / "flair.nii.gz").data)
    t1 = frame.images["T1"]
    assert t1.data.dtype == np.int16
    np.testing.assert_array_equal(t1.data, draw(SHAPE, AFFINE, "T1").data.astype(np.int16))
    assert same_grid(t1, frame.images["FLAIR"])


@pytest.mark.parametrize(("peak", "said"), [(1.3, []), (1.29, ["weakly"]), (1.22, ["weakly"]), (1.21, None)])
def test_a_weak_fit_is_used_and_said_a_failed_one_is_not(
    peak: float,
    said: list[str] | None,
    folder: Path,
    fits: tuple[Rigid, Rigid],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("yucca_wm.scan.frame.register", lambda *_: replace(fits[0], peak=peak))
    monkeypatch.setattr("yucca_wm.scan.frame.near", lambda *_: fits[1])
    scans = {"T1": folder / "turned.nii.gz", "FLAIR": folder / "flair.nii.gz"}
    if said is None:
        with pytest.raises(InputError, match=r"turned\.nii\.gz: could not be registered .* 1\.21 times chance"):
            bring_to_one_frame(scans)
        return
    frame = bring_to_one_frame(scans)
    assert len(frame.notes) == len(said)
    assert all(word in note for word, note in zip(said, frame.notes, strict=True))
    assert About.DONE not in [note.about for note in frame.notes]
    np.testing.assert_array_equal(frame.images["T1"].data, draw(SHAPE, AFFINE, "T1").data.astype(np.int16))


@pytest.mark.parametrize("name", ["own", "shares_grid"])
def test_a_head_that_moved_is_brought_back(name: str, folder: Path, frames: dict[str, Frame], tmp_path: Path) -> None:
    frame = frames[name]
    truth = np.linalg.inv(pose((5, 2, -3), (3, 2, 0)))
    points = np.vstack([np.random.default_rng(0).uniform(-70, 70, (3, 99)), np.ones(99)])
    assert np.linalg.norm((frame.transforms["T1"] - truth) @ points, axis=0).max() < 1
    assert same_grid(frame.images["T1"], frame.images["FLAIR"])
    at_rest = draw(SHAPE, AFFINE, "T1", noise=0).data
    inside = at_rest > 400
    assert np.corrcoef(frame.images["T1"].data[inside], at_rest[inside])[0, 1] > 0.8  # .83: 3.5 mm voxels, noise
    np.testing.assert_array_equal(frame.images["FLAIR"].data, load(folder / "flair.nii.gz").data)
    assert len(frame.notes) == 1
    assert "registered to the FLAIR" in frame.notes[0]
    assert frame.notes[0].about is About.DONE
    (path,) = frame.save_transforms(tmp_path, "sub-1")
    assert path.name == "sub-1_T1_to_FLAIR.tfm"
    there = np.linalg.inv(frame.transforms["T1"]) @ [10, 20, 30, 1]  # ITK: FLAIR points to T1 points, LPS
    point = sitk.ReadTransform(str(path)).TransformPoint((-10.0, -20.0, 30.0))
    np.testing.assert_allclose(np.array(point) * [-1, -1, 1], there[:3], atol=1e-6)


def test_the_other_way_round_is_the_inverse(folder: Path, frames: dict[str, Frame]) -> None:
    scans = {"T1": folder / "own.nii.gz", "FLAIR": folder / "flair.nii.gz"}
    there, back = frames["own"], bring_to_one_frame(scans, space="t1")
    assert back.reference == "T1"
    np.testing.assert_array_equal(back.images["T1"].data, load(folder / "own.nii.gz").data)
    np.testing.assert_allclose(back.transforms["FLAIR"] @ there.transforms["T1"], np.eye(4), atol=1e-9)
    labels = there.images["FLAIR"].with_data((there.images["FLAIR"].data > 500).astype(np.uint8))
    carried = carry_labels(labels, back.transforms["FLAIR"], back.images["T1"])
    volume_ml = [image.data.sum() * image.voxel_volume_mm3 / 1000 for image in (labels, carried)]
    assert volume_ml[1] == pytest.approx(volume_ml[0], rel=0.02)


@pytest.mark.parametrize("stored", ["LPS", "RAS", "IPR"])
@pytest.mark.parametrize("name", ["own", "turned"])
def test_beyond_a_flair_that_is_cut_the_t1_goes_on(
    name: str, stored: str, folder: Path, frames: dict[str, Frame], tmp_path: Path
) -> None:
    """Without its 12 topmost planes of 5 mm, on its own voxels: the T1 shows them, where it shows them on the uncut."""
    flair = nib.load(folder / "flair.nii.gz").slicer[:, :, :33]
    change = nib.orientations.ornt_transform(nib.io_orientation(flair.affine), nib.orientations.axcodes2ornt(stored))
    nib.save(flair.as_reoriented(change), tmp_path / "short.nii.gz")
    t1 = folder / f"{name}.nii.gz"
    frame = bring_to_one_frame({"T1": t1, "FLAIR": tmp_path / "short.nii.gz"})
    scans, window = frame.beyond()
    assert list(scans) == ["T1", "FLAIR"]
    assert same_grid(scans["T1"], scans["FLAIR"])
    for modality, image in frame.images.items():
        wide = scans[modality]
        np.testing.assert_allclose(wide.data[window], image.data, atol=1e-3)
        start = wide.affine @ [*(part.start for part in window), 1]
        np.testing.assert_allclose(start[:3], image.affine[:3, 3], atol=1e-6)
    there = resample(frames[name].images["T1"], scans["T1"], order=1).data
    off = np.abs(scans["T1"].data - there)[there > 0]
    assert there.any(tuple(axis for axis in range(3) if stored[axis] not in "SI")).sum() >= 45, "planes of 5 mm"
    assert np.median(off) < 0.05 * there.max()


def test_where_no_scan_shows_more_there_is_nothing_beyond(frames: dict[str, Frame]) -> None:
    scans, window = frames["turned"].beyond()
    assert scans is frames["turned"].images
    assert window == tuple(slice(0, n) for n in SHAPE)


@pytest.mark.parametrize("name", ["turned", "own", "flair"])
def test_one_scan_alone_is_left_as_it_is(name: str, folder: Path) -> None:
    path = folder / f"{name}.nii.gz"
    modality = "FLAIR" if name == "flair" else "T1"
    frame = bring_to_one_frame({modality: path})
    assert frame.reference == modality
    np.testing.assert_array_equal(frame.images[modality].data, load(path).data)
    np.testing.assert_array_equal(frame.images[modality].affine, load(path).affine)


def test_two_people_are_an_error_also_on_one_grid(folder: Path) -> None:
    with pytest.raises(InputError, match=r"somebody_else.* could not be registered to .*flair"):
        bring_to_one_frame({"T1": folder / "somebody_else.nii.gz", "FLAIR": folder / "flair.nii.gz"})


def test_a_mirrored_scan_is_told_from_one_of_somebody_else() -> None:
    """The sample scan with the voxels of its FLAIR mirrored, its header as it was."""
    sample = Path(yucca_wm.__file__).parent / "data" / "sample"
    flair = load(sample / "FLAIR.nii.gz")
    assert int(np.abs(flair.affine[0, :3]).argmax()) == 0
    scans = {"T1": load(sample / "T1.nii.gz"), "FLAIR": replace(flair, data=np.ascontiguousarray(flair.data[::-1]))}
    with pytest.raises(InputError, match=r"fits .* only with left and right exchanged .* but 1\.[01]\d as given"):
        bring_to_one_frame(scans)


def _flat(data: np.ndarray) -> np.ndarray:
    return np.full_like(data, 7)


def _noise(data: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1000, data.shape).astype(data.dtype)


def _labels(data: np.ndarray) -> np.ndarray:
    return (data > 300).astype(data.dtype)


def _regions(data: np.ndarray) -> np.ndarray:
    """34 labels in blocks."""
    block = np.arange(data.shape[1])[None, :, None] * 34 // data.shape[1]
    return ((data > 300) * (block + 1)).astype(data.dtype)


def _gyri(data: np.ndarray) -> np.ndarray:
    """Names in blocks of four voxels, so that three of four neighbours are equal, as in parcellations at 2 mm."""
    shape = [-(-n // 4) for n in data.shape]
    names = np.random.default_rng(0).integers(1, 150, shape).astype(data.dtype)
    names = np.kron(names, np.ones((4, 4, 4), data.dtype))[tuple(slice(n) for n in data.shape)]
    return (data > 300) * names


def _four(data: np.ndarray) -> np.ndarray:
    return np.stack([data, data], axis=-1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_flat, "holds the value 7 only"),
        (_noise, "shows no head"),
        (_labels, "is a label map"),
        (_regions, "is a label map"),
        (_gyri, "is a label map"),
        (_four, "a 3D image is needed"),
        (lambda data: data[:30], "mm of a head from left to right"),
        (lambda data: data[:, 37:], "mm of a head from front to back"),
        (lambda data: data[:, :, 30:], "mm of a head from top to bottom"),
    ],
    ids=["flat", "noise", "lesions", "regions", "gyri", "4D", "left half", "back half", "top"],
)
def test_what_is_no_scan_of_a_head(change, words: str, folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    image = load(folder / "flair.nii.gz")
    made = nib.Nifti1Image(change(image.data), image.affine)
    nib.save(made, tmp_path / "bad.nii.gz")
    for modality in ("T1", "FLAIR"):
        with pytest.raises(InputError, match=words) as raised:
            check_scans({modality: tmp_path / "bad.nii.gz"})
        assert "\n" not in str(raised.value)
        assert str(tmp_path / "bad.nii.gz") in str(raised.value)


def test_a_scan_of_8_bits_with_every_voxel_twice_is_none(folder: Path) -> None:
    """Over half of its neighbours are equal, as in a parcellation; the others differ little."""
    flair = load(folder / "flair.nii.gz").data.astype(np.float64)
    doubled = np.kron(np.clip(flair / flair.max() * 255, 0, 255).astype(np.uint8), np.ones((2, 2, 2), np.uint8))
    equal = equal_neighbours(doubled)
    assert equal is not None
    assert equal > 0.5
    refuse_label_map(Image(doubled, np.eye(4)))


def test_a_scan_with_every_plane_five_times_is_none(folder: Path) -> None:
    """Nearest neighbour makes 1 mm of slices of 5: along one axis, most neighbours are equal."""
    flair = load(folder / "flair.nii.gz").data.astype(np.uint8)
    repeated = flair.repeat(5, axis=0)
    equal = equal_neighbours(repeated)
    assert equal is not None
    assert equal > 0.8
    refuse_label_map(Image(repeated, np.eye(4)))


def test_voxels_in_another_unit(folder: Path, tmp_path: Path) -> None:
    """A tenth of what they are: the whole grid is some 25 mm wide."""
    t1 = load(folder / "flair.nii.gz")
    save(Image(t1.data, t1.affine @ np.diag([0.1, 0.1, 0.1, 1])), tmp_path / "t1.nii.gz")
    mm = " x ".join(f"{0.1 * n * size:.3g}" for n, size in zip(t1.shape, t1.spacing_mm, strict=True))
    with pytest.raises(InputError, match=rf"covers {mm} mm, less than a head \(voxels of .* check the voxel size"):
        check_scans({"T1": tmp_path / "t1.nii.gz"})


def test_large_voxels(tmp_path: Path) -> None:
    shape = (26, 33, 30)
    save(draw(shape, grid(shape, (8, 8, 8)), "T1"), tmp_path / "coarse.nii.gz")
    with pytest.raises(InputError, match="voxels of 8 x 8 x 8 mm"):
        check_scans({"T1": tmp_path / "coarse.nii.gz"})


def test_missing_and_twice(folder: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        check_scans({"T1": folder / "nobody.nii.gz", "FLAIR": folder / "flair.nii.gz"})
    with pytest.raises(InputError, match="are the same file"):
        check_scans({"T1": folder / "flair.nii.gz", "FLAIR": folder / "flair.nii.gz"})
    with pytest.raises(InputError, match="neither a T1 nor a FLAIR"):
        check_scans({})


@pytest.mark.shared_data
def test_real_scans_stored_in_other_axes(shared_data: Path) -> None:
    person = shared_data / "real" / "wmh_ms5" / "104252"
    if not person.is_dir():
        pytest.skip("no raw scans beside this checkout")
    t1, flair = person / "104252_T1_to_FLAIR.nii.gz", person / "104252_FLAIR.nii.gz"
    frame = bring_to_one_frame({"T1": t1, "FLAIR": flair})
    assert frame.transforms == {}
    np.testing.assert_array_equal(frame.images["T1"].data, load(t1).data[:, ::-1])
    np.testing.assert_array_equal(frame.images["FLAIR"].data, load(flair).data)
