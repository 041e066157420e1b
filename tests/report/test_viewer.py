from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.images import Image
from yucca_wm.report.viewer import slice_viewer


@pytest.mark.parametrize("colors", [{}, {1: "#ff0000"}, {1: "#ff0000", 37: "#00ff00"}])
def test_any_number_of_labels_can_be_shown(colors: dict[int, str]) -> None:
    """Also one region alone, and none."""
    labelled = np.zeros((12, 12, 12), np.uint8)
    labelled[3:6, 3:6, 3:6] = max(colors, default=0)
    background = Image(np.arange(12**3, dtype=np.float32).reshape(12, 12, 12), np.diag([2.0, 2.0, 2.0, 1.0]))
    page = slice_viewer(background, labelled, colors)
    assert "<html" in page
