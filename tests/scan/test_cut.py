"""A brain that reaches the end of the scans: a box of 20 x 20 x 20 voxels of 5 mm, 100 cm2 in every plane."""

from __future__ import annotations

import numpy as np
import pytest
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from yucca_wm.imaging.images import Image
from yucca_wm.scan.cut import CONSEQUENCE, cut_off

AFFINE = np.diag([5.0, 5, 5, 1])
BRAIN = np.zeros((30, 30, 30), np.uint8)
BRAIN[5:25, 5:25, 5:25] = 1


def scan(box: tuple[slice, ...]) -> Image:
    """RAS; shows something within ``box`` only."""
    data = np.zeros(BRAIN.shape, np.float32)
    data[box] = 1
    return Image(data, AFFINE)


ALL = slice(None)
NONE = np.zeros(BRAIN.shape, np.uint8)


@pytest.mark.parametrize("stored", ["RAS", "LPS", "IPR"])
@pytest.mark.parametrize(
    ("box", "where"),
    [
        ((ALL, ALL, ALL), []),
        ((ALL, ALL, slice(0, 24)), ["top"]),
        ((ALL, ALL, slice(6, 30)), ["bottom"]),
        ((slice(0, 20), ALL, ALL), ["right"]),
        ((slice(9, 30), ALL, ALL), ["left"]),
        ((ALL, slice(9, 25), ALL), ["back", "front"]),
        ((ALL, ALL, slice(0, 26)), []),
    ],
)
def test_the_side_is_named_however_it_is_stored(box: tuple[slice, ...], where: list[str], stored: str) -> None:
    image = scan(box)
    change = ornt_transform(io_orientation(AFFINE), axcodes2ornt(tuple(stored)))
    turned = Image(apply_orientation(image.data, change), AFFINE @ inv_ornt_aff(change, BRAIN.shape))
    seen = image.data > 0
    said = cut_off({"FLAIR": turned}, apply_orientation(BRAIN * seen, change), NONE)
    assert sorted(said) == sorted(
        f"the brain is cut off at the {side} (100 of 100 cm2 in the last plane): {CONSEQUENCE}" for side in where
    )


@pytest.mark.parametrize(
    ("end", "said"), [(slice(0, 20), {"top": "0.75"}), (slice(8, 30), {"bottom": "0.25"}), (slice(2, 29), {})]
)
def test_another_scan_may_show_the_rest(end: slice, said: dict[str, str]) -> None:
    """Lesions of 125 mm3: two in the lowest plane of the brain and at 8, six from 20 upwards."""
    short, long = scan((ALL, ALL, end)), scan((ALL, ALL, slice(0, 28)))
    lesions = NONE.copy()
    lesions[10, 10:12, 5] = lesions[10, 10:12, 8] = 1
    lesions[10, 10:12, 20:23] = 1
    assert cut_off({"T1": short, "FLAIR": long}, BRAIN, lesions) == [
        f"T1: ends within the brain at the {side} (100 of 100 cm2 in the last plane); "
        f"beyond its end, lesions were searched for on the FLAIR alone: {ml} ml found"
        for side, ml in said.items()
    ]


def test_both_may_end_in_one_plane() -> None:
    short = scan((ALL, ALL, slice(0, 20)))
    (said,) = cut_off({"T1": short, "FLAIR": short}, BRAIN, NONE, "that is how it is")
    assert said == "the brain is cut off at the top (100 of 100 cm2 in the last plane): that is how it is"


def test_a_last_plane_with_less_than_a_third_is_the_crown() -> None:
    """6 x 20 of 20 x 20 voxels is .30; 7 x 20 is .35."""
    for columns, n in ((6, 0), (7, 1)):
        brain = BRAIN.copy()
        brain[5 + columns : 25, :, 24] = 0
        assert len(cut_off({"T1": scan((ALL, ALL, slice(0, 25)))}, brain, NONE)) == n


X, _, Z = np.indices(BRAIN.shape)
SHOWN = X + 2 * Z <= 60
OBLIQUE = "top and right (82 of 100 cm2 in the last plane)"
"""One voxel's extent across the cut is (5 + 10) / sqrt(5) = 6.71 mm: rows of x + 2 z = 60, 59 and 58, which hold 7, 7
and 8 columns of 20 brain voxels; 440 voxels of .125 ml in 6.71 mm are 82 cm2."""


@pytest.mark.parametrize("stored", ["RAS", "LPS", "IPR"])
def test_an_oblique_end_is_named_after_both_sides(stored: str) -> None:
    change = ornt_transform(io_orientation(AFFINE), axcodes2ornt(tuple(stored)))
    image = Image(apply_orientation(SHOWN.astype(np.float32), change), AFFINE @ inv_ornt_aff(change, BRAIN.shape))
    said = cut_off({"FLAIR": image}, apply_orientation(BRAIN * SHOWN, change), NONE)
    assert said == [f"the brain is cut off at the {OBLIQUE}: {CONSEQUENCE}"]


def test_beyond_an_oblique_end_another_scan_shows_the_rest() -> None:
    """Lesion voxels of .125 ml: one on the end, one within, two beyond it."""
    lesions = NONE.copy()
    for i, k in ((10, 25), (10, 10), (12, 25), (24, 24)):
        lesions[i, 10, k] = 1
    short = scan((ALL, ALL, ALL))
    short.data[~SHOWN] = 0
    alone = "beyond its end, lesions were searched for on the FLAIR alone: 0.25 ml found"
    said = cut_off({"T1": short, "FLAIR": scan((ALL, ALL, ALL))}, BRAIN, lesions)
    assert said == [f"T1: ends within the brain at the {OBLIQUE}; {alone}"]


def test_a_tilted_crown_of_a_brain_without_its_skull_is_no_cut() -> None:
    """A ball of 50 mm: the outermost layer of any face holds the crown, a few per cent of the largest cross-section."""
    i, j, k = (np.indices((25, 25, 25)) - 12) * 5.0
    ball = (i**2 + j**2 + k**2 <= 2500).astype(np.uint8)
    image = Image(ball.astype(np.float32), AFFINE)
    assert cut_off({"T1": image}, ball, np.zeros_like(ball)) == []
    ball[(i + 2 * k) > 60] = 0  # at 60 / sqrt(5) = 27 mm of 50: a plane of .71 of the largest
    assert len(cut_off({"T1": Image(ball.astype(np.float32), AFFINE)}, ball, np.zeros_like(ball))) == 1
