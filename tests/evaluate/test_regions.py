from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.evaluate.regions import region_measures, surface_dice
from yucca_wm.regions import regions


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
    assert rows[1].volume_true_ml == pytest.approx(4 * 36 * 2 / 1000)
    assert rows[18].dice == pytest.approx(2 * 72 / (72 + 144))
    assert rows[18].volume_error_percent == pytest.approx(-50)
    assert (rows[3].dice, rows[3].surface_dice, rows[3].volume_error_percent) == (0.0, 0.0, None)
    assert (rows[2].dice, rows[2].surface_dice, rows[2].volume_error_percent) == (None, None, None)


def test_left_and_right_exchanged_score_nothing() -> None:
    truth = np.zeros((20, 12, 12), np.uint8)
    truth[box(truth.shape, 2, 6)], truth[box(truth.shape, 12, 16)] = 1, 18
    rows = {row.index: row for row in region_measures(truth[::-1], truth, np.eye(4), regions().white_matter)}
    assert rows[1].dice == rows[18].dice == 0.0


@pytest.mark.parametrize(("tolerance_mm", "expected"), [(1.9, 0.0), (2.1, 1.0)])
def test_surface_dice_counts_distance_in_mm(tolerance_mm: float, expected: float) -> None:
    shape = (20, 12, 12)
    sheet, moved = np.zeros(shape, bool), np.zeros(shape, bool)
    sheet[5, 2:10, 2:10], moved[6, 2:10, 2:10] = True, True
    assert surface_dice(sheet, moved, np.diag([2, 1, 1, 1.0]), tolerance_mm) == expected
