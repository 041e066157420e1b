"""The table of regions is right, and reads back from every form it is written in."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import Side, distinct_color, read_table, regions
from yucca_wm.imaging.images import load


def test_thirty_four_regions_and_two_remainders() -> None:
    table = regions()
    assert table.indices == tuple(range(1, 37))
    assert table.white_matter.indices == tuple(range(1, 35))
    assert {region.group for region in table.white_matter} == {"lobar", "association", "projection", "commissural"}
    for attribute in ("name", "full_name", "color"):
        assert len({getattr(region, attribute) for region in table}) == 36
    for region in table:
        assert region.name.endswith({"left": "_L", "right": "_R"}[region.side])
        assert region.full_name.endswith(f", {region.side}")


def test_every_jhu_label_belongs_to_one_region_and_its_twin_to_the_other_side() -> None:
    members = {label: region for region in regions() for label in region.jhu_ids}
    assert sorted(members) == list(range(1, 131))
    assert sum(len(region.jhu_ids) for region in regions()) == 130
    assert sum(len(region.jhu_ids) for region in regions().white_matter) == 94
    for label in range(1, 66):
        left, right = members[label], members[label + 65]
        assert left.side is Side.LEFT
        assert right.side is Side.RIGHT
        assert regions().mirrored()[left.index] == right.index


def test_the_table_is_the_one_that_was_compared_with_the_published_list() -> None:
    """Results are labelled by it; where it is changed on purpose, compare again (the test below, with the list)."""
    rows = [f"{r.index} {r.name} {r.side} {' '.join(map(str, sorted(r.jhu_ids)))}" for r in regions()]
    digest = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    assert digest == "f31c97cb09583966330f94c8d56958b5d708e3103b51c283095c022d2d6c621b"


def test_regions_without_a_colour_get_one_each(tmp_path: Path) -> None:
    rows = [f"{label}\tr{label}\t{'#123456' if label == 7 else ''}" for label in range(1, 61)]
    (tmp_path / "t.tsv").write_text("\n".join(["index\tname\tcolor", *rows]))
    colors = [region.color for region in read_table(tmp_path / "t.tsv")]
    assert colors[6] == "#123456"
    rgb = np.array([[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in colors])
    apart = np.abs(rgb[:, None] - rgb[None]).sum(axis=2) + 999 * np.eye(60, dtype=int)
    assert apart.min() > 12
    assert apart.diagonal(1).min() > 150  # neighbours in the table
    assert (rgb.max(axis=1) - rgb.min(axis=1)).min() > 60  # none is grey


def test_mirroring_is_seventeen_apart() -> None:
    mirrored = regions().mirrored()
    assert mirrored == {n: n + 17 for n in range(1, 18)} | {n: n - 17 for n in range(18, 35)} | {35: 36, 36: 35}


def test_sides_are_paired_however_names_say_them(tmp_path: Path) -> None:
    names = (
        "Left-Frontal",
        "Right-Frontal",
        "lh.insula",
        "rh.insula",
        "genu",
        "cst_left_upper",
        "cst_right_upper",
        "relay_L",
    )
    sides = ("left", "right", "left", "right", "none", "left", "right", "left")
    rows = [f"{n}\t{name}\t{side}" for n, (name, side) in enumerate(zip(names, sides, strict=True), start=1)]
    (tmp_path / "t.tsv").write_text("\n".join(["index\tname\tside", *rows]))
    assert read_table(tmp_path / "t.tsv").mirrored() == {1: 2, 2: 1, 3: 4, 4: 3, 5: 5, 6: 7, 7: 6, 8: 8}


def test_a_table_of_names_alone_has_sides_and_remainders(tmp_path: Path) -> None:
    """Else remainders would count as white matter, and nothing would be said of sides that are swapped."""
    rows = [f"{region.index}\t{region.name}" for region in regions()]
    (tmp_path / "t.tsv").write_text("\n".join(["index\tname", *rows]))
    found = read_table(tmp_path / "t.tsv")
    assert [region.side for region in found] == [region.side for region in regions()]
    assert found.white_matter.indices == regions().white_matter.indices == tuple(range(1, 35))
    (tmp_path / "t.tsv").write_text(
        "index\tname\tside\tgroup\n1\ta_L\t\t\n2\tl_to_r\tleft\tx\n3\tremainder_L\tleft\t\n"
    )
    assert [(region.side, region.group) for region in read_table(tmp_path / "t.tsv")] == [
        ("none", ""), ("left", "x"), ("left", ""),
    ]  # fmt: skip
    names = ("Left-Frontal", "rh.insula", "fibres_l_to_r", "relay", "Frontal (L)")
    (tmp_path / "t.tsv").write_text("\n".join(["index\tname", *(f"{n}\t{name}" for n, name in enumerate(names, 1))]))
    assert [region.side for region in read_table(tmp_path / "t.tsv")] == ["left", "right", "none", "none", "left"]


@pytest.mark.shared_data
def test_names_and_members_agree_with_the_published_list(shared_data: Path) -> None:
    with (shared_data / "atlas" / "jhu_type2_to_refined.tsv").open() as stream:
        published = {int(row["jhu_id"]): row for row in csv.DictReader(stream, delimiter="\t")}
    for region in regions():
        for label in region.jhu_ids:
            row = published[label]
            assert int(row["refined_id"]) == region.index
            assert {"left": "right", "right": "left"}[region.side] not in row["jhu_name"].lower()


@pytest.mark.shared_data
def test_sides_are_those_of_the_real_subjects_in_the_world(shared_data: Path) -> None:
    """Left regions lie at smaller world x than their right twins, whatever the voxel order."""
    files = sorted((shared_data / "wmh_region_labels").glob("*/*.nii.gz"))
    assert len(files) == 27
    for path in files[::6]:
        image = load(path)
        x = {}
        for region in regions():
            index = np.nonzero(image.data == region.index)
            x[region.index] = image.affine[0, :3] @ np.mean(index, axis=1)
        for left, right in regions().mirrored().items():
            if left < right:
                assert x[left] < x[right], (path.name, left)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label\tname\n1\ta\n", "lacks the columns"),
        ("index\tname\none\ta\n", "line 2"),
        ("index\tname\n-1\ta\n", "negative"),
        ("index\tname\n1\ta\n1\tb\n", "occurs twice: 1"),
        ("index\tname\n1\ta\n2\ta\n", "occurs twice: a"),
        ("index\tname\n0\tbackground\n", "names no region"),
        ("index\tname\tside\n1\ta\tup\n", "line 2"),
        ("", "lacks the columns"),
        ("index\tname\tside\n1\ta\tup\n", "line 2: side is 'up'; write left, right, none, or leave it empty"),
        ("index\tname\n1.0\ta\n", "line 2: index is '1.0'; write a whole number"),
        ("index\tname\n1\ta\n\n2\n", "line 4: name is empty; every region needs a name"),
        ("index\tname\n1\tn/a\n", "line 2: name is 'n/a'"),
        ("index\tname\n1\ttotal\n", "line 2: name is 'total'; tables of results reserve subject, outside, total"),
        ("index\tname\tgroup\n1\ta\toutside\n", "line 2: group is 'outside'"),
        ("index\tname\tcolor\n1\ta\tred\n", "line 2: color is 'red'; write #rrggbb"),
        ("index\tname\tjhu_ids\n1\ta\t1;2\n", "line 2: jhu_ids is '1;2'; write whole numbers with commas"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "table.tsv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "table.tsv")


def test_names_that_look_the_same_are_the_same(tmp_path: Path) -> None:
    """An accent as a character of its own, or not."""
    (tmp_path / "table.tsv").write_text("index\tname\n1\te\u0301\n", encoding="utf-8")
    assert read_table(tmp_path / "table.tsv")[0].name == "\u00e9"
    (tmp_path / "table.tsv").write_text("index\tname\n1\te\u0301\n2\t\u00e9\n", encoding="utf-8")
    with pytest.raises(InputError, match="name occurs twice"):
        read_table(tmp_path / "table.tsv")


def test_any_text_is_a_name_and_not_available_is_none(tmp_path: Path) -> None:
    head = "index\tname\tside\tgroup\tcolor\tfull_name\n"
    rows = "1\tNA\tn/a\tNA\tn/a\tn/a\n2\tnan\tleft\tn/a\t#FF0000\tNone\n03\t007\t\t\t\t\n"
    (tmp_path / "table.tsv").write_text(head + rows)
    table = read_table(tmp_path / "table.tsv")
    assert [(r.index, r.name, r.side, r.group, r.color, r.full_name) for r in table] == [
        (1, "NA", "none", "NA", distinct_color(0), "NA"),
        (2, "nan", "left", "", "#FF0000", "None"),
        (3, "007", "none", "", distinct_color(2), "007"),
    ]
