"""A lesion map's way through the room, from file to file, as docs/maintainers.md tells it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pytest

import yucca_wm.localize.case
from yucca_wm.core.regions import regions
from yucca_wm.core.tissue import Tissue
from yucca_wm.localize.case import localize_case, localize_maps
from yucca_wm.localize.inputs.pairs import Companions, Pair
from yucca_wm.localize.inputs.reading import read_maps
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.localize.outputs.parts import Parts
from yucca_wm.localize.tables import tables_of_subject

ROOM = Path(yucca_wm.localize.case.__file__).parent
PARTS = {"surroundings": "places"}
"""A file that only one stop uses is a part of that stop."""

DOCS = Path(__file__).parents[2] / "docs"


@contextmanager
def followed(start: str) -> Iterator[list[str]]:
    """Files of the room in the order in which a function of one calls a function of another.

    Left out is what hands out data: properties, and what a class makes of its fields.
    """
    path = [start]

    def stop(code: CodeType) -> str:
        file = Path(code.co_filename).stem
        return PARTS.get(file, file)

    def is_step(frame: FrameType) -> bool:
        code = frame.f_code
        name = code.co_name
        if ROOM not in Path(code.co_filename).parents or name.startswith(("_", "<")):
            return False
        owner = type(frame.f_locals.get("self"))
        return not isinstance(getattr(owner, name, None), property)

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and is_step(frame) and path[-1] != (file := stop(frame.f_code)):
            caller = frame.f_back
            while caller is not None and ROOM not in Path(caller.f_code.co_filename).parents:
                caller = caller.f_back
            if caller is None or stop(caller.f_code) != file:
                path.append(file)

    sys.setprofile(look)
    try:
        yield path
    finally:
        sys.setprofile(None)


@pytest.fixture
def pair(tmp_path, synthetic) -> Pair:
    """A person with a lesion map, a region map and a tissue map."""
    labels, affine = synthetic.region_map(), synthetic.oblique_affine()
    lesions = synthetic.random_lesions(labels, np.random.default_rng(4), 12)
    tissue = np.full(labels.shape, Tissue.CEREBRAL_WHITE_MATTER, np.uint8)
    tissue[:4] = Tissue.CORTICAL_GREY_MATTER
    tissue[18:22] = Tissue.LATERAL_VENTRICLES
    maps = {"lesions": lesions, "regions": labels, "tissue": tissue}
    files = {name: synthetic.save(tmp_path / f"{name}.nii.gz", data, affine) for name, data in maps.items()}
    return Pair("s1", files["lesions"], files["regions"], companions=Companions(tissue=files["tissue"]))


def test_ten_stops_and_no_return(pair, tmp_path):
    table, settings = regions(), Settings()
    tables = tables_of_subject(pair, table, settings)
    (tmp_path / "parts").mkdir()
    parts = Parts(tmp_path / "parts")
    localize_case(pair, table, settings, tables, parts)  # what is imported late is imported
    with followed("case") as path:
        localize_case(pair, table, settings, tables, parts)
    assert path == ["case", "reading", "lesions", "places", "load", "positions", "flags", "records", "tables", "parts"]
    told = " → ".join(f"`{file}`" for file in path)
    assert told in (DOCS / "maintainers.md").read_text(encoding="utf-8")


def test_from_python_the_way_is_the_same_once_the_maps_are_read(pair):
    table, settings = regions(), Settings()
    maps = read_maps(pair, table, settings)
    localize_maps(pair, maps, table, settings)
    with followed("case") as path:
        localize_maps(pair, maps, table, settings)
    assert path == ["case", "lesions", "places", "load", "positions", "flags", "records"]
