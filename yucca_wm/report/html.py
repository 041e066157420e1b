"""Render self-contained HTML pages with embedded pictures: no network, no other files needed."""

from __future__ import annotations

import base64
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yucca_wm.core.files import make_folder
from yucca_wm.localize.heatmap import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCREEN_DPI = 92
"""Resolution of pictures in pages; files have more dots per inch."""


def render(template: str, **content: Any) -> str:
    """Fill ``templates/<template>``; every text is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("yucca_wm.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(template).render(**content)


def short(text: str) -> str:
    """``text`` with three decimals in place of the six of files."""
    return f"{float(text):.3f}" if re.fullmatch(r"-?[0-9]+\.[0-9]{6}", text) else text


def table_of(title: str, rows: Sequence[Mapping[str, str]], note: str = "") -> dict[str, Any]:
    """Content of a table for the template: title, note below it, heads, rows; the subject column is omitted for a
    single subject."""
    heads = [head for head in rows[0] if head != "subject" or len({row["subject"] for row in rows}) > 1]
    return {
        "title": title,
        "note": note,
        "heads": heads,
        "rows": [[short(row[head]) for head in heads] for row in rows],
    }


def decimals(number: float) -> str:
    """A number as text with three decimals; empty for NaN."""
    return "" if math.isnan(number) else f"{number:.3f}"


LEFT = "The subject's left is on the left."
"""Sentence for every picture of slices."""


class Pictures:
    """The pictures of one page, in order; each is also written to ``folder`` as PNG and SVG.

    shown : content of each picture for the templates: ``source`` (a ``data:`` address), ``caption``, ``files`` and
    ``width`` in pixels.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = make_folder(folder)
        self.shown: list[dict[str, str]] = []

    def add(self, figure: Figure, name: str, caption: str) -> None:
        """Write ``<folder>/<name>.png`` and ``.svg`` and put the picture on the page. name : may be in a subfolder."""
        make_folder((self.folder / name).parent)
        png, svg = save_figure(figure, self.folder / name)
        width = str(round(SCREEN_DPI * figure.get_figwidth()))
        files = ", ".join(path.relative_to(self.folder).as_posix() for path in (png, svg))
        self.shown.append({"source": embedded(png), "caption": caption, "files": files, "width": width})


def embedded(png: Path) -> str:
    """A PNG file as a ``data:`` address."""
    return "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode("ascii")
