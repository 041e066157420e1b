from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.imaging.grids import to_ras
from yucca_wm.imaging.images import Image
from yucca_wm.report.pictures.left_right import draw_left_right, left_right_pairs
from yucca_wm.report.pictures.slices import OTHER, brain_box, chosen_planes, grey_window, slice_title
from yucca_wm.report.pictures.subject import OUTSIDE_COLOR, PALETTE, RegionLoad, draw_subject, region_colors


def test_largest_regions_stand_out_and_others_have_one_colour():
    volumes = {f"r{number}": float(number) for number in range(12)}
    colors = region_colors(volumes)
    assert [colors[f"r{number}"] for number in range(11, 4, -1)] == list(PALETTE)
    assert colors["r1"] == OTHER
    assert "r0" not in colors


def test_no_lesion_has_the_colour_of_a_scan_and_no_two_have_one_colour():
    """On a grey scan a grey lesion cannot be seen; 100 of 255 apart from grey, and from each other."""
    colors = [[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in (*PALETTE, OTHER, OUTSIDE_COLOR)]
    for number, color in enumerate(colors):
        assert max(color) - min(color) >= 80
        for other in colors[:number]:
            assert np.abs(np.subtract(color, other)).sum() > 60


def test_planes_are_those_with_most_lesion_area_ten_millimetres_apart():
    """Planes of 4 mm: 3 planes (12 mm) apart is far enough, 2 (8 mm) is not."""
    lesions = np.zeros((9, 9, 40), np.uint8)
    for plane, area in {5: 8, 7: 9, 8: 3, 10: 4, 30: 1}.items():
        lesions[:area, 0, plane] = 1
    brain = np.ones(lesions.shape, bool)
    assert chosen_planes(lesions, brain, 4.0) == [7, 10, 30]
    assert chosen_planes(lesions, brain, 10.0) == [5, 7, 8, 10, 30]
    lesions[:2, 0, 11:40] = 1  # 2 voxels from plane 11 on: 13, 16, ... follow those of 9 and 4; 6 planes at most
    assert chosen_planes(lesions, brain, 4.0) == [7, 10, 13, 16, 19, 22]


def test_without_lesions_planes_divide_the_brain_evenly():
    """A brain from plane 4 to 32: every 28 / 7 = 4 planes. Nothing at all: the whole height, 0 to 35."""
    brain = np.zeros((5, 5, 36), bool)
    brain[2, 2, 4:33] = True
    none = np.zeros(brain.shape, np.uint8)
    assert chosen_planes(none, brain, 3.0) == [8, 12, 16, 20, 24, 28]
    assert chosen_planes(none, none > 0, 3.0) == [5, 10, 15, 20, 25, 30]


def test_the_picture_holds_brain_and_lesions_with_ten_millimetres_around():
    brain = np.zeros((40, 40, 3), bool)
    brain[20:25, 12:14, 1] = True
    lesions = np.zeros(brain.shape, np.uint8)
    lesions[30, 13, 2] = 5
    assert brain_box(brain, lesions, np.array([2.0, 1.0, 3.0])) == (slice(15, 36), slice(2, 24))
    assert brain_box(brain & False, lesions, np.ones(3))[0] == slice(0, 50)


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
        loads = [RegionLoad("x_L", 3.0, 0.1), RegionLoad("x_R", float("nan"), 0.0)]
        figure = draw_subject(Image(data, turned.affine), turned.data, {5: "x_L"}, loads, {"x_L": PALETTE[0]})
        slices = [axes for axes in figure.axes if axes.images]
        (outline,) = slices[0].collections
        left, right = (outline.get_paths()[0].vertices[:, 0].min(), outline.get_paths()[0].vertices[:, 0].max())
        assert (left, right) == (1.5, 3.5)  # around columns 2 and 3 of 20, and nothing on the scan within
        assert len(slices[0].images) == 1
        assert slices[0].texts[0].get_text() == "L"
        assert slices[-1].texts[-1].get_text() == "R"
        for axes in (slices[0], slices[-1]):  # white on black, whatever lies under it
            assert axes.texts[-1].get_color() == "white"
            assert axes.texts[-1].get_bbox_patch().get_facecolor() == (0, 0, 0, 1)


def test_brain_sets_the_greys_and_bright_scalp_does_not():
    """A brain of 1000 voxels, 1 to 1000, in air, and scalp of 5000 in a fifth of the image: white is 995 (the 99.5th
    percentile of 1, 2, ... 1000 is 1 + .995 * 999 = 995.005), not 5000."""
    scan = np.zeros((20, 50, 10))
    scan[:4] = 5000
    brain = np.zeros(scan.shape, bool)
    brain[10:12] = True
    scan[brain] = np.arange(1, 1001)
    assert grey_window(scan, brain) == (0, pytest.approx(995.005))
    assert grey_window(scan) == (0, 5000)
    brain[10, 0, 0] = False  # 999 voxels are too few
    assert grey_window(scan, brain) == (0, 5000)
    brain[10, 0, 0] = True
    figure = draw_subject(Image(scan, np.eye(4)), brain & False, {}, [RegionLoad("a", 3.0, 0.1)], {}, brain=brain)
    (window,) = {axes.images[0].get_clim() for axes in figure.axes if axes.images}
    assert window == (0, pytest.approx(995.005))


@pytest.mark.parametrize(("z", "title"), [(-0.3, "z = 0 mm"), (0.0, "z = 0 mm"), (-12.6, "z = -13 mm")])
def test_no_slice_lies_at_minus_zero(z, title):
    affine = np.eye(4)
    affine[2, 3] = z
    assert slice_title(Image(np.zeros((3, 3, 2)), affine), 0) == title


def test_bars_hold_the_loads_and_mark_absent_regions():
    image = Image(np.ones((8, 8, 4)), np.eye(4))
    loads = [RegionLoad("a", 3.0, 0.1), RegionLoad("b", float("nan"), 0.0), RegionLoad("c", 0.5, 0.2)]
    figure = draw_subject(image, np.zeros((8, 8, 4), int), {}, loads, {"a": PALETTE[0]})
    upper, lower = figure.axes[:2]
    assert [bar.get_height() for bar in upper.patches] == [3.0, 0.0, 0.5]
    assert [bar.get_height() for bar in lower.patches] == [0.1, 0.0, 0.2]
    assert upper.lines[0].get_xdata().tolist() == [1]
    assert "% of region" in upper.get_ylabel()
    assert "(ml)" in lower.get_ylabel()


def test_what_lies_outside_every_region_is_a_bar_without_load_or_cross():
    image = Image(np.ones((8, 8, 4)), np.eye(4))
    outside = RegionLoad("outside", float("nan"), 0.3, is_region=False)
    loads = [RegionLoad("a", 3.0, 0.1), RegionLoad("b", float("nan"), 0.0), outside]
    figure = draw_subject(image, np.zeros((8, 8, 4), int), {}, loads, {"outside": OUTSIDE_COLOR})
    upper, lower = figure.axes[:2]
    assert [bar.get_height() for bar in lower.patches] == [0.1, 0.0, 0.3]
    assert upper.lines[0].get_xdata().tolist() == [1]


def test_left_right_pairs_by_name():
    names = {"_L": ("a_L", "b_L", "b_R", "a_R"), "Left-": ("Left-a", "Left-b", "Right-b", "Right-a")}
    for own in names.values():
        sides = ("left", "left", "right", "right")
        rows = [{"name": name, "side": side} for name, side in zip(own, sides, strict=True)]
        figure = draw_left_right(rows, np.array([[1.0, 2.0, 6.0, 3.0], [1.0, 4.0, 8.0, np.nan]]))
        axes = figure.axes[0]
        assert [text.get_text() for text in axes.get_yticklabels()] == ["b", "a"]
        left, right = (container.lines[0].get_xdata().tolist() for container in axes.containers)
        assert (left, right) == ([3.0, 1.0], [7.0, 3.0])


def test_a_region_that_nobody_has_is_not_drawn_at_zero():
    rows = [{"name": "a_L", "side": "left"}, {"name": "a_R", "side": "right"}, {"name": "c", "side": "none"}]
    axes = draw_left_right(rows, np.array([[np.nan, 2.0, 1.0], [np.nan, 4.0, 1.0]])).axes[0]
    left, right = (container.lines[0].get_xdata().tolist() for container in axes.containers)
    assert np.isnan(left).all()
    assert right == [3.0]


def test_regions_without_sides_are_no_pairs():
    assert left_right_pairs([{"name": "a", "side": "none"}, {"name": "b_L", "side": "left"}]) == {}
