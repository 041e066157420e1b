"""What people really give to localize: one folder twice, files of other tools, one person at a time, probabilities."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm import evaluate, localize
from yucca_wm.core.errors import InputError
from yucca_wm.localize.__main__ import main
from yucca_wm.localize.terminal import COUNTED

AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])
"""Voxels of 6 mm3."""

SHAPE = (12, 10, 8)


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def regions() -> np.ndarray:
    """Regions 1 (240 voxels) and 18 (the same on the right), a gap between."""
    data = np.zeros(SHAPE, np.uint8)
    data[:5, 1:9, 1:7] = 1
    data[7:, 1:9, 1:7] = 18
    return data


def lesions(voxels: int = 10, label: int = 1) -> np.ndarray:
    """So many voxels of region 1."""
    data = np.zeros(SHAPE, np.uint8)
    inside = np.argwhere(regions() == 1)[:voxels]
    data[tuple(inside.T)] = label
    return data


def rows(out: Path, name: str = "lesion_load.tsv") -> list[dict[str, str]]:
    with (out / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def total_ml(out: Path) -> dict[str, float]:
    return {row["subject"]: float(row["lesion_volume_ml"]) for row in rows(out) if row["name"] == "total"}


def run(tmp_path: Path, *more: object) -> int:
    return main(["--out_dir", str(tmp_path / "out"), "--jobs", "1", *map(str, more)])


def maps(tmp_path: Path, *names: str) -> None:
    """Of each name a lesion map, 10 voxels more than of the one before, and a region map."""
    for number, name in enumerate(names, start=1):
        save(tmp_path / "lesions" / f"{name}.nii.gz", lesions(10 * number))
        save(tmp_path / "regions" / f"{name}.nii.gz", regions())


# A4: the same on both sides


def test_one_folder_for_lesions_and_regions_is_an_error(tmp_path: Path) -> None:
    maps(tmp_path, "a", "b")
    (tmp_path / "link").symlink_to(tmp_path / "lesions")
    for other in ("lesions", "link"):
        with pytest.raises(InputError, match="as lesion maps and as region maps"):
            run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / other)


def test_one_file_for_lesions_and_regions_is_an_error(tmp_path: Path) -> None:
    maps(tmp_path, "a")
    with pytest.raises(InputError, match="as lesion maps and as region maps"):
        run(tmp_path, "--lesions", tmp_path / "lesions/a.nii.gz", "--regions", tmp_path / "lesions/a.nii.gz")


@pytest.mark.parametrize("how", ["link", "hard link", "copy"])
def test_the_lesion_map_under_another_name_is_no_region_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    maps(tmp_path, "a", "b")
    lesion, region = tmp_path / "lesions/a.nii.gz", tmp_path / "regions/a.nii.gz"
    region.unlink()
    if how == "link":
        region.symlink_to(lesion)
    elif how == "hard link":
        region.hardlink_to(lesion)
    else:
        shutil.copyfile(lesion, region)
    assert run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions") == 1
    said = capsys.readouterr().err
    assert "error: a: " in said
    assert (
        "same voxels as the region map" in said if how == "copy" else "is given as lesion map and as region map" in said
    )
    assert total_ml(tmp_path / "out") == {"b": pytest.approx(20 * 0.006)}


@pytest.mark.parametrize(
    ("used", "flagged"),
    [
        ({"a": "T1+FLAIR", "b": "FLAIR", "c": "T1+FLAIR"}, {"b": ("FLAIR alone", "T1 and FLAIR")}),
        ({"a": "FLAIR", "b": "FLAIR", "c": "T1+FLAIR"}, {"c": ("T1 and FLAIR", "FLAIR alone")}),
        ({"a": "FLAIR", "b": "T1+FLAIR"}, {"a": ("FLAIR alone", "T1 and FLAIR")}),  # as many
        ({"a": "FLAIR", "b": "FLAIR", "c": "FLAIR"}, {}),
        ({"a": "FLAIR", "c": "FLAIR"}, {}),
        ({}, {}),
    ],
)
def test_people_predicted_from_other_scans_than_most_are_flagged(
    tmp_path: Path, used: dict[str, str], flagged: dict[str, tuple[str, str]]
) -> None:
    """By the account of predict beside the maps; of as many, the fewer scans are the odd ones; who is not in the
    account has a map of another tool."""
    maps(tmp_path, "a", "b", "c")
    cases = {name: {"scans": {key: {} for key in scans.split("+")}, "notes": []} for name, scans in used.items()}
    (tmp_path / "predict.json").write_text(json.dumps({"cases": cases}))
    assert run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions") == 0
    about = json.loads((tmp_path / "out/localize.json").read_text())["subjects"]
    said = {name: own["flags"]["other_scans"] for name, own in about.items() if "other_scans" in own["flags"]}
    whose = "as many other" if len(used) == 2 else "most"
    assert said == {
        name: f"lesions were searched for on {own}, in {whose} subjects on {usual}"
        for name, (own, usual) in flagged.items()
    }


@pytest.mark.parametrize("how", ["folder", "one by one", "table"])
def test_people_with_one_lesion_map_are_flagged(tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str) -> None:
    """A file that was copied, a line of a table that was filled down; maps without lesions are alike rightly."""
    maps(tmp_path, "a", "b", "c")
    for name in ("d", "e"):
        save(tmp_path / f"lesions/{name}.nii.gz", lesions(0))
        save(tmp_path / f"regions/{name}.nii.gz", regions())
    shutil.copyfile(tmp_path / "lesions/a.nii.gz", tmp_path / "lesions/c.nii.gz")
    sides = ("--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions")
    if how == "folder":
        assert run(tmp_path, *sides) == 0
    elif how == "one by one":
        for name in "acbde":
            assert run(tmp_path, "--lesions", tmp_path / f"lesions/{name}.nii.gz", *sides[2:]) == 0
    else:
        lines = [f"{name}\tlesions/{'a' if name == 'c' else name}.nii.gz\tregions/{name}.nii.gz" for name in "abcde"]
        (tmp_path / "people.tsv").write_text("\n".join(["subject\tlesions\tregions", *lines]) + "\n")
        assert run(tmp_path, "--cohort", tmp_path / "people.tsv") == 0
    assert "2 of 5 subjects (a, c): the lesion map of another subject, byte for byte" in capsys.readouterr().err
    about = json.loads((tmp_path / "out/localize.json").read_text())["subjects"]
    flagged = {name: own["flags"]["same_lesions"] for name, own in about.items() if "same_lesions" in own["flags"]}
    assert flagged == {f"{one}": f"the lesion map is that of {other}, byte for byte" for one, other in ("ac", "ca")}
    save(tmp_path / "lesions/c.nii.gz", lesions(25))
    (tmp_path / "people.tsv").unlink(missing_ok=True)
    assert run(tmp_path, *sides) == 0
    assert "same_lesions" not in (tmp_path / "out/localize.json").read_text()
    capsys.readouterr()


def test_a_tissue_map_is_no_region_map(tmp_path: Path) -> None:
    """Its labels, 1 to 7, would all be regions of the left side; a map of these seven and another region is one."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:8] = np.arange(1, 8)[:, None, None]
    save(tmp_path / "lesions/a.nii.gz", lesions())
    for further, refused in ((0, True), (20, False)):
        labels[9] = further
        save(tmp_path / "regions/a.nii.gz", labels)
        if refused:
            with pytest.raises(InputError, match=r"a.nii.gz: has the labels of a tissue map \(1 to 7\), not those of"):
                localize(tmp_path / "lesions/a.nii.gz", tmp_path / "regions/a.nii.gz")
            with pytest.raises(InputError, match=r"a.nii.gz: has the labels of a tissue map \(1 to 7\), not those of"):
                evaluate(tmp_path / "regions/a.nii.gz", regions(), kind="regions", affine=AFFINE)
        else:
            localize(tmp_path / "lesions/a.nii.gz", tmp_path / "regions/a.nii.gz")


# B15: one person at a time


def test_one_person_at_a_time_adds_up_to_what_a_folder_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps(tmp_path, "s1", "s2", "s10")
    assert run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions", "--maps") == 0
    (tmp_path / "out").rename(tmp_path / "whole")
    head, *of_each, done = capsys.readouterr().out.splitlines()
    assert head.split() == ["subject", "lesion", "ml", "%", "of", "regions", "lesions"]
    assert [line.split()[:2] for line in of_each] == [["s1", "0.060"], ["s2", "0.120"], ["s10", "0.180"]]
    assert done.startswith("3 subjects localized; ")
    for name, volume in (("s10", "0.180"), ("s1", "0.060"), ("s2", "0.120")):
        pair = (tmp_path / f"lesions/{name}.nii.gz", tmp_path / f"regions/{name}.nii.gz")
        assert run(tmp_path, "--lesions", pair[0], "--regions", pair[1], "--maps") == 0
        head, *_, total, unaffected, counted, localized = capsys.readouterr().out.splitlines()
        assert head.split() == ["region", "lesion", "ml", "%", "of", "region", "lesions"]
        assert total.split()[:2] == ["total", volume]
        assert unaffected.endswith("regions contain no lesion voxels")
        assert counted == COUNTED
        assert " localized; " in localized
    assert total_ml(tmp_path / "out") == pytest.approx({"s1": 0.06, "s2": 0.12, "s10": 0.18})
    assert list(total_ml(tmp_path / "out")) == ["s1", "s2", "s10"]
    for name in ("lesion_load.tsv", "lesion_load_wide.tsv", "lesions.tsv", "maps/s1.nii.gz", "heat_map.svg"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert "removed" not in capsys.readouterr().err


def test_people_predicted_from_one_scan_are_flagged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps(tmp_path, "a", "b", "c", "d")
    digests = {"a": ("1", "2"), "b": ("1", "3"), "c": ("4", "2"), "d": (None, "5")}
    cases = {
        name: {"scans": {m: {"voxels_sha256": digest} for m, digest in (("T1", t1), ("FLAIR", flair)) if digest}}
        for name, (t1, flair) in digests.items()
    }
    (tmp_path / "predict.json").write_text(json.dumps({"cases": cases}))
    assert run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions") == 0
    about = json.loads((tmp_path / "out/localize.json").read_text())["subjects"]
    assert {name: own["flags"]["same_scan"] for name, own in about.items() if "same_scan" in own["flags"]} == {
        "a": "the T1 is that of b, voxel for voxel; the FLAIR is that of c, voxel for voxel",
        "b": "the T1 is that of a, voxel for voxel",
        "c": "the FLAIR is that of a, voxel for voxel",
    }
    assert "3 of 4 subjects (a, b, c): a scan of another subject, voxel for voxel" in capsys.readouterr().err


@pytest.mark.parametrize(("specks", "blocks", "flagged"), [(2, 1, True), (0, 0, False), (0, 5, False)])
def test_small_loads_that_the_package_found_are_flagged(
    specks: int, blocks: int, flagged: bool, tmp_path: Path
) -> None:
    """Of 100 mm3 a voxel: specks of one, blocks of four (.4 ml; five of them are 2 ml, which is not small any more).
    Nothing is said of nothing, nor of what others found. A speck is under .02 ml: of .1 ml, none is."""
    affine = np.diag([10.0, 5.0, 2.0, 1.0])
    data = np.zeros((30, 10, 8), np.uint8)
    for place in range(specks + blocks):
        data[4 * place, 2 : 3 + 3 * (place >= specks), 2] = 1
    for name in ("ours", "theirs"):
        save(tmp_path / f"lesions/{name}.nii.gz", data, affine)
        save(tmp_path / f"regions/{name}.nii.gz", np.full(data.shape, 3, np.uint8), affine)
    cases = {
        name: {"scans": {"FLAIR": {}}, "notes": [], "lesions_by": by}
        for name, by in (("ours", "network"), ("theirs", "own model"))
    }
    (tmp_path / "predict.json").write_text(json.dumps({"cases": cases}))
    assert run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions") == 0
    about = json.loads((tmp_path / "out/localize.json").read_text())["subjects"]
    assert [name for name, own in about.items() if "small_load" in own["flags"]] == ["ours"] * flagged
    if flagged:
        assert about["ours"]["flags"]["small_load"].endswith("look at each lesion (here 0 of 3 are under 0.02 ml)")


RECORDS: dict[str, dict[str, object]] = {
    "none": {},
    "network": {"lesions_by": "network"},
    "on a T1": {"lesions_by": "network", "notes": ["..."], "notes_about": ["without_flair"]},
    "own model": {"lesions_by": "own model"},
}
RAISED = {"none": set[str](), "network": {"small_load"}, "on a T1": {"small_load", "without_flair"}, "own model": set()}


@pytest.mark.parametrize("how", ["folder", "levels", "one by one"])
@pytest.mark.parametrize(
    ("before", "after"), [("none", "network"), ("network", "none"), ("network", "on a T1"), ("own model", "network")]
)
def test_flags_follow_the_record_of_predict_though_the_maps_are_the_same(
    before: str, after: str, how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both have 10 and 20 voxels of 6 mm3, small loads. a's record changes; b's stays."""
    maps(tmp_path, "a", "b")

    def recorded(record: str) -> None:
        own = {"a": RECORDS[record], "b": RECORDS["network"]}
        cases = {name: {"scans": {"T1": {}}, "notes": [], **said} for name, said in own.items() if said}
        (tmp_path / "predict.json").write_text(json.dumps({"cases": cases}))

    def localized(*also: object) -> int:
        return run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions", *also)

    def of_a(name: str = "a") -> int:
        files = tmp_path / f"lesions/{name}.nii.gz", tmp_path / f"regions/{name}.nii.gz"
        return run(tmp_path, "--lesions", files[0], "--regions", files[1])

    def flags() -> dict[str, set[str]]:
        about = json.loads((tmp_path / "out/localize.json").read_text())["subjects"]
        return {name: own["flags"].keys() & {"small_load", "without_flair"} for name, own in about.items()}

    recorded(before)
    if how == "one by one":
        assert of_a() == of_a("b") == 0
    else:
        assert localized() == 0
    assert flags() == {"a": RAISED[before], "b": RAISED["network"]}
    recorded(after)
    capsys.readouterr()
    if how == "levels":
        assert localized("--level", "group") == 1
        assert "a: was done with other files; run it at the participant level again" in capsys.readouterr().err
        assert localized("--level", "participant") == localized("--level", "group") == 0
    elif how == "one by one":
        assert of_a("b") == 0
        assert "note: a: what predict recorded about it has changed since; localize it again" in capsys.readouterr().err
        assert of_a() == 0
    else:
        assert localized() == 0
    assert flags() == {"a": RAISED[after], "b": RAISED["network"]}


MIRRORED = np.diag([-1.0, 2.0, 3.0, 1.0]) + np.outer([11.0, 0, 0, 0], [0, 0, 0, 1])


@pytest.mark.parametrize(
    ("change", "flagged"),
    [
        (lambda data: (data, AFFINE), False),
        (lambda data: (data[::-1], MIRRORED), False),
        (lambda data: (data[1:, 2:], AFFINE + np.outer([1.0, 4.0, 0, 0], [0, 0, 0, 1])), False),
        (lambda data: (data, AFFINE + np.outer([0.3, 0, 0, 0], [0, 0, 0, 1])), True),
        (lambda data: (data[:, ::2], AFFINE @ np.diag([1.0, 2.0, 1.0, 1.0])), True),
    ],
    ids=["one grid", "stored the other way", "a part", "a third of a voxel off", "thicker"],
)
def test_maps_that_headers_alone_bring_together_are_flagged(change, flagged: bool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    maps(tmp_path, "s1")
    save(tmp_path / "regions/s1.nii.gz", *change(regions()))
    sides = ("--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions")
    assert run(tmp_path, *sides, "--resample") == 0
    flags = json.loads((tmp_path / "out/localize.json").read_text())["subjects"]["s1"]["flags"]
    assert ("by_headers" in flags) == flagged


def test_a_folder_of_regions_serves_one_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps(tmp_path, "s1", "s2")
    (tmp_path / "regions/s3.nii.gz").symlink_to(tmp_path / "gone.nii.gz")
    for name in ("s1", "s2"):
        assert run(tmp_path, "--lesions", tmp_path / f"lesions/{name}.nii.gz", "--regions", tmp_path / "regions") == 0
    assert list(total_ml(tmp_path / "out")) == ["s1", "s2"]
    capsys.readouterr()


def test_a_folder_renews_and_names_who_is_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps(tmp_path, "s1", "s2", "s10")
    sides = ("--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions")
    run(tmp_path, *sides)
    for name in ("s2", "s10"):
        (tmp_path / f"lesions/{name}.nii.gz").unlink()
        (tmp_path / f"regions/{name}.nii.gz").unlink()
    capsys.readouterr()
    assert run(tmp_path, *sides) == 0
    assert f"no longer in the tables of {tmp_path / 'out'}: s2, s10" in capsys.readouterr().err
    assert list(total_ml(tmp_path / "out")) == ["s1"]


def test_who_failed_alone_stays_in_the_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps(tmp_path, "s1", "s2")
    (tmp_path / "regions/s1.nii.gz").write_bytes(b"broken")

    def add(name: str) -> int:
        return run(tmp_path, "--lesions", tmp_path / f"lesions/{name}.nii.gz", "--regions", tmp_path / "regions")

    assert (add("s1"), add("s2")) == (1, 0)
    assert list(json.loads((tmp_path / "out/localize.json").read_text())["failures"]) == ["s1"]
    save(tmp_path / "regions/s1.nii.gz", regions())
    assert add("s1") == 0
    assert json.loads((tmp_path / "out/localize.json").read_text())["failures"] == {}
    assert list(total_ml(tmp_path / "out")) == ["s1", "s2"]
    capsys.readouterr()


def test_tables_do_not_mix_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps(tmp_path, "s1", "s2")
    run(tmp_path, "--lesions", tmp_path / "lesions/s1.nii.gz", "--regions", tmp_path / "regions")
    before = (tmp_path / "out/lesion_load.tsv").read_bytes()
    for other in (("--min-size", "50"), ("--ventricles", tmp_path / "regions/s1.nii.gz")):
        with pytest.raises(InputError, match="holds s1, done with other settings"):
            run(tmp_path, "--lesions", tmp_path / "lesions/s2.nii.gz", "--regions", tmp_path / "regions", *other)
    assert (tmp_path / "out/lesion_load.tsv").read_bytes() == before
    capsys.readouterr()


def test_two_people_whose_files_are_called_alike_are_named_by_their_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, folder in enumerate(("P1", "P2", "7/pre"), start=1):
        save(tmp_path / folder / "wmh.nii.gz", lesions(10 * number))
        save(tmp_path / folder / "wm_regions.nii.gz", regions())
        sides = ("--lesions", tmp_path / folder / "wmh.nii.gz", "--regions", tmp_path / folder / "wm_regions.nii.gz")
        assert run(tmp_path, *sides) == 0
    assert total_ml(tmp_path / "out") == pytest.approx({"P1": 0.06, "P2": 0.12, "WMH_7": 0.18})
    capsys.readouterr()


def test_another_person_of_the_same_name_does_not_take_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, site in enumerate(("siteA", "siteB"), start=1):
        save(tmp_path / site / "P1.nii.gz", lesions(10 * number))
    region = save(tmp_path / "regions.nii.gz", regions())
    assert run(tmp_path, "--lesions", tmp_path / "siteA/P1.nii.gz", "--regions", region) == 0
    with pytest.raises(InputError, match=r"is called P1, as .*siteA"):
        run(tmp_path, "--lesions", tmp_path / "siteB/P1.nii.gz", "--regions", region)
    assert total_ml(tmp_path / "out") == pytest.approx({"P1": 0.06})
    assert run(tmp_path, "--lesions", tmp_path / "siteB/P1.nii.gz", "--regions", region, "--force") == 0
    assert total_ml(tmp_path / "out") == pytest.approx({"P1": 0.12})
    capsys.readouterr()


# A5: labels that are left out


def test_labels_that_are_left_out_are_counted_in_ml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = lesions(4)
    both[7, 1, 1:4] = 2  # three voxels in region 18
    both[6, 0, 0] = 2  # one outside
    save(tmp_path / "lesions/a.nii.gz", both)
    save(tmp_path / "regions/a.nii.gz", regions())
    assert run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions") == 0
    ignored = {row["region_id"]: float(row["ignored_volume_ml"]) for row in rows(tmp_path / "out")}
    assert {place: ml for place, ml in ignored.items() if ml} == pytest.approx({"18": 0.018, "0": 0.006, "-1": 0.024})
    assert total_ml(tmp_path / "out") == pytest.approx({"a": 0.024})
    flags = json.loads((tmp_path / "out/localize.json").read_text())["subjects"]["a"]["flags"]
    assert flags["ignored_labels"] == "0.024 ml have label 2 and do not count (lesions: 0.024 ml)"
    assert "1 of 1 subject (a): lesion-map voxels whose label does not count" in capsys.readouterr().err


def test_all_labels_count_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    instances = lesions(20)
    for number, voxel in enumerate(np.argwhere(instances), start=1):
        instances[tuple(voxel)] = number  # labels 1 to 20
    save(tmp_path / "lesions/a.nii.gz", instances)
    save(tmp_path / "regions/a.nii.gz", regions())
    sides = ("--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions")
    assert run(tmp_path, *sides) == 1
    assert "--lesion-labels (all: every label)" in capsys.readouterr().err
    assert run(tmp_path, *sides, "--lesion-labels", "all", "--maps", "--bids") == 0
    assert total_ml(tmp_path / "out") == pytest.approx({"a": 0.12})
    assert {row["ignored_volume_ml"] for row in rows(tmp_path / "out")} == {"0.000000"}
    assert np.count_nonzero(nib.load(tmp_path / "out/maps/a.nii.gz").get_fdata() == 1) == 20
    assert run(tmp_path, *sides, "--lesion-labels", "all", "--ignore-labels", "3", "4") == 0
    assert total_ml(tmp_path / "out") == pytest.approx({"a": 18 * 0.006})
    capsys.readouterr()


# C24: probability maps


def probabilities() -> np.ndarray:
    """Six voxels at .6, eight at .3 and .49, one of each overshoot of interpolation."""
    data = np.zeros(SHAPE, np.float32)
    data[0, 1:7, 1] = 0.6
    data[1, 1:9, 1] = 0.3
    data[2, 1:9, 1] = 0.49
    data[3, 1, 1], data[3, 8, 6] = 1.03, -0.02
    return data


@pytest.mark.parametrize(("threshold", "voxels"), [("0.5", 7), ("0.6", 7), ("0.3", 23), ("0.9", 1)])
def test_lesion_probabilities_are_cut_at_the_threshold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], threshold: str, voxels: int
) -> None:
    save(tmp_path / "lesions/a.nii.gz", probabilities())
    save(tmp_path / "regions/a.nii.gz", regions())
    sides = ("--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions")
    assert run(tmp_path, *sides, "--threshold", threshold, "--maps") == 0
    assert total_ml(tmp_path / "out") == pytest.approx({"a": voxels * 0.006})
    assert np.count_nonzero(nib.load(tmp_path / "out/maps/a.nii.gz").get_fdata()) == voxels
    capsys.readouterr()


def test_probabilities_without_a_threshold_are_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "lesions/a.nii.gz", probabilities())
    save(tmp_path / "lesions/percent.nii.gz", probabilities() * 100)
    for name in ("a", "percent"):
        save(tmp_path / f"regions/{name}.nii.gz", regions())
    sides = ("--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions")
    assert run(tmp_path, *sides) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: a: ")]
    assert len(lines) == 1
    assert "a probability map?" in lines[0]
    assert "--threshold" in lines[0]
    assert run(tmp_path, *sides, "--threshold", "0.5") == 1
    assert "--threshold is for probabilities from 0 to 1" in capsys.readouterr().err
    for wrong in (("--threshold", "0"), ("--threshold", "50"), ("--threshold", ".5", "--lesion-labels", "2")):
        with pytest.raises(SystemExit) as stop:
            run(tmp_path, *sides, *wrong)
        assert stop.value.code == 2
    capsys.readouterr()


# B16: every candidate file is accounted for


def test_links_that_lead_nowhere_and_other_formats_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps(tmp_path, "a")
    (tmp_path / "lesions/b.nii.gz").symlink_to(tmp_path / ".git/annex/objects/gone")
    (tmp_path / "lesions/c.nrrd").write_bytes(b"NRRD0004")
    (tmp_path / "lesions/._a.nii.gz").write_bytes(b"a Mac leaves these")
    assert run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions/a.nii.gz") == 1
    errors = {line.split(": ")[1]: line for line in capsys.readouterr().err.splitlines() if line.startswith("error")}
    assert set(errors) == {"b", "c"}
    assert "leads nowhere" in errors["b"]
    assert "not read" in errors["c"]
    assert list(total_ml(tmp_path / "out")) == ["a"]
    assert set(json.loads((tmp_path / "out/localize.json").read_text())["failures"]) == {"b", "c"}


def test_mgz_is_a_candidate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps(tmp_path, "a")
    nib.save(nib.MGHImage(lesions(5).astype(np.int32), AFFINE), tmp_path / "lesions/b.mgz")
    code = run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions/a.nii.gz")
    failures = json.loads((tmp_path / "out/localize.json").read_text())["failures"]
    assert set(total_ml(tmp_path / "out")) | set(failures) == {"a", "b"}
    assert code == bool(failures)
    capsys.readouterr()


# A11: one rule for ids


def test_ids_with_and_without_sub_pair_and_near_misses_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, other in (("sub-01", "01"), ("02", "sub-02"), ("sub-003", "3"), ("4", "004")):
        save(tmp_path / "lesions" / f"{name}_lesions.nii.gz", lesions())
        save(tmp_path / "regions" / f"{other}_regions.nii.gz", regions())
    assert run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions") == 1
    said = capsys.readouterr().err
    assert set(total_ml(tmp_path / "out")) == {"sub-01", "02"}
    assert "has no partner in" in said
    assert "(3_regions looks like it)" in said
    assert "(004_regions looks like it)" in said


def test_an_exact_match_wins_over_one_without_sub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(("01", "sub-01"), start=1):
        save(tmp_path / "lesions" / f"{name}_lesions.nii.gz", lesions(10 * number))
        save(tmp_path / "regions" / f"{name}_regions.nii.gz", regions() * number)
    names = tmp_path / "names.tsv"
    names.write_text("index\tname\n1\tone\n2\ttwo\n18\teighteen\n36\tthirtysix\n")
    sides = ("--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions")
    assert run(tmp_path, *sides, "--names", names) == 0
    found = {(row["subject"], row["name"]): float(row["lesion_volume_ml"]) for row in rows(tmp_path / "out")}
    assert found["01", "one"] == pytest.approx(0.06)
    assert found["sub-01", "two"] == pytest.approx(0.12)
    capsys.readouterr()


# B20: a cohort


def wmh_cohort(root: Path) -> dict[str, float]:
    for number, name in enumerate(("2", "10"), start=1):
        save(root / "training/Utrecht" / name / "wmh.nii.gz", lesions(10 * number))
        save(root / "training/Utrecht" / name / "pre/T1.nii.gz", regions())
        save(root / f"derivatives/yucca_wm/WMH_{name}/WMH_{name}_regions.nii.gz", regions())
    return {"WMH_2": 0.06, "WMH_10": 0.12}


def bids_cohort(root: Path) -> dict[str, float]:
    for number, name in enumerate(("sub-2_ses-1", "sub-10"), start=1):
        anat = Path(*name.split("_"), "anat")
        save(root / anat / f"{name}_T1w.nii.gz", regions())
        save(root / "derivatives/tool" / anat / f"{name}_label-lesion_mask.nii.gz", lesions(10 * number))
        save(root / f"derivatives/yucca_wm/{name}/{name}_regions.nii.gz", regions())
    return {"sub-2_ses-1": 0.06, "sub-10": 0.12}


def table_cohort(root: Path) -> dict[str, float]:
    lines = ["subject\tlesions\tregions"]
    for number, name in enumerate(("P2", "P10"), start=1):
        save(root / name / "DLWMLS.nii.gz", lesions(10 * number))
        save(root / name / "labels.nii.gz", regions())
        lines.append(f"{name}\t{name}/DLWMLS.nii.gz\t{name}/labels.nii.gz")
    (root / "cohort.tsv").write_text("\n".join(lines) + "\n")
    return {"P2": 0.06, "P10": 0.12}


@pytest.mark.parametrize("make", [wmh_cohort, bids_cohort, table_cohort])
def test_a_cohort_in_every_layout_is_localized_as_it_lies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: object
) -> None:
    assert callable(make)
    expected = make(tmp_path / "cohort")
    assert run(tmp_path, "--cohort", tmp_path / "cohort", "--maps", "--bids") == 0
    assert total_ml(tmp_path / "out") == pytest.approx(expected)
    assert list(total_ml(tmp_path / "out")) == list(expected)  # 2 before 10
    for name in expected:
        assert (tmp_path / "out/maps" / f"{name}.nii.gz").is_file()
    assert len(list((tmp_path / "out/bids").rglob("*_dseg.nii.gz"))) == 2
    capsys.readouterr()


def test_who_lacks_a_map_in_a_cohort_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wmh_cohort(tmp_path / "cohort")
    shutil.rmtree(tmp_path / "cohort/derivatives/yucca_wm/WMH_10")
    save(tmp_path / "cohort/training/Utrecht/3/pre/T1.nii.gz", regions())
    assert run(tmp_path, "--cohort", tmp_path / "cohort") == 1
    failures = json.loads((tmp_path / "out/localize.json").read_text())["failures"]
    assert set(failures) == {"WMH_3", "WMH_10"}
    assert "has no lesion mask" in failures["WMH_3"]
    assert "has no region map; make it with" in failures["WMH_10"]
    capsys.readouterr()


def test_maps_from_elsewhere_take_the_place_of_a_cohorts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wmh_cohort(tmp_path / "cohort")
    for name, voxels in (("WMH_2", 3), ("WMH_10", 4), ("WMH_11", 5)):
        save(tmp_path / "predicted" / f"{name}.nii.gz", lesions(voxels))
    sides = ("--cohort", tmp_path / "cohort", "--lesions", tmp_path / "predicted")
    assert run(tmp_path, *sides) == 1
    assert total_ml(tmp_path / "out") == pytest.approx({"WMH_2": 0.018, "WMH_10": 0.024})
    assert "WMH_11: " in (said := capsys.readouterr().err)
    assert "does not match any subject of the cohort" in said


def test_region_maps_on_the_t1s_grid_are_brought_to_the_lesions_of_a_cohort(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table_cohort(tmp_path / "cohort")
    fine = np.kron(regions(), np.ones((1, 2, 3), np.uint8))  # 1 mm, each voxel in the middle of six
    affine = np.eye(4)
    affine[:3, 3] = (0, -0.5, -1)
    save(tmp_path / "cohort/P2/labels.nii.gz", fine, affine)
    assert run(tmp_path, "--cohort", tmp_path / "cohort") == 0
    own = {row["name"]: row for row in rows(tmp_path / "out") if row["subject"] == "P2"}
    other = {row["name"]: row for row in rows(tmp_path / "out") if row["subject"] == "P10"}
    assert float(own["total"]["lesion_volume_ml"]) == pytest.approx(0.06)
    assert float(own["outside"]["lesion_volume_ml"]) == 0
    assert [row["region_voxels"] for row in own.values()] == [row["region_voxels"] for row in other.values()]
    capsys.readouterr()


@pytest.mark.parametrize(
    "wrong", [(), ("--lesions", "x"), ("--lesions", "x", "--regions", "y", "--layout", "wmh"), ("--cohort",)]
)
def test_what_does_not_say_where_the_maps_are_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run(tmp_path, *wrong)
    assert stop.value.code == 2
    capsys.readouterr()


# B19: what parcellate leaves


@pytest.mark.parametrize("deep", [False, True])
def test_what_parcellate_leaves_beside_a_region_map_is_no_region_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], deep: bool
) -> None:
    for name in ("sub-01", "P1"):
        save(tmp_path / "lesions" / f"{name}_lesions.nii.gz", lesions())
        folder = tmp_path / "regions" / name if deep else tmp_path / "regions"
        save(folder / f"{name}_regions.nii.gz", regions())
        save(folder / f"{name}_regions_unmasked.nii.gz", regions())
        save(folder / f"{name}_regions_warp.nii.gz", np.zeros((*SHAPE, 1, 3), np.float32))
        for ending in ("_affine.tfm", ".json", ".png"):
            (folder / f"{name}_regions{ending}").write_text("{}")
    assert run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions") == 0
    assert set(total_ml(tmp_path / "out")) == {"sub-01", "P1"}
    entry = json.loads((tmp_path / "out/localize.json").read_text())["subjects"]["P1"]
    assert entry["regions"].endswith("P1_regions.nii.gz")
    capsys.readouterr()


def test_region_maps_of_one_cohort_made_in_two_ways_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after ``parcellate --participant-label b --transform deformable``; c is of another tool."""
    maps(tmp_path, "a", "b", "c", "d")
    settings = {"transform": "affine", "fill_mm": 3.0}
    for name in "abd":
        (tmp_path / f"regions/{name}.json").write_text(json.dumps({"settings": settings, "doubts": []}))
    sides = ("--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions")
    assert run(tmp_path, *sides) == 0
    assert "were made with" not in capsys.readouterr().err
    other = {"settings": settings | {"transform": "deformable"}, "doubts": []}
    (tmp_path / "regions/b.json").write_text(json.dumps(other))
    assert run(tmp_path, *sides) == 0
    assert "note: region maps of b were made with another transform than the others'" in capsys.readouterr().err
    pair = ("--lesions", tmp_path / "lesions/a.nii.gz", "--regions", tmp_path / "regions/a.nii.gz")
    assert run(tmp_path, *pair) == 0  # one that is added to them
    assert "note: region maps of b were made with another transform than the others'" in capsys.readouterr().err


def test_unmasked_maps_by_themselves_are_region_maps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "lesions/P1.nii.gz", lesions())
    save(tmp_path / "unmasked/P1_regions_unmasked.nii.gz", regions())
    assert run(tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "unmasked") == 0
    assert set(total_ml(tmp_path / "out")) == {"P1"}
    capsys.readouterr()


@pytest.mark.shared_data
def test_nichart_people_through_a_table(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Real files of another tool, named by folder, lesions on the FLAIR's grid and regions on the T1's: three people,
    Subj15's FLAIR does not lie on its T1."""
    from yucca_wm.parcellate.__main__ import main as parcellate

    source = shared_data / "real/nichart"
    if not source.is_dir():
        pytest.skip("no real scans beside this checkout")
    lines = ["subject\tt1\tflair\twm\tlesions"]
    files = ("T1", "FLAIR", "DLMUSE", "DLWMLS")
    people = ("Subj2", "Subj4", "Subj15")
    lines += ["\t".join([name, *(f"{source}/{name}/{file}.nii.gz" for file in files)]) for name in people]
    (tmp_path / "table.tsv").write_text("\n".join(lines) + "\n")
    labels = ["--atlas-wm", f"{shared_data}/atlas/36_labels_merged_only_WM.nii.gz", "--no-picture"]
    labels += ["--atlas-labels", f"{shared_data}/atlas/36_labels_merged.nii.gz"]
    labels += ["--wm-labels", *map(str, range(81, 89))]
    code = parcellate(["--cohort", str(tmp_path / "table.tsv"), "--jobs", "1", *labels])
    assert code == 0
    assert run(tmp_path, "--cohort", tmp_path / "table.tsv") == 0
    summary = json.loads((tmp_path / "out/localize.json").read_text())["subjects"]
    assert list(summary) == list(people)
    assert [name for name, about in summary.items() if "high_outside" in about["flags"]] == ["Subj15"]
    volumes = {name: int(np.count_nonzero(nib.load(source / name / "DLWMLS.nii.gz").get_fdata())) for name in people}
    left = {
        name: about["voxels"]["total"] + about["voxels"]["removed_below_min_size"] for name, about in summary.items()
    }
    assert left == volumes
    capsys.readouterr()


def test_who_is_there_already_and_fails_alone_stays_as_before_and_this_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps(tmp_path, "s1", "s2")
    sides = ("--lesions", tmp_path / "lesions/s1.nii.gz", "--regions", tmp_path / "regions")
    assert run(tmp_path, *sides) == 0
    (tmp_path / "lesions/s1.nii.gz").write_bytes(b"broken")
    capsys.readouterr()
    assert run(tmp_path, *sides) == 1
    said = capsys.readouterr()
    assert f"no subject could be localized: {tmp_path / 'out'} is unchanged" in said.err
    assert "keeps the reason" not in said.out
    assert list(total_ml(tmp_path / "out")) == ["s1"]


@pytest.mark.parametrize("about", ["weak_fit", "cut_off", "partly_one_scan", "without_flair"])
def test_doubts_about_scans_go_with_their_regions_too(about: str, tmp_path: Path) -> None:
    """Regions of predict under lesions of one's own: what was said of the lesions found there is not said of these."""
    maps(tmp_path, "a", "b")
    (tmp_path / "lesions").rename(tmp_path / "drawn")
    own = {"scans": {"T1": {}}, "notes": ["..."], "notes_about": [about], "lesions_by": "network"}
    (tmp_path / "predict.json").write_text(json.dumps({"cases": {"a": own}}))
    away = tmp_path / "mine"
    away.mkdir()
    (tmp_path / "drawn").rename(away / "drawn")
    assert run(tmp_path, "--lesions", away / "drawn", "--regions", tmp_path / "regions") == 0
    subjects = json.loads((tmp_path / "out/localize.json").read_text())["subjects"]
    raised = {name: found["flags"].keys() - {"absent_regions"} for name, found in subjects.items()}
    assert raised == {"a": {about} & {"weak_fit", "cut_off"}, "b": set()}


def test_one_lesion_map_is_not_that_of_a_whole_cohort(tmp_path: Path) -> None:
    maps(tmp_path, "a", "b")
    lines = [f"{name}\tlesions/{name}.nii.gz\tregions/{name}.nii.gz\n" for name in "ab"]
    (tmp_path / "cohort.tsv").write_text("subject\tlesions\tregions\n" + "".join(lines))
    with pytest.raises(InputError, match="is one lesion map, but the cohort has 2 subjects"):
        run(tmp_path, "--cohort", tmp_path / "cohort.tsv", "--lesions", tmp_path / "lesions/a.nii.gz")


def test_a_name_in_bids_is_not_given_twice_one_by_one(tmp_path: Path) -> None:
    maps(tmp_path, "WMH_0", "WMH0")
    pairs = [(tmp_path / f"lesions/{name}.nii.gz", tmp_path / f"regions/{name}.nii.gz") for name in ("WMH_0", "WMH0")]
    assert run(tmp_path, "--lesions", pairs[0][0], "--regions", pairs[0][1], "--bids") == 0
    with pytest.raises(InputError, match="subjects WMH_0 and WMH0 are both sub-WMH0 in BIDS"):
        run(tmp_path, "--lesions", pairs[1][0], "--regions", pairs[1][1], "--bids")
    assert list(total_ml(tmp_path / "out")) == ["WMH_0"]


def test_two_files_of_one_name_are_not_taken_for_one(tmp_path: Path) -> None:
    maps(tmp_path, "a", "b")
    for name in ("a.nii", "a.nii.gz", "b.nii.gz"):
        save(tmp_path / "t1" / name, lesions(3))
    with pytest.raises(InputError, match=r"t1: holds a.nii.* and a.nii.*; keep one of them"):
        run(
            tmp_path, "--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions",
            "--t1-lesions", tmp_path / "t1", "--flair-lesions", tmp_path / "lesions",
        )  # fmt: skip


def test_probabilities_of_predict_are_before_its_rules_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only those: other tools' maps, in a folder of that name, are what they are."""
    save(tmp_path / "lesions_probability/a.nii.gz", probabilities())
    save(tmp_path / "regions/a.nii.gz", np.full(probabilities().shape, 3, np.uint8))
    words = ["--lesions", tmp_path / "lesions_probability", "--regions", tmp_path / "regions", "--threshold", "0.4"]
    said = "holds probabilities before the rules that remove false lesions"
    assert run(tmp_path, *words) == 0
    assert said not in capsys.readouterr().err
    (tmp_path / "predict.json").write_text(json.dumps({"cases": {"a": {"scans": {}, "notes": []}}}))
    assert run(tmp_path, *words) == 0
    assert said in capsys.readouterr().err
