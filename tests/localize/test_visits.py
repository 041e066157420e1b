"""``visits.tsv``: every number worked out by hand, and none between visits that cannot be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.core.tsv import read_rows
from yucca_wm.localize.__main__ import main
from yucca_wm.localize.measures.visits import doubts, visits_before

SHAPE = (10, 10, 10)
VOXEL_ML = 0.008
REGIONS = {3: 2, 5: 5, 0: 8}
"""Region (0: outside) -> its slab along the first axis, two voxels thick."""


def put(folder: Path, lesions: Mapping[str, Mapping[int, int]], spacing_mm: float = 2.0) -> None:
    """Write maps. lesions : subject -> region -> voxels of its only lesion (a row, so that they touch)."""
    regions = np.zeros(SHAPE, np.uint8)
    for region, at in REGIONS.items():
        regions[at : at + 2] = region
    for name, own in lesions.items():
        mask = np.zeros(SHAPE, np.uint8)
        for region, voxels in own.items():
            mask[REGIONS[region], 0, :voxels] = 1
        for what, data in (("lesions", mask), ("regions", regions)):
            (folder / what).mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(data, np.diag([spacing_mm] * 3 + [1])), folder / what / f"{name}.nii.gz")


def run(folder: Path, *words: str) -> int:
    maps = ["--lesions", str(folder / "lesions"), "--regions", str(folder / "regions")]
    return main([*maps, "--out-dir", str(folder / "out"), "--jobs", "1", *words])


def visits(folder: Path) -> list[dict[str, str]]:
    return read_rows(folder / "out" / "visits.tsv")


STUDY = {
    "sub-1_ses-1": {3: 4, 0: 1},
    "sub-1_ses-2": {3: 6, 5: 3},
    "sub-1_ses-10": {5: 3},
    "sub-2_ses-1": {3: 2},
    "sub-3": {3: 9},
}


def test_every_region_of_a_visit_is_compared_with_the_visit_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Voxels of 8 mm3. Region 3 grows from 4 to 6 voxels and is empty at visit 10, region 5 is new at visit 2."""
    put(tmp_path, STUDY)
    assert run(tmp_path) == 0
    rows = visits(tmp_path)
    pairs = dict.fromkeys((row["subject"], row["previous_visit"]) for row in rows)
    assert list(pairs) == [("sub-1_ses-2", "sub-1_ses-1"), ("sub-1_ses-10", "sub-1_ses-2")]
    differing = {
        (row["subject"], int(row["region_id"])): (
            round(float(row["previous_lesion_volume_ml"]) / VOXEL_ML), round(float(row["lesion_volume_ml"]) / VOXEL_ML),
            round(float(row["difference_ml"]) / VOXEL_ML), int(row["n_previous_lesions"]), int(row["n_lesions"]),
        )
        for row in rows
        if float(row["difference_ml"])
    }  # fmt: skip
    assert differing == {
        ("sub-1_ses-2", 3): (4, 6, 2, 1, 1),
        ("sub-1_ses-2", 5): (0, 3, 3, 0, 1),
        ("sub-1_ses-2", 0): (1, 0, -1, 1, 0),
        ("sub-1_ses-2", -1): (5, 9, 4, 2, 2),
        ("sub-1_ses-10", 3): (6, 0, -6, 1, 0),
        ("sub-1_ses-10", -1): (9, 3, -6, 2, 1),
    }
    said = capsys.readouterr().out
    assert "sub-1_ses-2: +0.032 ml since sub-1_ses-1 (" in said
    assert "sub-1_ses-10: -0.048 ml since sub-1_ses-2 (" in said


def test_regions_add_up_and_agree_with_lesion_load(tmp_path: Path) -> None:
    put(tmp_path, STUDY)
    run(tmp_path)
    volumes = {(row["subject"], row["region_id"]): row for row in read_rows(tmp_path / "out" / "lesion_load.tsv")}
    for visit in ("sub-1_ses-2", "sub-1_ses-10"):
        *places, total = [row for row in visits(tmp_path) if row["subject"] == visit]
        assert len(places) == 37
        assert sum(float(row["difference_ml"]) for row in places) == pytest.approx(float(total["difference_ml"]))
        for row in (*places, total):
            now, before = (volumes[name, row["region_id"]] for name in (visit, row["previous_visit"]))
            for column, previous in {
                "lesion_volume_ml": "previous_lesion_volume_ml",
                "n_lesions": "n_previous_lesions",
            }.items():
                assert (row[column], row[previous]) == (now[column], before[column])
            assert (row["name"], row["side"], row["group"]) == (now["name"], now["side"], now["group"])


def test_one_by_one_and_then_the_group_give_the_same_table(tmp_path: Path) -> None:
    put(tmp_path, STUDY)
    run(tmp_path)
    whole = (tmp_path / "out" / "visits.tsv").read_bytes()
    (tmp_path / "out").rename(tmp_path / "whole")
    for name in STUDY:
        assert run(tmp_path, "--participant-label", name) == 0
        assert not (tmp_path / "out" / "visits.tsv").exists()
    assert run(tmp_path, "--level", "group") == 0
    assert (tmp_path / "out" / "visits.tsv").read_bytes() == whole
    assert (tmp_path / "out" / "visits.json").read_bytes() == (tmp_path / "whole" / "visits.json").read_bytes()


def test_one_map_after_the_other_gives_the_same_table(tmp_path: Path) -> None:
    put(tmp_path, STUDY)
    run(tmp_path)
    whole = (tmp_path / "out" / "visits.tsv").read_bytes()
    (tmp_path / "out").rename(tmp_path / "whole")
    for name in reversed(STUDY):
        maps = (str(tmp_path / what / f"{name}.nii.gz") for what in ("lesions", "regions"))
        words = [word for pair in zip(("--lesions", "--regions"), maps, strict=True) for word in pair]
        assert main([*words, "--out-dir", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "visits.tsv").read_bytes() == whole


def test_without_a_second_visit_there_is_no_table(tmp_path: Path) -> None:
    put(tmp_path, STUDY)
    run(tmp_path)
    for name in ("sub-1_ses-2", "sub-1_ses-10"):
        for what in ("lesions", "regions"):
            (tmp_path / what / f"{name}.nii.gz").unlink()
    assert run(tmp_path) == 0
    assert not list((tmp_path / "out").glob("visits.*"))


def test_what_makes_visits_differ_stands_beside_the_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice the voxel size: the same lesion, measured in another way."""
    put(tmp_path, {"a_ses-1": {3: 4}})
    put(tmp_path, {"a_ses-2": {3: 4}}, spacing_mm=4.0)
    run(tmp_path)
    assert {row["flags"] for row in visits(tmp_path)} == {"absent_regions;other_voxels;regions_differ"}
    assert "a_ses-2: +0.224 ml since a_ses-1 (absent_regions, other_voxels, regions_differ)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("on_t1", "pairs"),
    [
        ([], {"a_ses-2": "a_ses-1", "a_ses-3": "a_ses-2"}),
        (["a_ses-2"], {"a_ses-3": "a_ses-1"}),
        (["a_ses-1", "a_ses-3"], {}),
        (["a_ses-1", "a_ses-2", "a_ses-3"], {"a_ses-2": "a_ses-1", "a_ses-3": "a_ses-2"}),
    ],
)
def test_lesions_found_on_a_t1_alone_are_not_compared_with_those_of_a_flair(
    on_t1: Sequence[str], pairs: Mapping[str, str]
) -> None:
    flags = {name: ["without_flair"] if name in on_t1 else ["small_load"] for name in ("a_ses-1", "a_ses-2", "a_ses-3")}
    assert visits_before(flags) == pairs


def flags_between(
    before: Sequence[str], now: Sequence[str], spacings: Sequence[float] = (1, 1), ways: str = "xx"
) -> list[str]:
    one, other = ([1, size, 1] for size in spacings)
    return doubts((before, now), (one, other), one_way=ways == "xx")


def test_flags_are_those_that_hold_between_the_two_visits() -> None:
    """Visit 3 is compared with visit 2: that visit 1 had other voxels is no doubt about that."""
    assert flags_between(["other_voxels"], ["other_voxels", "high_load"]) == []
    assert flags_between([], ["no_lesion"], (1, 2)) == ["no_lesion", "other_voxels"]
    assert flags_between(["other_scans"], ["other_scans"]) == []
    assert flags_between(["other_scans"], ["weak_fit", "small_load"]) == ["weak_fit", "small_load", "other_scans"]
    assert flags_between([], [], ways="xy") == ["other_method"]


def test_one_visit_edited_by_hand_is_said(tmp_path: Path) -> None:
    """Both maps were predicted, and one was corrected since."""
    put(tmp_path, {"a_ses-1": {3: 4}, "a_ses-2": {3: 9}})
    made = {"lesions_by": "network", "regions_by": "network"}
    cases = {name: {**made, "scans": {}, "notes": []} for name in ("a_ses-1", "a_ses-2")}
    (tmp_path / "predict.json").write_text(json.dumps({"cases": cases}))
    run(tmp_path)
    assert {row["flags"] for row in visits(tmp_path)} == {"absent_regions;small_load;same_regions"}
    cases["a_ses-2"]["lesions_by"] = "edited"
    (tmp_path / "predict.json").write_text(json.dumps({"cases": cases}))
    run(tmp_path)
    assert {row["flags"] for row in visits(tmp_path)} == {"absent_regions;small_load;other_method;same_regions"}


def test_visits_that_are_passed_over_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, {"a_ses-1_run-1": {3: 4}, "a_ses-1_run-2": {3: 5}, "a_ses-2": {3: 6}, "b_ses-1": {3: 7}})
    run(tmp_path)
    err = capsys.readouterr().err
    assert "note: compared with no other visit of the person: a_ses-1_run-2 (lesions were found on a T1" in err
    assert "alphabet" not in err


def test_an_order_that_the_names_do_not_give_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, {"a_ses-pear": {3: 4}, "a_ses-apple": {3: 6}})
    run(tmp_path)
    assert {row["previous_visit"] for row in visits(tmp_path)} == {"a_ses-apple"}
    said = "names do not say when these visits were: a_ses-apple, a_ses-pear; they are in the order of the alphabet"
    assert said in capsys.readouterr().err


def test_the_table_uses_the_flags_that_a_comparison_with_others_shows(tmp_path: Path) -> None:
    """A lesion map that was copied from the visit before: a difference of exactly 0, for the wrong reason."""
    put(tmp_path, {"a_ses-1": {3: 4}, "a_ses-2": {3: 4}})
    run(tmp_path)
    assert all("same_lesions" in row["flags"] for row in visits(tmp_path))
    summary = json.loads((tmp_path / "out" / "localize.json").read_text())
    assert all("same_lesions" in about["flags"] for about in summary["subjects"].values())
