"""White matter is read from every kind of map, and never guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yucca_wm.errors import InputError
from yucca_wm.images import Image, save
from yucca_wm.parcellate.settings import NONZERO, Settings, Sides
from yucca_wm.parcellate.wm import check_sides, white_matter

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
    with pytest.raises(InputError, match="--wm-labels 2 41"):
        white_matter(path, Settings())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (halves(0, 0), "no white matter"),
        (halves(44, 44), "lacks white-matter label 45.*one side is missing"),
        (halves(45, 0), "lacks white-matter label 44.*one side is missing"),
        (halves(3, 4, 5), "name its white matter with --wm-labels"),
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
        with pytest.raises(InputError, match="header and labels disagree about left and right"):
            check_sides(wrong, wrong.mask.affine)
        for sides in (Sides.SWAPPED, Sides.IGNORE):
            told = white_matter(written(tmp_path, data, affine), Settings(wm_labels=labels, sides=sides))
            check_sides(told, told.mask.affine)
