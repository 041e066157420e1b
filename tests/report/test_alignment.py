"""Edges are drawn where the moved scan has them, not where the other one has."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Picture
from scipy import ndimage

from yucca_wm.imaging.images import Image
from yucca_wm.report.pictures.alignment import EDGE_COLOR, draw_alignment

pytestmark = pytest.mark.pictures


def ball(shift_mm: float = 0.0, spacing_mm: float = 2.0) -> Image:
    """A head of 70 mm radius on a grid of its own."""
    size = round(200 / spacing_mm)
    affine = np.diag([-spacing_mm, -spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = (100, 100, -100)
    places = np.stack(np.indices((size, size, size)), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    data = 100.0 * (np.linalg.norm(places - [shift_mm, 0, 0], axis=-1) < 70)
    return Image(data.astype(np.float32), affine)


def share_of_edges_on_the_border(path) -> float:
    """Of the pixels in the colour of edges, those with both bright and dark ones of the scan about them."""
    pixels = np.asarray(Picture.open(path).convert("RGB")).astype(int)
    edge = np.abs(pixels - np.rint(255 * np.array(EDGE_COLOR))).sum(axis=2) < 60
    assert edge.sum() > 300
    grey = pixels.max(axis=2) - pixels.min(axis=2) < 10
    border = 0
    for y, x in np.argwhere(edge):
        about = slice(max(y - 3, 0), y + 4), slice(max(x - 3, 0), x + 4)
        around = pixels[about][grey[about]]
        border += bool((around > 150).any() and (around < 60).any())
    return border / int(edge.sum())


def test_edges_of_a_scan_in_place_lie_on_the_border_and_of_a_shifted_one_they_do_not(tmp_path):
    assert share_of_edges_on_the_border(draw_alignment(ball(), ball(spacing_mm=2.5), tmp_path / "a.png")) > 0.9
    assert share_of_edges_on_the_border(draw_alignment(ball(), ball(shift_mm=20), tmp_path / "b.png")) < 0.5


def test_left_and_right_are_written_where_there_are_both(tmp_path):
    """On a scan that is white everywhere: black boxes around L and R, in five axial slices and a coronal one."""
    white = ball()
    white = white.with_data(np.full_like(white.data, 100))
    white.data[:, :, :5] = 0  # what white is told by, below the lowest slice
    pixels = np.asarray(Picture.open(draw_alignment(white, white, tmp_path / "a.png")).convert("L"))
    dark, _ = ndimage.label(pixels < 50)
    boxes = [box for box in ndimage.find_objects(dark) if all(12 < side.stop - side.start < 40 for side in box)]
    assert len(boxes) == 2 * 6


def test_greys_are_those_of_the_brain(tmp_path):
    """Brain of 100 in a shell of 1000: white with the brain known, else a tenth as bright."""
    head = ball()
    inner = ndimage.binary_erosion(head.data > 0, iterations=8)
    head = head.with_data(np.where(inner, head.data, 10 * head.data))
    greys = []
    for brain in (None, inner):
        pixels = np.asarray(Picture.open(draw_alignment(head, head, tmp_path / "a.png", brain)).convert("L"))
        left = pixels[120:190, 60:120]  # the middle of the first slice
        greys.append(int(np.median(left)))
    assert greys[0] < 40
    assert greys[1] > 240


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_flat_scan_has_no_edges(tmp_path, value):
    flat = ball()
    flat = flat.with_data(np.full_like(flat.data, value))
    assert draw_alignment(ball(), flat, tmp_path / "a.png").is_file()
    assert draw_alignment(flat, ball(), tmp_path / "a.png").is_file()
