"""The layout that docs/maintainers.md tells of: how much a room holds, and the picture of all rooms."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "yucca_wm"
MOST_FILES = 12
ONE_FILE_EACH = "bridge/fixes"
"""One module for each mended defect of Yucca, however many there are."""


def test_no_room_holds_more_than_a_dozen_files() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if file.name not in ("__init__.py", "__main__.py")]
    rooms = Counter(file.parent.relative_to(PACKAGE).as_posix() for file in files)
    assert rooms[ONE_FILE_EACH] > MOST_FILES
    assert {room: count for room, count in rooms.items() if count > MOST_FILES and room != ONE_FILE_EACH} == {}


def test_the_picture_shows_the_rows_that_are_enforced_and_every_room() -> None:
    picture = ElementTree.parse(ROOT / "docs" / "images" / "house.svg").getroot()
    named = [text for text in picture.iter("{http://www.w3.org/2000/svg}text") if (text.text or "").endswith("/")]
    heading, *rooms = named
    assert heading.text == "yucca_wm/"
    rows: dict[float, set[str]] = {}
    wing = set()
    for text in rooms:
        name = (text.text or "").removesuffix("/")
        if name.startswith("yucca_wm/"):
            wing.add(name.removeprefix("yucca_wm/"))
        elif (PACKAGE / name).is_dir():
            rows.setdefault(float(text.attrib["y"]), set()).add(name)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    wanted = [{room.strip().removeprefix("yucca_wm.") for room in layer.split("|")} for layer in layers]
    assert [rows[y] for y in sorted(rows)] == wanted
    assert set().union(wing, *wanted) == {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
