from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.core.regions import regions
from yucca_wm.evaluate.measures import SURFACE_TOLERANCE_MM, region_measures, surface_dice


def box(shape: tuple[int, int, int], start: int, stop: int) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[start:stop, 3:9, 3:9] = True
    return mask


def test_each_region_is_measured_apart_and_absent_ones_have_no_value() -> None:
    truth, prediction = np.zeros((20, 12, 12), np.uint8), np.zeros((20, 12, 12), np.uint8)
    truth[box(truth.shape, 2, 6)], truth[box(truth.shape, 10, 14)] = 1, 18
    prediction[box(truth.shape, 2, 6)], prediction[box(truth.shape, 10, 12)] = 1, 18
    prediction[0, 0, 0] = 3
    rows = {
        row.index: row for row in region_measures(prediction, truth, np.diag([1, 1, 2, 1.0]), regions().white_matter)
    }
    assert len(rows) == 34
    assert (rows[1].dice, rows[1].surface_dice, rows[1].volume_error_percent) == (1.0, 1.0, 0.0)
    assert [rows[i].volume_pred_ml for i in (1, 18, 3, 2)] == pytest.approx([0.288, 0.144, 0.002, 0.0])
    assert [rows[i].volume_true_ml for i in (1, 18, 3, 2)] == pytest.approx([0.288, 0.288, 0.0, 0.0])
    assert rows[18].dice == pytest.approx(2 * 72 / (72 + 144))
    assert rows[18].volume_error_percent == pytest.approx(-50)
    assert (rows[3].dice, rows[3].surface_dice, rows[3].volume_error_percent) == (0.0, 0.0, None)
    assert (rows[2].dice, rows[2].surface_dice, rows[2].volume_error_percent) == (None, None, None)


def test_left_and_right_exchanged_score_nothing() -> None:
    truth = np.zeros((20, 12, 12), np.uint8)
    truth[box(truth.shape, 2, 6)], truth[box(truth.shape, 12, 16)] = 1, 18
    rows = {row.index: row for row in region_measures(truth[::-1], truth, np.eye(4), regions().white_matter)}
    assert rows[1].dice == rows[18].dice == 0.0


@pytest.mark.parametrize(("tolerance_mm", "expected"), [(1.9, 0.0), (2.0, 1.0), (2.1, 1.0)])
def test_surface_dice_counts_distance_in_mm(tolerance_mm: float, expected: float) -> None:
    shape = (20, 12, 12)
    sheet, moved = np.zeros(shape, bool), np.zeros(shape, bool)
    sheet[5, 2:10, 2:10], moved[6, 2:10, 2:10] = True, True
    assert surface_dice(sheet, moved, np.diag([2, 1, 1, 1.0]), tolerance_mm) == expected
    empty = np.zeros(shape, bool)
    assert surface_dice(sheet, empty, np.eye(4), tolerance_mm) == surface_dice(empty, sheet, np.eye(4), 5) == 0.0
    assert surface_dice(empty, empty, np.eye(4), tolerance_mm) == 1.0


def test_a_distance_of_the_tolerance_agrees_however_the_header_rounds_it() -> None:
    """Sheets one voxel of 2 mm apart, on a turned grid as a header keeps it: as 32-bit numbers."""
    shape = (20, 12, 12)
    sheet, moved = np.zeros(shape, bool), np.zeros(shape, bool)
    sheet[5, 2:10, 2:10], moved[6, 2:10, 2:10] = True, True
    for degrees in range(1, 40):
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        affine = np.array([[2 * c, -s, 0, 0], [2 * s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        assert surface_dice(sheet, moved, affine.astype(np.float32).astype(float), 2.0) == 1.0


def test_outlines_are_those_of_the_whole_volume() -> None:
    """A region is measured in a window around it: cut there, it would have an outline where it has none."""
    rng = np.random.default_rng(0)
    prediction, truth = (rng.random((2, 14, 12, 10)) < 0.7).astype(np.uint8)
    affine = np.diag([SURFACE_TOLERANCE_MM] * 3 + [1.0])
    for part in (slice(None), slice(2, 9), slice(0, 5)):
        first, second = np.zeros_like(truth), np.zeros_like(truth)
        first[part], second[part] = prediction[part], truth[part]
        (measured, *_) = region_measures(first, second, affine, regions().white_matter)
        assert measured.surface_dice == surface_dice(first == 1, second == 1, affine, SURFACE_TOLERANCE_MM)
