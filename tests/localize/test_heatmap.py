from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.localize import heatmap


def test_few_rows_stay_as_they_are() -> None:
    values = np.random.default_rng(0).random((5, 3))
    rows, together = heatmap.in_rows(values)
    assert together == 1
    assert (rows == values).all()


def test_many_rows_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours are averaged, what a subject lacks is left out, and the last row may stand for fewer."""
    monkeypatch.setattr(heatmap, "MAX_ROWS", 2)
    values = np.array([[1.0, 8], [2, np.nan], [6, np.nan], [3, 4], [5, np.nan]])
    rows, together = heatmap.in_rows(values)
    assert together == 3
    assert rows.tolist() == [[3, 8], [4, 4]]
    figure = heatmap.draw_heat_map([f"s{n}" for n in range(5)], ["left", "right"], values)
    assert figure.axes[0].get_ylabel() == "subject (n = 5; a row: mean of 3)"


def test_a_region_nobody_has_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heatmap, "MAX_ROWS", 1)
    rows, _ = heatmap.in_rows(np.array([[1.0, np.nan], [3, np.nan]]))
    assert rows[0, 0] == 2
    assert np.isnan(rows[0, 1])


def test_like_rows_stand_side_by_side() -> None:
    values = np.array([[0.0, 9], [9, 0], [0, 8], [8, 0]])
    order = heatmap.similar_order(values).tolist()
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}
