from __future__ import annotations

import numpy as np

from yucca_wm.report.pictures.slices import MARGIN, head_box


def test_air_with_noise_is_cut_off_and_lesions_are_kept() -> None:
    rng = np.random.default_rng(0)
    scan = np.abs(rng.normal(0, 3, (60, 70, 40)))
    scan[20:40, 25:50, 10:30] += 100
    scan[0:2, 0, 0] = 90  # a bright speck
    assert head_box(scan) == (
        slice(20 - MARGIN, 40 + MARGIN),
        slice(25 - MARGIN, 50 + MARGIN),
        slice(10 - MARGIN, 30 + MARGIN),
    )
    lesions = np.zeros(scan.shape, bool)
    lesions[45, 30, 20] = True
    assert head_box(scan, lesions)[0] == slice(20 - MARGIN, 46 + MARGIN)


def test_an_image_without_anything_is_shown_whole() -> None:
    for scan in (np.zeros((6, 7, 8)), np.full((6, 7, 8), -2.0)):
        assert [len(range(*side.indices(size))) for side, size in zip(head_box(scan), scan.shape, strict=True)] == [
            6,
            7,
            8,
        ]
