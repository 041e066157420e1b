"""Figures as files, and the same figures inside a page."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

from yucca_wm.core.files import make_folder
from yucca_wm.localize.heatmap import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCREEN_DPI = 92
"""Size of pictures in pages; files have more dots an inch."""


class Pictures:
    """The pictures of one page, in order; each is also written to ``folder`` as PNG and SVG.

    shown : what the templates need of each picture: ``source`` (a ``data:`` address), ``caption``, ``files``
    and ``width`` in pixels.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = make_folder(folder)
        self.shown: list[dict[str, str]] = []

    def add(self, figure: Figure, name: str, caption: str) -> None:
        """Write ``<folder>/<name>.png`` and ``.svg`` and put the picture on the page."""
        png, svg = save_figure(figure, self.folder / name)
        width = str(round(SCREEN_DPI * figure.get_figwidth()))
        files = f"{png.name}, {svg.name}"
        self.shown.append({"source": embedded(png), "caption": caption, "files": files, "width": width})


def embedded(png: Path) -> str:
    """A PNG file as a ``data:`` address."""
    return "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode("ascii")
