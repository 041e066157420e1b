from __future__ import annotations

import nibabel as nib
import numpy as np

from yucca_wm.images import Image
from yucca_wm.report.figures import OTHER, PALETTE, draw_left_right, draw_slices, region_colors, to_ras


def test_largest_regions_stand_out_and_others_are_grey():
    volumes = {f"r{number}": float(number) for number in range(12)}
    colors = region_colors(volumes)
    assert [colors[f"r{number}"] for number in range(11, 4, -1)] == list(PALETTE)
    assert colors["r1"] == OTHER
    assert "r0" not in colors


def test_left_is_drawn_on_the_left_whatever_the_storage():
    """A lesion at low world x must be painted in the left half of the picture."""
    affine = np.diag([2.0, 2.0, 4.0, 1.0])
    affine[:3, 3] = (-20, -20, 0)
    data = np.full((20, 20, 6), 50, dtype=np.uint8)
    lesion = np.zeros_like(data)
    lesion[2:4, 9:11, 2:5] = 5
    for code in ("RAS", "LPS", "ASR"):
        change = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt(tuple(code)))
        stored = nib.Nifti1Image(lesion, affine).as_reoriented(change)
        turned = to_ras(Image(np.asarray(stored.dataobj), stored.affine))
        np.testing.assert_array_equal(turned.data, lesion)
        figure = draw_slices(Image(data, turned.affine), turned.data, {5: "x_L"}, {"x_L": PALETTE[0]})
        painted = np.asarray(figure.axes[0].images[1].get_array())[..., 3]
        columns = np.flatnonzero(painted.any(axis=0))
        assert columns.max() < painted.shape[1] / 2
        assert figure.axes[0].texts[0].get_text() == "L"


def test_left_right_pairs_by_name():
    rows = [{"name": "a_L"}, {"name": "b_L"}, {"name": "b_R"}, {"name": "a_R"}]
    figure = draw_left_right(rows, np.array([[1.0, 2.0, 6.0, 3.0], [1.0, 4.0, 8.0, np.nan]]))
    points = {text.get_text(): text.xy for text in figure.axes[0].texts}
    assert points == {"a": (1.0, 3.0), "b": (3.0, 7.0)}
