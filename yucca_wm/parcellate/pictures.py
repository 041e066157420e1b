"""Pictures of parcellations: regions over the T1 in three planes, white matter outlined; a page for a cohort."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.files import atomic_path, write_text
from yucca_wm.core.regions import RegionTable
from yucca_wm.imaging.images import Image
from yucca_wm.jobs.cases import Outcome
from yucca_wm.registration.smoothed_masks import centre_mm, crop

PIXEL_MM = 0.75
MARGIN_MM = 12.0
OPACITY = 0.55

PLANES = {"sagittal": (1, 2, 0), "coronal": (0, 2, 1), "axial": (0, 1, 2)}
"""Plane -> world axes (picture right, picture up, through the picture)."""


def draw(regions: Image, wm: Image, t1: Image | None, table: RegionTable, path: str | os.PathLike[str]) -> Path:
    """Write a PNG: sagittal, coronal and axial plane through the white matter (subject's right on the right side)."""
    from PIL import Image as Picture
    from PIL import ImageDraw

    colors = np.zeros((max(table.indices) + 1, 3), np.float32)
    for region in table:
        colors[region.index] = region.rgb
    centre = centre_mm(wm)
    box = crop(wm, MARGIN_MM)
    index = np.array(np.meshgrid(*[(0, n - 1) for n in box.shape], indexing="ij")).reshape(3, -1)
    corners = box.affine[:3, :3] @ index + box.affine[:3, 3:]
    low, high = corners.min(axis=1), corners.max(axis=1)
    # the sagittal plane runs beside the midline, where white matter is
    panels = [
        _panel(plane, centre + ((18, 0, 0) if name == "sagittal" else (0, 0, 0)), low, high, (regions, wm, t1), colors)
        for name, plane in PLANES.items()
    ]
    height = max(panel.shape[0] for panel in panels)
    padded = [np.pad(p, [((height - p.shape[0]) // 2, -(-(height - p.shape[0]) // 2)), (4, 4), (0, 0)]) for p in panels]
    picture = Picture.fromarray(np.concatenate(padded, axis=1))
    pen, left = ImageDraw.Draw(picture), 0
    for (right_axis, *_), panel in zip(PLANES.values(), padded, strict=True):
        ends = ("L", "R") if right_axis == 0 else ("P", "A")
        pen.text((left + 6, 4), ends[0], fill="white")
        pen.text((left + panel.shape[1] - 14, 4), ends[1], fill="white")
        left += panel.shape[1]
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG", compress_level=4)
    return Path(path)


def _panel(
    plane: tuple[int, int, int],
    centre: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    layers: tuple[Image, Image, Image | None],
    colors: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """RGB [rows from top, columns, 3] of one plane through ``centre`` (world mm)."""
    across, up, through = plane
    columns = np.arange(low[across], high[across], PIXEL_MM)
    rows = np.arange(high[up], low[up], -PIXEL_MM)
    points = np.empty((3, rows.size, columns.size))
    points[across], points[up], points[through] = columns[None, :], rows[:, None], centre[through]
    regions, wm, t1 = layers
    label = _at(regions, points, 0)
    inside = _at(wm, points, 0) > 0
    grey = _at(t1, points, 1).astype(np.float32) if t1 is not None else inside * np.float32(110)
    if t1 is not None:
        grey *= 255 / max(float(np.percentile(grey[inside], 99)) if inside.any() else float(grey.max()), 1e-6)
    rgb = np.repeat(np.clip(grey, 0, 255)[..., None], 3, axis=2)
    coloured = label > 0
    rgb[coloured] = (1 - OPACITY) * rgb[coloured] + OPACITY * colors[label[coloured]]
    rgb[inside & ~ndimage.binary_erosion(inside)] = 255
    return rgb.astype(np.uint8)


def _at(image: Image, points: NDArray[np.float64], order: int) -> NDArray[Any]:
    inverse = np.linalg.inv(image.affine)
    index = np.tensordot(inverse[:3, :3], points, 1) + inverse[:3, 3][:, None, None]
    return ndimage.map_coordinates(image.data, index, order=order)


TEMPLATE = Path(__file__).parent / "page.html"


def write_page(outcome: Outcome[dict[str, Any]], path: Path) -> Path:
    """Write the page beside the subjects' folders: failures, doubtful subjects, the others; each sorted by rising Dice.

    Needs the pictures at ``<subject>/<subject>_regions.png``.
    """
    from jinja2 import Environment

    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    worst_first = sorted(outcome.results.items(), key=lambda item: (not item[1]["doubts"], item[1]["wm_dice"]))
    return write_text(path, template.render(results=worst_first, failures=outcome.failures))
