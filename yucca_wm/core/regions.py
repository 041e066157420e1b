"""White-matter regions: the meaning of each label of a region map.

The built-in table (``data/regions.tsv``) holds the 34 regions of Machnio et al. (NLDL 2025), made from the
JHU-MNI-SS "Eve" atlas (WMPM Type II), and the two remainders 35 and 36 (left, right), which hold everything that the
atlas labels outside these regions and never enter a mean over regions.
"""

from __future__ import annotations

import colorsys
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from yucca_wm.core.columns import Column, Kind, TableForm
from yucca_wm.core.errors import InputError
from yucca_wm.core.tsv import composed, read_columns

if TYPE_CHECKING:
    from yucca_wm.core.tsv import TableInput

TABLE = Path(__file__).parents[1] / "data" / "regions.tsv"


class Side(StrEnum):
    """Side of the body on which a region lies; ``NONE`` for midline regions and those without a stated side."""

    LEFT = "left"
    RIGHT = "right"
    NONE = "none"


SIDE_WORD = re.compile(r"(?:^|[\W_])(?:l|r|lh|rh|left|right)(?=[\W_]|$)", re.IGNORECASE)
"""Word in a name that gives the side."""

REMAINDER = "remainder"
"""Group of the two labels that are not white-matter regions proper (35 and 36)."""

IN_REMAINDER = (
    "white matter that the atlas gives to no region, and lesions of deep grey matter, cerebellum and brainstem"
)
"""Content of a remainder of the built-in table, in words."""

REMAINDERS = frozenset({"remainder_L", "remainder_R"})
"""Names of these remainders."""

OUTSIDE, TOTAL = "outside", "total"
"""Names and groups of the rows of result tables that are no region."""

RESERVED_GROUPS = (OUTSIDE, TOTAL)
RESERVED_NAMES = ("subject", *RESERVED_GROUPS)
"""Names that result tables use for their own columns and rows; no region or group may have one of them."""

NOT_REGIONS = (REMAINDER, *RESERVED_GROUPS)
"""Groups of rows in result tables that are no white-matter region."""


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

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green, blue, each 0..255."""
        return rgb(self.color)


FORM = TableForm[Region](
    "regions.tsv",
    (
        Column("index", lambda region: region.index, "label of the region in region maps", kind=Kind.COUNT),
        Column("name", lambda region: region.name, "short name, as it stands in all tables"),
        Column("full_name", lambda region: region.full_name, "name in words"),
        Column("side", lambda region: str(region.side), "left, right, or none for a region without a side"),
        Column(
            "group",
            lambda region: region.group,
            "group of regions that it belongs to",
            levels={REMAINDER: "no white-matter region, and in no mean over regions"},
        ),
        Column("color", lambda region: region.color, "colour in pictures, #rrggbb"),
        Column(
            "jhu_ids",
            lambda region: ",".join(map(str, region.jhu_ids)),
            "labels of the JHU Type-II map that are merged into it",
        ),
    ),
    subjects=False,
)
"""Layout of the region table as a file; `read_table` reads the same columns."""

COLUMNS = FORM.header


class RegionTable(Sequence[Region]):
    """Regions in ascending order of their label; look one up by label with `by_index`.

    given : by the user; False: nobody chose a table, and the built-in one is used.
    """

    def __init__(self, regions: Sequence[Region], *, given: bool = True) -> None:
        self.given = given
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
    def is_built_in(self) -> bool:
        """Whether its labels have the names of the built-in table."""
        return self.names.items() <= regions().names.items()

    @property
    def names(self) -> dict[int, str]:
        """Label -> name."""
        return {region.index: region.name for region in self}

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(self._by_index)

    @property
    def white_matter(self) -> RegionTable:
        """The table without the remainders: for the built-in table, the 34 regions."""
        return RegionTable([region for region in self if region.group != REMAINDER])

    @property
    def measured(self) -> RegionTable:
        """The white-matter regions; all, if the table has only remainders."""
        return self.white_matter if len(self.white_matter) else self

    def mirrored(self) -> dict[int, int]:
        """Map each label to the label of the same structure on the other side (itself where there is none).

        Sides are paired by the name without its side word (``_L``/``_R``, ``Left-``/``Right-``, ``lh.``/``rh.``).
        Any left/right flip of a region map must also exchange labels this way, or left is called right.
        """
        stems = {(SIDE_WORD.sub("", region.name), region.side): region.index for region in self}
        other = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT, Side.NONE: Side.NONE}
        return {index: stems.get((stem, other[side]), index) for (stem, side), index in stems.items()}


@cache
def regions() -> RegionTable:
    """The built-in table: 34 regions and the remainders 35 and 36."""
    return RegionTable(read_table(TABLE), given=False)


def region_table(names: TableInput | RegionTable | None = None) -> RegionTable:
    """Region table from a file or frame (see `read_table`) or an existing table; None: the built-in one."""
    if names is None:
        return regions()
    return names if isinstance(names, RegionTable) else read_table(names)


def rgb(color: str) -> tuple[int, int, int]:
    """Red, green, blue, each 0..255, of ``#rrggbb``."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue


def distinct_color(number: int) -> str:
    """``#rrggbb`` for region ``number`` (from 0): neighbouring numbers get clearly different hues or lightness."""
    lightness = (0.5, 0.68, 0.38)[number % 3]
    rgb = colorsys.hls_to_rgb(number * 0.618034 % 1, lightness, 0.75)
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def read_table(path: TableInput) -> RegionTable:
    """Read a label table: TSV (or pandas.DataFrame) with at least ``index`` and ``name`` (a BIDS ``dseg.tsv`` will do).

    ``full_name``, ``side``, ``group``, ``color`` and ``jhu_ids`` are used where present and not empty or ``n/a``; any
    other text is a name, including ``NA``. Without a column ``side`` or ``group``, sides are taken from words in names
    (``_L``, ``Right-``), and the built-in remainders, known by their names, are remainders. A region without a colour
    is given one. Background (index 0) is skipped.

    Raises InputError, naming the line, for missing columns, labels that are not positive whole numbers, lines without a
    name, names and groups reserved for the result tables, unknown sides, colours that are not ``#rrggbb``, or
    duplicates.
    """
    read = read_columns(path, (), COLUMNS)
    path = read.path
    if not {"index", "name"} <= read.cells.keys():
        raise InputError(path, "lacks the columns 'index' and 'name'", "give a tab-separated table such as dseg.tsv")
    names = list(read.cells)
    table: list[Region] = []
    for line, *cells in zip(read.lines, *read.cells.values(), strict=True):
        region = _region(path, line, dict(zip(names, cells, strict=True)), distinct_color(len(table)))
        if region.index:
            table.append(region)
    for what in ("index", "name"):
        values = [getattr(region, what) for region in table]
        if duplicates := {str(value) for value in values if values.count(value) > 1}:
            raise InputError(path, f"{what} occurs twice: {', '.join(sorted(duplicates))}")
    if not table:
        raise InputError(path, "names no region")
    return RegionTable(table)


def _side_of(name: str) -> Side:
    """The side that a word in ``name`` states; none where there are several such words."""
    letters = [re.sub("[^a-z]", "", word.lower())[0] for word in SIDE_WORD.findall(name)]
    return {"l": Side.LEFT, "r": Side.RIGHT}.get("".join(letters), Side.NONE)


def _region(path: str | os.PathLike[str], line: int, cells: dict[str, str], default_color: str) -> Region:
    """Read one line of a table, ``default_color`` if it has none; background (index 0) becomes a region too."""
    given = {column: "" if cell.lower() == "n/a" else composed(cell) for column, cell in cells.items()}

    def refused(column: str, remedy: str) -> InputError:
        problem = f"is '{cells[column]}'" if cells[column] else "is empty"
        return InputError(path, f"line {line}: {column} {problem}", remedy)

    if re.fullmatch("-[0-9]+", given["index"]):
        raise InputError(path, f"line {line}: label {given['index']} is negative", "labels are 1, 2, 3, ...")
    if not re.fullmatch(r"\+?[0-9]+", given["index"]):
        raise refused("index", "write a whole number: 1, 2, 3, ...")
    if not int(given["index"]):
        return Region(0, given["name"], given["name"], Side.NONE, "", default_color)
    if not given["name"]:
        raise refused("name", "every region needs a name of its own")
    if given["name"] == given.get("group") == OUTSIDE:  # in the table of our own labelled lesion maps: not a region
        return Region(0, OUTSIDE, OUTSIDE, Side.NONE, OUTSIDE, default_color)
    if given["name"] in RESERVED_NAMES:
        raise refused("name", f"tables of results reserve {', '.join(RESERVED_NAMES)}; choose another name")
    if given.get("group") in RESERVED_GROUPS:
        raise refused("group", f"tables of results reserve {', '.join(RESERVED_GROUPS)}; choose another name")
    if "side" not in given:
        given["side"] = _side_of(given["name"])
    if "group" not in given and given["name"] in REMAINDERS:
        given["group"] = REMAINDER
    if (side := given.get("side") or Side.NONE) not in tuple(Side):
        raise refused("side", f"write {', '.join(Side)}, or leave it empty")
    if not re.fullmatch("#[0-9a-fA-F]{6}", color := given.get("color") or default_color):
        raise refused("color", "write #rrggbb, red as #ff0000, or leave it empty")
    if not re.fullmatch("([0-9]+(, *|$))*", labels := given.get("jhu_ids") or ""):
        raise refused("jhu_ids", "write whole numbers with commas between them, or leave it empty")
    return Region(
        int(given["index"]), given["name"], given.get("full_name") or given["name"], Side(side),
        given.get("group") or "", color, tuple(map(int, filter(None, labels.split(",")))),
    )  # fmt: skip
