"""White matter is read from every kind of map, and never guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image, save
from yucca_wm.imaging.reading import Headers, reading
from yucca_wm.parcellate.settings import NONZERO, Settings, Sides
from yucca_wm.parcellate.white_matter import add_lesions, check_sides, white_matter

LPS = np.diag([-1.0, -1, 1, 1])


def written(tmp_path: Path, data: np.ndarray, affine: np.ndarray = LPS) -> Path:
    return save(Image(data, affine), tmp_path / "map.nii.gz")


def halves(first: int, second: int, *others: int) -> np.ndarray:
    """A map whose low voxels along the first axis are ``first`` and whose high ones are ``second``."""
    data = np.zeros((10, 8, 6), np.int16)
    data[1:4, 2:6, 1:5], data[6:9, 2:6, 1:5] = first, second
    for number, label in enumerate(others):
        data[number, 0, 0] = label
    return data


@pytest.mark.parametrize("value", [1, 255])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_one_value_is_a_mask(tmp_path: Path, value: int, kind: type) -> None:
    data = halves(value, value).astype(kind)
    found = white_matter(written(tmp_path, data), Settings())
    np.testing.assert_array_equal(found.mask.data, data > 0)


def test_fastaid_labels_by_default_and_others_on_request(tmp_path: Path) -> None:
    path = written(tmp_path, halves(44, 45, 2, 41, 7))
    np.testing.assert_array_equal(white_matter(path, Settings()).mask.data, halves(1, 1))
    assert white_matter(path, Settings(wm_labels=(7,))).mask.data.sum() == 1
    assert white_matter(path, Settings(wm_labels=NONZERO)).mask.data.sum() == halves(1, 1).sum() + 3


def test_probabilities_and_their_threshold(tmp_path: Path) -> None:
    data = np.linspace(0, 1, 480, dtype=np.float32).reshape(10, 8, 6)
    path = written(tmp_path, data)
    np.testing.assert_array_equal(white_matter(path, Settings()).mask.data, data >= 0.5)
    np.testing.assert_array_equal(white_matter(path, Settings(threshold=0.9)).mask.data, data >= np.float32(0.9))


def test_freesurfer_is_not_taken_for_fastaid(tmp_path: Path) -> None:
    """FreeSurfer's 44 is a ventricle: its map must not be read with FAST-AID's labels."""
    path = written(tmp_path, halves(2, 41, 44, 43, 4))
    with pytest.raises(InputError, match=r"wm_labels=\[2, 41\]"):
        white_matter(path, Settings())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (halves(0, 0), "no white matter"),
        (halves(44, 44), "lacks white-matter label 45.*one side is missing"),
        (halves(45, 0), "lacks white-matter label 44.*one side is missing"),
        (halves(3, 4, 5), "name its white matter with wm_labels"),
        (halves(1, 1) * np.float32(3.7), "neither whole-number labels nor probabilities"),
        (halves(1, 1) * np.float32(0.4), "no probability reaches 0.5"),
        (-halves(1, 1), "negative label"),
    ],
)
def test_what_cannot_be_white_matter(tmp_path: Path, data: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        white_matter(written(tmp_path, data), Settings())


@pytest.mark.parametrize(("low", "high", "labels"), [(44, 45, None), (41, 2, (2, 41))])
def test_sides_are_checked_against_the_header(tmp_path: Path, low: int, high: int, labels: tuple | None) -> None:
    """In LPS the first voxels lie on the right: FAST-AID 44 and FreeSurfer 41 belong there."""
    right = white_matter(written(tmp_path, halves(low, high)), Settings(wm_labels=labels))
    check_sides(right, right.mask.affine)
    for data, affine in ((halves(high, low), LPS), (halves(low, high), np.diag([1.0, -1, 1, 1]))):
        wrong = white_matter(written(tmp_path, data, affine), Settings(wm_labels=labels))
        with pytest.raises(InputError, match="they disagree about left and right"):
            check_sides(wrong, wrong.mask.affine)
        for sides in (Sides.SWAPPED, Sides.IGNORE):
            told = white_matter(written(tmp_path, data, affine), Settings(wm_labels=labels, sides=sides))
            check_sides(told, told.mask.affine)


def shaded(top: float, kind: type = np.int16) -> np.ndarray:
    """A probability map kept as 0 to ``top``: white matter that fades over some voxels."""
    index = np.indices((44, 44, 44)) - np.array([21.5, 21.2, 20.9])[:, None, None, None]
    values = np.clip((20 - np.sqrt((index**2).sum(axis=0))) / 8, 0, 1)
    return np.round(top * values, 0 if np.issubdtype(kind, np.integer) else 4).astype(kind)


@pytest.mark.parametrize(
    ("top", "kind", "word"), [(100, np.int16, "percent"), (1000, np.int16, "permille"), (100, np.float32, "percent")]
)
def test_percent_is_not_taken_for_labels(tmp_path: Path, top: int, kind: type, word: str) -> None:
    data = shaded(top, kind)
    assert {44, 45} <= set(np.unique(np.rint(data)).astype(int))
    found = white_matter(written(tmp_path, data), Settings())
    np.testing.assert_array_equal(found.mask.data, data >= top / 2)
    assert f"read as {word}" in found.source
    assert white_matter(written(tmp_path, shaded(100)), Settings(wm_labels=(44, 45))).mask.data.sum() < 2000


def test_a_label_map_that_goes_up_to_100_stays_one(tmp_path: Path) -> None:
    path = written(tmp_path, halves(44, 45, 100))
    np.testing.assert_array_equal(white_matter(path, Settings()).mask.data, halves(1, 1))
    with pytest.raises(InputError, match="lacks white-matter labels 44 and 45"):
        white_matter(written(tmp_path, np.arange(480, dtype=np.int16).reshape(10, 8, 6) % 40 + 61), Settings())


def test_probabilities_that_resampling_took_too_far_are_clipped(tmp_path: Path) -> None:
    data = np.linspace(-0.02, 1.03, 480, dtype=np.float32).reshape(10, 8, 6)
    found = white_matter(written(tmp_path, data), Settings())
    np.testing.assert_array_equal(found.mask.data, data >= 0.5)
    assert "clipped from -0.02..1.03 to 0..1" in found.source


@pytest.mark.parametrize(("low", "high"), [(-0.2, 1.0), (0.0, 1.2), (-20, 100), (0, 130), (0, 99)])
def test_values_further_off_or_spread_like_a_scan_are_refused(tmp_path: Path, low: float, high: float) -> None:
    data = np.linspace(low, high, 480, dtype=np.float32).reshape(10, 8, 6)
    with pytest.raises(InputError, match="neither whole-number labels nor probabilities"):
        white_matter(written(tmp_path, data), Settings())


def test_lesions_count_as_white_matter(tmp_path: Path) -> None:
    """Two of three lesion voxels are holes; label 2 is another pathology and stays out."""
    wm = white_matter(written(tmp_path, halves(44, 45)), Settings())
    data = np.zeros((10, 8, 6), np.uint8)
    data[4, 2, 1], data[5, 2, 1], data[1, 2, 1], data[9, 7, 5] = 1, 1, 1, 2
    lesions = save(Image(data, LPS), tmp_path / "lesions.nii.gz")
    found = add_lesions(wm, lesions)
    assert found.added_voxels == 2
    np.testing.assert_array_equal(found.mask.data > 0, (wm.mask.data > 0) | (data == 1))
    np.testing.assert_array_equal(found.right, wm.right)
    other = save(Image(255 * (data == 1).astype(np.uint8), LPS), tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(add_lesions(wm, other).mask.data, found.mask.data)
    none = save(Image(2 * (data == 2).astype(np.uint8), LPS), tmp_path / "none.nii.gz")
    with reading(Headers()) as notes:
        assert add_lesions(wm, none).added_voxels == 0
    assert list(notes) == [f"{none}: label 2 alone is other pathology, which is not added to white matter"]


def test_lesions_that_are_not_said_or_lie_elsewhere(tmp_path: Path) -> None:
    wm = white_matter(written(tmp_path, halves(44, 45)), Settings())
    for labels in ((3, 4), (1, 3)):
        with pytest.raises(InputError, match="holds the labels {} {}: which of them".format(*labels)):
            add_lesions(wm, save(Image(halves(*labels).astype(np.uint8), LPS), tmp_path / "lesions.nii.gz"))
    with pytest.raises(InputError, match="mm away"):
        add_lesions(wm, save(Image(halves(1, 1).astype(np.uint8), LPS * 2), tmp_path / "lesions.nii.gz"))
