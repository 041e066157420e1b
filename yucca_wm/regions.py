"""The white-matter regions: what each label of a region map means.

The built-in table (``data/regions.tsv``) holds the 34 regions of Machnio et al. (NLDL 2025), made from the
JHU-MNI-SS "Eve" atlas (WMPM Type II), and the two remainders 35 and 36 (left, right), which stand for what the
atlas labels outside white matter and are never part of a mean over regions.
"""

from __future__ import annotations

import colorsys
import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from yucca_wm.errors import InputError

TABLE = Path(__file__).parent / "data" / "regions.tsv"


class Side(StrEnum):
    LEFT = "left"
    RIGHT = "right"
    NONE = "none"


REMAINDER = "remainder"
"""The group of regions that are not white-matter regions proper (35 and 36)."""


@dataclass(frozen=True)
class Region:
    """One label. ``jhu_ids``: the JHU Type-II labels merged into it; ``color``: ``#rrggbb``."""

    index: int
    name: str
    full_name: str
    side: Side
    group: str
    color: str
    jhu_ids: tuple[int, ...] = ()


class RegionTable(Sequence[Region]):
    """Regions in ascending order of their label; look one up by label with `by_index`."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self._regions = tuple(sorted(regions, key=lambda region: region.index))
        self._by_index = {region.index: region for region in self._regions}

    def __len__(self) -> int:
        return len(self._regions)

    def __getitem__(self, position):  # type: ignore[no-untyped-def]
        return self._regions[position]

    def __iter__(self) -> Iterator[Region]:
        return iter(self._regions)

    def by_index(self, index: int) -> Region:
        return self._by_index[index]

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(self._by_index)

    @property
    def white_matter(self) -> RegionTable:
        """Without the remainders: the 34 regions of the built-in table."""
        return RegionTable([region for region in self if region.group != REMAINDER])

    def mirrored(self) -> dict[int, int]:
        """Label -> label of the same structure on the other side (itself where there is none).

        Sides are paired by name without its ending (``_L``/``_R``). Any left/right flip of a region map must
        apply this exchange, or it calls left right.
        """
        stems = {(region.name.removesuffix("_L").removesuffix("_R"), region.side): region.index for region in self}
        other = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT, Side.NONE: Side.NONE}
        return {index: stems.get((stem, other[side]), index) for (stem, side), index in stems.items()}


@cache
def regions() -> RegionTable:
    """The built-in table: 34 regions and the remainders 35 and 36."""
    return read_table(TABLE)


def distinct_color(number: int) -> str:
    """``#rrggbb`` for the region ``number`` (from 0): neighbours in number are far apart in hue or lightness."""
    lightness = (0.5, 0.68, 0.38)[number % 3]
    rgb = colorsys.hls_to_rgb(number * 0.618034 % 1, lightness, 0.75)
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def read_table(path: str | os.PathLike[str]) -> RegionTable:
    """Read a label table: TSV with at least ``index`` and ``name`` (a BIDS ``dseg.tsv`` will do).

    ``full_name``, ``side``, ``group``, ``color`` and ``jhu_ids`` are used where present; a region without a colour is
    given one. Background (index 0) is skipped. Raises InputError for missing columns, labels that are not positive
    whole numbers, or duplicates.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"cannot be read as a table ({error})") from error
    if not rows or not {"index", "name"} <= set(rows[0]):
        raise InputError(path, "lacks the columns 'index' and 'name'", "give a tab-separated table such as dseg.tsv")
    table: list[Region] = []
    for number, row in enumerate(rows, start=2):
        try:
            index = int(row["index"])
            side = Side(row.get("side") or Side.NONE)
            jhu_ids = tuple(int(label) for label in (row.get("jhu_ids") or "").split(",") if label)
        except (TypeError, ValueError) as error:
            raise InputError(path, f"line {number}: {error}") from error
        if index < 0:
            raise InputError(path, f"line {number}: label {index} is negative")
        if index == 0:
            continue
        name = row["name"]
        full_name, group = row.get("full_name") or name, row.get("group") or ""
        table.append(
            Region(index, name, full_name, side, group, row.get("color") or distinct_color(len(table)), jhu_ids)
        )
    for what in ("index", "name"):
        values = [getattr(region, what) for region in table]
        if duplicates := {str(value) for value in values if values.count(value) > 1}:
            raise InputError(path, f"{what} occurs twice: {', '.join(sorted(duplicates))}")
    if not table:
        raise InputError(path, "names no region")
    return RegionTable(table)
