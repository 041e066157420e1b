"""An atlas of one's own, with a table of its own whose numbers the built-in table has, too: no later step may give its
regions the built-in names."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import yucca_wm as yw
from yucca_wm.atlas.maps import load_atlas
from yucca_wm.atlas.viewers import show, write_tables
from yucca_wm.core.regions import RegionTable, read_table, regions
from yucca_wm.evaluate.__main__ import main as evaluate
from yucca_wm.imaging.images import load_labels, save
from yucca_wm.imaging.label_names import stated_names
from yucca_wm.imaging.reading import Headers, reading
from yucca_wm.localize.__main__ import main as localize
from yucca_wm.localize.inputs.pairs import Maps
from yucca_wm.localize.inputs.reading import read_maps
from yucca_wm.localize.inputs.records import mixed_settings
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.parcellate.__main__ import main as parcellate
from yucca_wm.tasks.case import load_map
from yucca_wm.tasks.definition import Target

from .conftest import AtlasFiles, scan, turned

OTHER = "calls label 11 front_L, the region table orbitofrontal_L (4 labels with other names)"
REFUSED = f"{OTHER}; give the table that it was made with: "


@pytest.fixture(scope="module")
def study(atlas_files: AtlasFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four regions, numbered 11 to 14, their table, one person's white matter, and one lesion of two voxels."""
    study = tmp_path_factory.mktemp("own")
    labels = load_labels(atlas_files.labels)
    right, front = (labels.data > 17).astype(np.uint8), ((labels.data - 1) % 17 % 8 >= 4).astype(np.uint8)
    four = np.where(labels.data > 0, 11 + 2 * right + (1 - front), 0).astype(np.uint8)
    save(labels.with_data(four), study / "atlas.nii.gz")
    (study / "four.tsv").write_text("index\tname\n11\tfront_L\n12\tback_L\n13\tfront_R\n14\tback_R\n")
    person = scan(turned((3, 2, -4), (1.02, 1, 0.98)), (4, 4, 4))
    save(person.wm, study / "wm.nii.gz")
    words = ["--atlas-wm", str(atlas_files.wm), "--atlas-labels", str(study / "atlas.nii.gz"), "--no-picture"]
    words += ["--wm", str(study / "wm.nii.gz"), "--names", str(study / "four.tsv")]
    assert parcellate([*words, "--out", str(study / "s_regions.nii.gz")]) == 0
    regions = load_labels(study / "s_regions.nii.gz")
    lesion = np.zeros(regions.data.shape, np.uint8)
    voxels = np.argwhere(regions.data == 14)
    lesion[tuple(voxels[len(voxels) // 2])] = 1
    save(regions.with_data(lesion), study / "s_lesions.nii.gz")
    return study


@pytest.mark.parametrize("named", [False, True])
def test_localize(study: Path, named: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the table, label 14 would be a region of the built-in one."""
    words = ["--lesions", str(study / "s_lesions.nii.gz"), "--regions", str(study / "s_regions.nii.gz")]
    words += ["--out-dir", str(tmp_path), *(["--names", str(study / "four.tsv")] if named else [])]
    assert localize(words) == (0 if named else 1)
    if not named:
        assert f"{study}/s_regions.nii.gz: {REFUSED}--names" in capsys.readouterr().err
        return
    with (tmp_path / "lesion_load.tsv").open(encoding="utf-8", newline="") as stream:
        rows = {row["name"]: row["n_lesions"] for row in csv.DictReader(stream, delimiter="\t")}
    assert rows == {"front_L": "0", "back_L": "0", "front_R": "0", "back_R": "1", "outside": "0", "total": "1"}


def test_evaluate(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--pred", str(study / "s_regions.nii.gz"), "--gt", str(study / "s_regions_unmasked.nii.gz")]
    words += ["--regions", "--out-dir", str(tmp_path)]
    assert evaluate(words) == 1
    assert f"{REFUSED}--names" in capsys.readouterr().err
    assert evaluate([*words, "--names", str(study / "four.tsv")]) == 0


def test_of_few_regions_without_names_a_task_says_that_it_names_them(study: Path, tmp_path: Path) -> None:
    save(load_labels(study / "s_regions.nii.gz"), tmp_path / "unnamed.nii.gz")
    for path, noted in ((tmp_path / "unnamed.nii.gz", True), (study / "s_regions.nii.gz", False)):
        with reading(Headers()) as notes:
            load_map(path, Target.REGIONS)
        assert [line.partition(":")[0] for line in notes] == [
            "a region map has fewer than half of the 34 regions"
        ] * noted


def test_a_map_without_names_that_lacks_most_regions_may_be_of_others(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In `localize` and `evaluate`; not with a table, and not if it states the built-in names."""
    unnamed, lesions = tmp_path / "s_regions.nii.gz", study / "s_lesions.nii.gz"
    save(load_labels(study / "s_regions.nii.gz"), unnamed)
    said = "a region map has fewer than half of the 34 regions: if its labels are others, name them with --names"
    words = ["--lesions", str(lesions), "--regions", str(unnamed), "--out-dir", str(tmp_path / "out")]
    assert localize(words) == 0
    assert said in capsys.readouterr().err
    assert localize([*words, "--names", str(study / "four.tsv")]) == 0
    assert said not in capsys.readouterr().err
    again = shutil.copy(unnamed, tmp_path / "s_again.nii.gz")
    both = ["--pred", str(unnamed), "--gt", str(again), "--kind", "regions", "--out-dir", str(tmp_path / "scores")]
    assert evaluate(both) == 0
    assert said in capsys.readouterr().err
    save(load_labels(unnamed), unnamed, regions().names)
    assert localize([*words[:-1], str(tmp_path / "named")]) == 0
    assert said not in capsys.readouterr().err


def test_labels_that_are_in_no_table_may_need_one(study: Path, tmp_path: Path) -> None:
    found = load_labels(study / "s_regions.nii.gz")
    for labels, said in (
        (np.where(found.data > 0, found.data + 100, 0), "holds labels .* 111, .* name its labels with names="),
        (
            np.where(found.data > 0, 1 + np.arange(found.data.size).reshape(found.data.shape) % 7, 0),
            "names= if these are",
        ),
    ):
        save(found.with_data(labels.astype(np.uint8)), tmp_path / "s_regions.nii.gz")
        with pytest.raises(yw.InputError, match=said):
            yw.localize(study / "s_lesions.nii.gz", tmp_path / "s_regions.nii.gz")


def test_one_pair_of_names_exchanged_is_seen_where_it_lies(study: Path, tmp_path: Path) -> None:
    save(load_labels(study / "s_regions.nii.gz"), tmp_path / "s_regions.nii.gz")
    names = tmp_path / "one.tsv"
    for text, said in (
        ("front_L back_R front_R back_L", "back_L lies to the right of back_R: are their names exchanged?"),
        ("front_R back_R front_L back_L", "mm to the right of those called right"),
        ("front_L back_L front_R back_R", ""),
    ):
        names.write_text("index\tname\n" + "".join(f"{11 + n}\t{name}\n" for n, name in enumerate(text.split())))
        flags = yw.localize(study / "s_lesions.nii.gz", tmp_path / "s_regions.nii.gz", names=names).flags
        assert said in flags.get("sides_swapped", "")
        assert ("sides_swapped" in flags) == bool(said)


def test_numbers_with_each_others_names_are_refused_and_new_names_noted(study: Path, tmp_path: Path) -> None:
    """Left and right exchanged: the same set of names. In German: nothing is wrong, but somebody should know."""
    lesions, regions = study / "s_lesions.nii.gz", study / "s_regions.nii.gz"
    (tmp_path / "exchanged.tsv").write_text("index\tname\n11\tfront_R\n12\tback_R\n13\tfront_L\n14\tback_L\n")
    (tmp_path / "german.tsv").write_text("index\tname\n11\tvorn_L\n12\thinten_L\n13\tvorn_R\n14\thinten_R\n")
    with pytest.raises(yw.InputError, match="calls label 11 front_L, the region table front_R"):
        yw.localize(lesions, regions, names=tmp_path / "exchanged.tsv")
    with reading(Headers()) as notes:
        read_maps(Maps("s", lesions, regions), read_table(tmp_path / "german.tsv"), Settings())
    assert "the region map calls label 11 front_L, the region table vorn_L" in next(iter(notes))


def test_evaluate_in_python(study: Path, atlas_files: AtlasFiles) -> None:
    atlas = {"atlas_wm": atlas_files.wm, "atlas_labels": study / "atlas.nii.gz", "names": study / "four.tsv"}
    made = yw.parcellate(wm=study / "wm.nii.gz", **atlas)
    for first, second in ((made.regions, study / "s_lesions.nii.gz"), (made.regions, made.unmasked)):
        with pytest.raises(yw.InputError):
            yw.evaluate(first, second, kind="regions")
    assert yw.evaluate(made.regions, made.unmasked, names=study / "four.tsv")["name"].tolist() == [
        "front_L", "back_L", "front_R", "back_R",
    ]  # fmt: skip


def test_in_python(study: Path, atlas_files: AtlasFiles) -> None:
    atlas = {"atlas_wm": atlas_files.wm, "atlas_labels": study / "atlas.nii.gz", "names": study / "four.tsv"}
    made = yw.parcellate(wm=study / "wm.nii.gz", **atlas)
    lesions = study / "s_lesions.nii.gz"
    for given in (made.regions, made.unmasked, nib.load(study / "s_regions.nii.gz")):
        with pytest.raises(yw.InputError, match=r"calls label 11 front_L, .*names="):
            yw.localize(lesions, given)
        loads = yw.localize(lesions, given, names=study / "four.tsv").loads
        assert loads.set_index("name")["n_lesions"]["back_R"] == 1


@pytest.mark.parametrize("change", ["copied", "cut", "turned", "by Python"])
def test_a_map_keeps_its_names_wherever_it_goes(
    study: Path, atlas_files: AtlasFiles, change: str, tmp_path: Path
) -> None:
    """Without the record beside it."""
    found, lesions = nib.load(study / "s_regions.nii.gz"), nib.load(study / "s_lesions.nii.gz")
    if change == "cut":
        found, lesions = found.slicer[1:], lesions.slicer[1:]
    elif change == "turned":
        found, lesions = (image.as_reoriented(np.array([[1, 1], [0, -1], [2, 1]])) for image in (found, lesions))
    elif change == "by Python":
        atlas = {"atlas_wm": atlas_files.wm, "atlas_labels": study / "atlas.nii.gz", "names": study / "four.tsv"}
        found = yw.parcellate(wm=study / "wm.nii.gz", **atlas).regions
    for image, name in ((found, "x_regions.nii.gz"), (lesions, "x_lesions.nii.gz")):
        nib.save(image, tmp_path / name)
    maps = tmp_path / "x_lesions.nii.gz", tmp_path / "x_regions.nii.gz"
    with pytest.raises(yw.InputError, match="calls label 11 front_L, the region table orbitofrontal_L"):
        yw.localize(*maps)
    assert yw.localize(*maps, names=study / "four.tsv").loads.set_index("name")["n_lesions"]["back_R"] == 1


def test_names_edited_away_are_still_in_the_record(study: Path, tmp_path: Path) -> None:
    """ITK drops them from the header."""
    import SimpleITK

    for name in ("s_regions.nii.gz", "s_regions.json", "s_lesions.nii.gz"):
        shutil.copy(study / name, tmp_path / name)
    SimpleITK.WriteImage(SimpleITK.ReadImage(study / "s_regions.nii.gz"), tmp_path / "s_regions.nii.gz")
    assert stated_names(nib.load(tmp_path / "s_regions.nii.gz").header) == {}
    with pytest.raises(yw.InputError, match="calls label 11 front_L, the region table orbitofrontal_L"):
        yw.localize(tmp_path / "s_lesions.nii.gz", tmp_path / "s_regions.nii.gz")


def test_a_lesion_map_made_from_a_region_map_states_no_names(study: Path) -> None:
    assert stated_names(nib.load(study / "s_regions.nii.gz").header) == {
        11: "front_L", 12: "back_L", 13: "front_R", 14: "back_R",
    }  # fmt: skip
    assert stated_names(nib.load(study / "s_lesions.nii.gz").header) == {}


def test_an_atlas_refined_with_names_of_its_own_does_not_lose_them(atlas_files: AtlasFiles, tmp_path: Path) -> None:
    """All 34 labels, and beside them the label table that ``atlas refine --names`` writes."""
    own = RegionTable([replace(region, name=f"x{region.index:02d}") for region in regions()])
    labels = shutil.copy(atlas_files.labels, tmp_path / "regions.nii.gz")
    write_tables(own, tmp_path)
    with pytest.raises(yw.InputError, match=r"calls label 1 x01 in regions_dseg.tsv, the built-in table parietal_L"):
        load_atlas(atlas_files.wm, labels)
    with pytest.raises(yw.InputError, match=r"calls label 1 x01 in regions_dseg.tsv"):
        show(labels, tmp_path / "atlas.png")
    assert load_atlas(atlas_files.wm, labels, own).table.names[5] == "x05"
    write_tables(regions(), tmp_path)
    assert load_atlas(atlas_files.wm, labels).table.is_built_in


def test_maps_made_from_two_atlases_are_not_put_side_by_side_in_silence(tmp_path: Path) -> None:
    record = {"settings": {"transform": "affine"}, "atlas": ["a1"], "region_names": {"1": "parietal_L"}}
    for name, change in (("a", {}), ("b", {}), ("c", {"atlas": ["b2"]}), ("d", {"region_names": {"1": "x"}})):
        (tmp_path / f"{name}.json").write_text(json.dumps(record | change))
    regions_of = {name: tmp_path / f"{name}.nii.gz" for name in "abcd"}
    (said,) = mixed_settings({}, regions_of)
    assert said.startswith("region maps of c, d were made with another atlas, names than the others'")
    assert mixed_settings({}, {name: regions_of[name] for name in "ab"}) == []


def test_lesions_of_two_models_are_not_put_side_by_side_in_silence_and_edited_ones_are(tmp_path: Path) -> None:
    by = {"a": "network", "b": "network", "c": "own model", "d": "edited"}
    (tmp_path / "predict.json").write_text(json.dumps({"cases": {name: {"lesions_by": of} for name, of in by.items()}}))
    lesions = {name: tmp_path / "lesions" / f"{name}.nii.gz" for name in by}
    (said,) = mixed_settings(lesions, {})
    assert said.startswith("lesion maps of c were made with another model than the others'")
    assert mixed_settings({name: lesions[name] for name in "abd"}, {}) == []
