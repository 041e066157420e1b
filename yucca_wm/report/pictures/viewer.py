"""Make an interactive slice view: nilearn's viewer as one HTML string, with selectable layers."""

from __future__ import annotations

import base64
import re
import struct
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import YuccaWMError
from yucca_wm.core.regions import rgb
from yucca_wm.imaging.images import Image, resample
from yucca_wm.report.html import render
from yucca_wm.report.pictures.slices import grey_window, head_box

SPACING_MM = 1.5
"""Voxel size of the copy in a page. Finer ones take seconds to make and megabytes to store."""

BESIDE = "#bbbbbb"
"""Colour of labels without a colour."""


@dataclass(frozen=True)
class Layer:
    """A layer over a scan.

    title : text of its button.
    labelled : label map [x, y, z] on the scan's grid, 0 where nothing is shown.
    names, colors : label -> name, label -> ``#rrggbb``; several labels may share a colour.
    says : kind of the names ("region", "tissue") to show at the clicked position; empty: names are not shown.
    sparse : keep every voxel in the smaller copy, for lesions, which nearest neighbour could lose.
    """

    title: str
    labelled: NDArray[Any]
    names: Mapping[int, str]
    colors: Mapping[int, str]
    says: str = ""
    sparse: bool = False


def slice_viewer(
    background: Image,
    layers: Sequence[Layer],
    start_mm: Sequence[float] | None = None,
    brain: NDArray[np.bool_] | None = None,
) -> str:
    """HTML document with three linked slices of ``background`` and the first of ``layers`` over it, others on a click.

    background : scan [x, y, z] in RAS order; start_mm : world [x, y, z] to start at (at the nearest voxel of the first
    layer); brain : mask [x, y, z] that sets the grey window. Raises YuccaWMError if nilearn's page has changed.
    """
    labelled, sparse = [layer.labelled for layer in layers], [layer.sparse for layer in layers]
    under, over = small_copy(background, labelled, sparse, grey_window(background.data, brain)[1])
    colors = [_colors(layer) for layer in layers]
    page = _nilearn(under, over[0], colors[0][1:], _start(over[0], start_mm))
    sprites = _sprites(page, over, colors)
    shown = []
    for layer, small, sprite in zip(layers, over, sprites, strict=True):
        names = {label: (name, layer.colors.get(label, BESIDE)) for label, name in layer.names.items()}
        present = [names[label] for label in np.unique(small.data).tolist() if label in names]
        shown.append({
            "title": layer.title, "source": sprite, "says": layer.says, "legend": _legend(present),
            "names": [[*rgb(color), name] for name, color in present],
        })  # fmt: skip
    controls = render("viewer.html", layers=shown)
    page = page.replace("brain = brainsprite(", "brain = window.brain = brainsprite(", 1)
    return page.replace('<div id="div_viewer-slices">', f'<div id="div_viewer-slices">{controls}', 1)


def _colors(layer: Layer) -> list[str]:
    """Colours by label, from 0."""
    largest = max([2, *layer.names, *layer.colors])  # a colour map has at least two colours
    return [layer.colors.get(label, BESIDE) for label in range(largest + 1)]


def _nilearn(under: Image, over: Image, colors: Sequence[str], start: Sequence[float]) -> str:
    """nilearn's page with labels 1, 2, ... of ``over`` in ``colors``."""
    import nibabel as nib
    from matplotlib.colors import ListedColormap
    from nilearn import plotting

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        view = plotting.view_img(
            nib.Nifti1Image(over.data.astype(np.float32), over.affine),
            bg_img=nib.Nifti1Image(under.data.astype(np.float32), under.affine),
            cmap=ListedColormap(list(colors), name="labels"), threshold=0.5, vmin=0.5, vmax=len(colors) + 0.5,
            symmetric_cmap=False, colorbar=False, resampling_interpolation="nearest", black_bg=True, annotate=True,
            opacity=0.8, cut_coords=list(start),
        )  # fmt: skip
    page = re.sub(r"<link\b[^>]*>", "", view.get_standalone())  # the icon would be fetched from the network
    return re.sub(r"(?<=-)[0-9a-f]{32}\b", "slices", page)  # random; equal results must give equal pages


def _sprites(page: str, layers: Sequence[Image], colors: Sequence[Sequence[str]]) -> list[str]:
    """``data:`` addresses of pictures laid out like nilearn's own layer: all slices along x, side by side in rows."""
    from matplotlib.image import imsave

    found = re.search(r'id="overlayImg-slices"[^>]*?src="data:image/png;base64,([^"]+)"', page)
    n_x, n_y, n_z = layers[0].shape
    width, height = struct.unpack(">II", base64.b64decode(found[1])[16:24]) if found else (0, 0)
    columns, rows = width // n_y, height // n_z
    if columns * rows < n_x or width % n_y or height % n_z:
        raise YuccaWMError("nilearn draws its slice view in another way than this was written for")
    sprites = []
    for layer, of_labels in zip(layers, colors, strict=True):
        lut = np.array([[*rgb(color), 255] for color in of_labels], np.uint8)
        lut[0] = 0
        slices = np.zeros((columns * rows, n_y, n_z), layer.data.dtype)
        slices[:n_x] = layer.data
        tiled = slices[:, :, ::-1].reshape(rows, columns, n_y, n_z).transpose(0, 3, 1, 2)
        png = BytesIO()
        imsave(png, lut[tiled.reshape(rows * n_z, columns * n_y)], format="png")
        sprites.append("data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii"))
    return sprites


def _legend(present: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of colour and name; names that share a colour are combined and come last."""
    by_color: dict[str, list[str]] = {}
    for name, color in present:
        by_color.setdefault(color, []).append(name.replace("_", " "))
    alone = [(color, names[0]) for color, names in by_color.items() if len(names) == 1]
    return alone + [(color, "all others") for color, names in by_color.items() if len(names) > 1]


def small_copy(
    background: Image, layers: Sequence[NDArray[Any]], sparse: Sequence[bool], bright: float
) -> tuple[Image, list[Image]]:
    """Scan, clipped at ``bright``, and layers (all [x, y, z]), cropped to the head and resampled to a grid of
    SPACING_MM along the world's axes; no voxel of a sparse layer is lost."""
    lesions: NDArray[Any] = np.zeros(background.shape, bool)
    for layer, kept in zip(layers, sparse, strict=True):
        if kept:
            lesions = lesions | (layer > 0)
    box = head_box(background.data, lesions)
    ends = np.array([(side.start, min(side.stop, size) - 1) for side, size in zip(box, background.shape, strict=True)])
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    world = corners @ background.affine[:3, :3].T + background.affine[:3, 3]
    low = world.min(axis=0)
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = low
    shape = np.ceil((world.max(axis=0) - low) / SPACING_MM).astype(int) + 1
    grid = Image(np.zeros(shape, np.uint8), affine)
    under = resample(Image(np.minimum(background.data, bright).astype(np.float32), background.affine), grid, order=1)
    copies = []
    for layer, kept in zip(layers, sparse, strict=True):
        over = resample(Image(layer, background.affine), grid)
        if kept:
            voxels = np.argwhere(layer)
            at = voxels @ background.affine[:3, :3].T + background.affine[:3, 3]
            over.data[tuple(np.rint((at - low) / SPACING_MM).astype(int).T)] = layer[tuple(voxels.T)]
        copies.append(over)
    return under, copies


def _start(lesions: Image, start_mm: Sequence[float] | None) -> list[float]:
    """World [x, y, z] in mm of the lesion voxel nearest to ``start_mm``; the centre of the grid without lesions."""
    voxels: NDArray[Any] = np.argwhere(lesions.data)
    if start_mm is None or not len(voxels):
        voxels, start_mm = (np.array([lesions.shape]) - 1) / 2, (0, 0, 0)
    places = voxels @ lesions.affine[:3, :3].T + lesions.affine[:3, 3]
    nearest = ((places - np.array(start_mm)) ** 2).sum(axis=1).argmin()
    return [float(value) for value in places[nearest]]
