from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.imaging.images import Image
from yucca_wm.report.pictures.value_maps import draw_frequency, draw_on_atlas


def atlas(orientation: str) -> Image:
    """Region 1 on the left, 2 on the right, 3 in the middle and without a load."""
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = (-20, -20, 0)
    data = np.zeros((20, 20, 8), dtype=np.uint8)
    data[2:8, 4:16, 1:7], data[12:18, 4:16, 1:7], data[9:11, 4:16, 1:7] = 1, 2, 3
    codes = nib.orientations.axcodes2ornt(tuple(orientation))
    change = nib.orientations.ornt_transform(nib.io_orientation(affine), codes)
    stored = nib.Nifti1Image(data, affine).as_reoriented(change)
    return Image(np.asarray(stored.dataobj), stored.affine)


def halves(figure):
    """Values shown in the left and the right half of the first slice."""
    shown = np.ma.filled(figure.axes[0].images[1].get_array(), np.nan)
    middle = shown.shape[1] // 2
    return shown[:, :middle], shown[:, middle:]


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "ASR"])
def test_mean_loads_are_painted_on_their_side(orientation):
    figure = draw_on_atlas(atlas(orientation), {1: 4.0, 2: 1.0, 9: 5.0}, 12)
    left, right = halves(figure)
    assert set(left[np.isfinite(left)]) == {4.0}
    assert set(right[np.isfinite(right)]) == {1.0}
    assert [figure.axes[0].texts[0].get_text(), figure.axes[-2].texts[0].get_text()] == ["L", "R"]
    assert "% of region" in figure.axes[-1].get_ylabel()
    assert "n = 12" in figure.get_suptitle()


def test_frequency_is_shown_in_percent_over_a_label_map_or_a_scan():
    template = atlas("LPS")
    frequency = template.with_data((template.data == 1).astype(np.float32) / 4)
    scan = template.with_data(template.data.astype(np.float32) * 100)
    for under in (template, scan):
        left, right = halves(draw_frequency(frequency, under, 4))
        assert set(left[np.isfinite(left)]) == {25.0}
        assert not np.isfinite(right).any()


def test_no_lesion_at_all_is_drawn_too():
    template = atlas("RAS")
    figure = draw_frequency(template.with_data(np.zeros(template.shape, np.float32)), template, 3)
    assert not np.isfinite(np.ma.filled(figure.axes[0].images[1].get_array(), np.nan)).any()


def test_where_the_template_is_gone_frequencies_are_drawn_on_white():
    """The page passes an empty image in its place."""
    frequency = np.zeros((6, 6, 4), np.float32)
    frequency[2, 2, 1:3] = 0.5
    empty = Image(np.zeros((6, 6, 4), np.uint8), np.eye(4))
    shown = [axes.images[1].get_array() for axes in draw_frequency(Image(frequency, np.eye(4)), empty, 2).axes[:-1]]
    assert max(np.nanmax(np.ma.filled(drawn, np.nan)) for drawn in shown) == 50
