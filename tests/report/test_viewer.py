from __future__ import annotations

import base64
import html
import io
import json
import re

import numpy as np
import pytest
from matplotlib.image import imread

from yucca_wm.imaging.images import Image
from yucca_wm.report.pictures.viewer import SPACING_MM, Layer, slice_viewer, small_copy


@pytest.mark.parametrize("colors", [{}, {1: "#ff0000"}, {1: "#ff0000", 37: "#00ff00"}])
def test_any_number_of_labels_can_be_shown(colors: dict[int, str]) -> None:
    """Also one region alone, and none."""
    labelled = np.zeros((12, 12, 12), np.uint8)
    labelled[3:6, 3:6, 3:6] = max(colors, default=0)
    background = Image(np.arange(12**3, dtype=np.float32).reshape(12, 12, 12), np.diag([2.0, 2.0, 2.0, 1.0]))
    page = slice_viewer(background, [Layer("lesions", labelled, {}, colors, sparse=True)])
    assert "<html" in page


def test_the_small_copy_keeps_every_lesion_in_its_place() -> None:
    """Single voxels of half a millimetre, in an oblique grid, far from the origin."""
    turn = np.array([[0.9, -0.3, 0.0], [0.3, 0.9, 0.1], [0.0, -0.1, 0.95]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [0.5, 0.5, 3.0], (200, -80, 40)
    labelled = np.zeros((60, 50, 20), np.uint8)
    labelled[8:52:4, 8:42:4, 2:18:3].flat = np.arange(11 * 9 * 6) % 37 + 1
    scan = np.zeros(labelled.shape, np.float32)
    scan[6:-6, 6:-6, 1:-1] = 100
    under, (over, regions) = small_copy(Image(scan, affine), [labelled, labelled], [True, False], 70.0)
    assert under.shape == over.shape == regions.shape
    np.testing.assert_array_equal(over.affine[:3, :3], np.eye(3) * SPACING_MM)
    for label in np.unique(labelled[labelled > 0]):
        here = affine[:3, :3] @ np.argwhere(labelled == label)[0] + affine[:3, 3]
        there = np.argwhere(over.data == label) @ over.affine[:3, :3].T + over.affine[:3, 3]
        assert np.abs(there - here).max(axis=1).min() <= SPACING_MM / 2
    assert under.data.max() == 70


def test_layers_are_laid_out_as_nilearn_lays_out_its_own() -> None:
    """The first layer's picture, ours and nilearn's, is the same where it has a colour; the other layer keeps its."""
    rng = np.random.default_rng(0)
    lesions, regions = np.zeros((2, 20, 26, 17), np.uint8)
    lesions[4:9, 10:20, 3:14], regions[2:18, 2:24, 1:16] = 2, rng.integers(1, 4, (16, 22, 15))
    background = Image(rng.random(lesions.shape).astype(np.float32), np.diag([1.5, 1.5, 1.5, 1.0]))
    colors = {1: "#102030", 2: "#ff8000", 3: "#00ff80"}
    page = slice_viewer(
        background,
        [
            Layer("lesions", lesions, {2: "two"}, colors, sparse=True),
            Layer("regions", regions, {1: "a", 2: "b_c", 3: "d"}, colors, says="region"),
        ],
    )
    shown = json.loads(html.unescape(re.search(r"const layers = (.*);", page)[1]))
    nilearn = re.search(r'id="overlayImg-slices"[^>]*?src="([^"]+)"', page)[1]
    own, of_nilearn = pixels(shown[0]["source"]), pixels(nilearn)
    assert own.shape == of_nilearn.shape
    np.testing.assert_array_equal(own[..., 3] > 0, of_nilearn[..., 3] > 0)
    painted = own[..., 3] > 0
    assert painted.sum() == (lesions > 0).sum()
    np.testing.assert_allclose(own[painted], of_nilearn[painted], atol=1)
    second = pixels(shown[1]["source"])
    for label, color in colors.items():
        rgb = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
        assert (second == [*rgb, 255]).all(axis=2).sum() == (regions == label).sum()
    assert [layer["names"] for layer in shown] == [
        [[255, 128, 0, "two"]],
        [[16, 32, 48, "a"], [255, 128, 0, "b_c"], [0, 255, 128, "d"]],
    ]
    assert shown[1]["says"] == "region"


def pixels(address: str) -> np.ndarray:
    png = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.rint(255 * imread(io.BytesIO(png))).astype(int)
