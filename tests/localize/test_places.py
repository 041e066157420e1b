"""Places of lesions in a head of boxes whose every distance is known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from yucca_wm.core.regions import regions
from yucca_wm.core.tissue import Tissue, tissues
from yucca_wm.imaging.images import Image
from yucca_wm.localize.__main__ import main
from yucca_wm.localize.case import localize
from yucca_wm.localize.measures.lesions import Settings, find_lesions
from yucca_wm.localize.measures.places import PLACES, place_lesions

ALL = Settings(min_size_mm3=0)
SHAPE = (70, 30, 40)
NAMES = [place.name for place in PLACES]


def head() -> np.ndarray:
    """At 1 mm, along x: ventricle to 9, white matter 10 to 59, cortex 60 to 64; below z = 10 the brainstem."""
    tissue = np.zeros(SHAPE, np.uint8)
    tissue[:65] = Tissue.CEREBRAL_WHITE_MATTER
    tissue[:10] = Tissue.LATERAL_VENTRICLES
    tissue[60:65] = Tissue.CORTICAL_GREY_MATTER
    tissue[:65, :, :10] = Tissue.BRAINSTEM
    return tissue


def placed(lesions: np.ndarray, tissue: np.ndarray, affine: np.ndarray | None = None):
    affine = np.eye(4) if affine is None else affine
    return localize(
        "s", Image(lesions, affine), Image(np.ones_like(tissue), affine), regions(), ALL, tissue=Image(tissue, affine)
    )


def volumes(result) -> dict[str, int]:
    """Lesion voxels by place, those with none left out."""
    return {row.place: row.lesion_voxels for row in result.places[:-1] if row.lesion_voxels}


def only(result) -> str:
    (lesion,) = result.lesions
    return lesion.place


def line(first: int, last: int, z: int = 25) -> np.ndarray:
    """A lesion along x, from ``first`` to ``last``."""
    lesions = np.zeros(SHAPE, np.uint8)
    lesions[first : last + 1, 15, z] = 1
    return lesions


def test_the_labels_are_those_of_the_table():
    assert {tissue.value: tissue.name.lower() for tissue in Tissue} == {row.index: row.name for row in tissues()}


@pytest.mark.parametrize(
    ("first", "last", "place", "distance_mm", "touches", "by_voxel"),
    [
        (10, 14, "periventricular_touching", 1, (True, False), {"periventricular_touching": 5}),
        (11, 14, "periventricular_near", 2, (False, False), {"periventricular_near": 4}),
        # 10 mm from the last ventricle voxel (9) is voxel 19
        (19, 20, "periventricular_near", 10, (False, False), {"periventricular_near": 1, "deep": 1}),
        (20, 22, "deep", 11, (False, False), {"deep": 3}),
        (55, 58, "deep", 46, (False, False), {"deep": 4}),
        # voxel 59 touches the cortex (60), voxel 56 is 4 mm from it
        (55, 59, "juxtacortical", 46, (False, True), {"juxtacortical": 4, "deep": 1}),
        (59, 59, "juxtacortical", 50, (False, True), {"juxtacortical": 1}),
        # from 19 to the cortex: the contact with the cortex says more than the distance to the ventricle
        (19, 59, "juxtacortical", 10, (False, True), {"periventricular_near": 1, "juxtacortical": 4, "deep": 36}),
        # from ventricle to cortex: 10..19 are within 10 mm, 56..59 within 4 mm
        (10, 59, "periventricular_touching", 1, (True, True),
         {"periventricular_touching": 10, "juxtacortical": 4, "deep": 36}),
    ],
)  # fmt: skip
def test_a_line_of_voxels(first, last, place, distance_mm, touches, by_voxel):
    result = placed(line(first, last), head())
    (lesion,) = result.lesions
    assert lesion.place == place
    assert lesion.distance_to_ventricles_mm == distance_mm
    assert (lesion.touches_ventricle, lesion.touches_cortex) == touches
    assert volumes(result) == by_voxel


def test_a_corner_is_enough_to_touch():
    """Ventricle at (9, 15, 20) only; lesion at its corner, and one voxel further."""
    tissue = np.full(SHAPE, Tissue.CEREBRAL_WHITE_MATTER, np.uint8)
    tissue[9, 15, 20], tissue[60:65] = Tissue.LATERAL_VENTRICLES, Tissue.CORTICAL_GREY_MATTER
    for step, place in ((1, "periventricular_touching"), (2, "periventricular_near")):
        lesions = np.zeros(SHAPE, np.uint8)
        lesions[9 + step, 15 + step, 20 + step] = 1
        result = placed(lesions, tissue)
        assert only(result) == place
        assert result.lesions[0].distance_to_ventricles_mm == pytest.approx(step * np.sqrt(3))


@pytest.mark.parametrize(
    ("tissue_there", "place"), [(Tissue.BRAINSTEM, "infratentorial"), (Tissue.DEEP_GREY_MATTER, "deep")]
)
def test_what_lies_around_a_lesion_says_whether_it_is_infratentorial_and_not_what_the_map_has_at_it(
    tissue_there, place
):
    """Two voxels that a segmenter took for cortex and ventricle."""
    tissue = head()
    tissue[35:50, 10:20, 18:32] = tissue_there
    tissue[40, 15, 25], tissue[41, 15, 25] = Tissue.CORTICAL_GREY_MATTER, Tissue.LATERAL_VENTRICLES
    result = placed(line(40, 41), tissue)
    assert only(result) == place
    assert volumes(result) == {place: 2}
    assert (result.lesions[0].touches_ventricle, result.lesions[0].touches_cortex) == (False, False)


@pytest.mark.parametrize(("side", "place"), [(9, "deep"), (10, "juxtacortical")])
def test_islands_of_cortex_under_one_ml_are_rims_of_lesions(side, place):
    """A block of grey matter of 10 x 10 voxels and 9 or 10 of length: 0.9 or 1 ml; the lesion touches it."""
    tissue = head()
    tissue[36 : 36 + side, 10:20, 20:30] = Tissue.CORTICAL_GREY_MATTER
    assert only(placed(line(33, 35), tissue)) == place


@pytest.mark.parametrize(("side", "place"), [(9, "deep"), (10, "infratentorial")])
def test_islands_of_brainstem_under_one_ml_make_nothing_infratentorial(side, place):
    tissue = head()
    tissue[36 : 36 + side, 10:20, 20:30] = Tissue.BRAINSTEM
    lesions = np.zeros(SHAPE, np.uint8)
    lesions[40:42, 14:16, 24:26] = 1  # within; 8 voxels less of brainstem
    tissue[36 + side, 11:15, 20:22] = Tissue.BRAINSTEM  # 8 more
    assert only(placed(lesions, tissue)) == place


def test_most_voxels_decide_whether_a_lesion_is_infratentorial_and_each_has_its_own_volume():
    """The brainstem's last voxel is z = 9. Beside the white matter (x = 65 on is outside) a column of lesion ends."""
    for first, last, place in ((3, 11, "infratentorial"), (8, 16, "deep")):
        lesions = np.zeros(SHAPE, np.uint8)
        lesions[40, 15, first : last + 1] = 1
        result = placed(lesions, head())
        assert only(result) == place
        assert volumes(result) == {"infratentorial": 10 - first, "deep": last - 9}


def test_thick_slices_are_as_thick_as_they_are():
    """Slices of 7 mm: the next slice touches (7 mm), the one after it is 14 mm away and near nothing."""
    affine = np.diag([1.0, 1.0, 7.0, 1.0])
    tissue = np.full((40, 40, 12), Tissue.CEREBRAL_WHITE_MATTER, np.uint8)
    tissue[10:30, 10:30, 3], tissue[:, :, 11] = Tissue.LATERAL_VENTRICLES, Tissue.CORTICAL_GREY_MATTER
    for k, place, distance_mm in ((4, "periventricular_touching", 7), (5, "deep", 14), (10, "juxtacortical", 49)):
        lesions = np.zeros(tissue.shape, np.uint8)
        lesions[18:22, 18:22, k] = 1
        result = placed(lesions, tissue, affine)
        assert only(result) == place
        assert result.lesions[0].distance_to_ventricles_mm == distance_mm
        assert volumes(result) == {place: 16}
    lesions = np.zeros(tissue.shape, np.uint8)
    lesions[38, 20, 3] = 1  # 9 mm beside the ventricle's last voxel, in its slice
    assert only(placed(lesions, tissue, affine)) == "periventricular_near"


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "ASR", "PIL"])
def test_places_do_not_depend_on_how_a_file_is_stored_and_volumes_add_up(synthetic, tmp_path, orientation):
    """Random lesions in a random tissue map on an oblique grid, against distances to every voxel."""
    rng = np.random.default_rng(3)
    coarse = rng.choice([1, 1, 2, 2, 3, 4, 5, 6, 7], (10, 9, 5)).astype(np.uint8)
    tissue = np.kron(coarse, np.ones((4, 4, 4), np.uint8))
    labels = synthetic.region_map()
    lesions = synthetic.random_lesions(labels, rng, 25)
    affine = synthetic.oblique_affine()
    for kind, data, stored in (
        ("lesions", lesions, orientation),
        ("regions", labels, "RAS"),
        ("tissue", tissue, "LAS"),
    ):
        synthetic.save(tmp_path / kind / "s.nii.gz", data, affine, stored)
    arguments = [f"--{kind}={tmp_path / kind}" for kind in ("lesions", "regions", "tissue")]
    assert main([*arguments, "--out_dir", str(tmp_path / "out"), "--min-size", "0"]) == 0

    around = np.where(lesions == 1, 0, tissue)
    voxel_mm3 = abs(np.linalg.det(affine[:3, :3]))
    voxels = np.argwhere(lesions == 1) @ affine[:3, :3].T

    def nearest(*labels: int) -> np.ndarray:
        parts, count = ndimage.label(np.isin(around, labels), np.ones((3, 3, 3)))
        islands = [part for part in range(1, count + 1) if labels != (4,) and (parts == part).sum() * voxel_mm3 < 1000]
        there = np.argwhere((parts > 0) & ~np.isin(parts, islands)) @ affine[:3, :3].T
        return np.array([np.linalg.norm(there - voxel, axis=1).min() for voxel in voxels])

    infratentorial, near = nearest(6, 7) < nearest(1, 2, 3) - 1e-3, nearest(4) <= 10 + 1e-3
    rows = {row["place"]: row for row in read(tmp_path / "out" / "places.tsv")}
    count = {name: int(row["lesion_voxels"]) for name, row in rows.items()}
    assert count["infratentorial"] == infratentorial.sum() > 0
    assert count["periventricular_touching"] + count["periventricular_near"] == (near & ~infratentorial).sum() > 0
    assert count["total"] == len(voxels) == sum(count[name] for name in NAMES)
    census = read(tmp_path / "out" / "lesions.tsv")
    assert {name: int(row["n_lesions"]) for name, row in rows.items()} == {
        **{name: sum(row["place"] == name for row in census) for name in NAMES}, "total": len(census)
    }  # fmt: skip
    assert sum(float(rows[name]["lesion_volume_ml"]) for name in NAMES) == pytest.approx(
        float(rows["total"]["lesion_volume_ml"]), abs=3e-6
    )


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def write_cohort(synthetic, root: Path) -> None:
    """``a`` with a lesion at the ventricle (2 voxels) and a deep one (1), ``b`` without any."""
    lesions = line(10, 11)
    lesions[30, 15, 25] = 1
    for name, mask in (("a", lesions), ("b", np.zeros_like(lesions))):
        synthetic.save(root / "lesions" / f"{name}.nii.gz", mask, np.eye(4))
        synthetic.save(root / "regions" / f"{name}.nii.gz", np.full_like(mask, 3), np.eye(4))
        synthetic.save(root / "tissue" / f"{name}_tissue.nii.gz", head(), np.eye(4))


def run(root: Path, *more: str) -> int:
    kinds = ("lesions", "regions")
    arguments = [f"--{kind}={root / kind}" for kind in kinds]
    return main([*arguments, "--out_dir", str(root / "out"), "--min-size", "0", *more])


def test_tables_with_and_without_tissue(synthetic, tmp_path):
    write_cohort(synthetic, tmp_path)
    assert run(tmp_path) == 0
    plain = {p.name: p.read_bytes() for p in (tmp_path / "out").glob("*.tsv")}
    assert "places.tsv" not in plain
    assert run(tmp_path, f"--tissue={tmp_path / 'tissue'}") == 0
    assert (tmp_path / "out" / "lesion_load.tsv").read_bytes() == plain["lesion_load.tsv"]
    rows = [tuple(row.values()) for row in read(tmp_path / "out" / "places.tsv")]
    assert [row for row in rows if row[0] == "a"] == [
        ("a", "infratentorial", "0.000000", "0.000000", "0", "0"),
        ("a", "periventricular_touching", "0.002000", "66.666667", "1", "2"),
        ("a", "juxtacortical", "0.000000", "0.000000", "0", "0"),
        ("a", "periventricular_near", "0.000000", "0.000000", "0", "0"),
        ("a", "deep", "0.001000", "33.333333", "1", "1"),
        ("a", "total", "0.003000", "100.000000", "2", "3"),
    ]
    assert [row for row in rows if row[0] == "b"] == [
        ("b", name, "0.000000", "n/a", "0", "0") for name in [*NAMES, "total"]
    ]
    census = [tuple(row.values())[-4:] for row in read(tmp_path / "out" / "lesions.tsv")]
    assert census == [("1.000", "periventricular_touching", "yes", "no"), ("21.000", "deep", "no", "no")]
    summary = json.loads((tmp_path / "out" / "localize.json").read_text())
    assert summary["subjects"]["a"]["lesion_volume_ml_by_place"]["deep"] == 0.001
    assert list(summary["places"]) == NAMES
    assert run(tmp_path) == 0
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").glob("*.tsv")} == plain


def test_who_has_no_tissue_map_is_named_and_does_not_stop_the_others(synthetic, tmp_path, capsys):
    write_cohort(synthetic, tmp_path)
    (tmp_path / "tissue" / "b_tissue.nii.gz").unlink()
    assert run(tmp_path, f"--tissue={tmp_path / 'tissue'}") == 1
    assert "b.nii.gz: has no partner in" in capsys.readouterr().err
    assert {row["subject"] for row in read(tmp_path / "out" / "places.tsv")} == {"a"}


@pytest.mark.parametrize(
    ("in_callosum", "place", "by_voxel"),
    [
        (3, "periventricular_touching", {"periventricular_touching": 1, "deep": 4}),
        (2, "juxtacortical", {"periventricular_near": 1, "juxtacortical": 4}),
    ],
)
def test_a_lesion_of_the_corpus_callosum_is_periventricular(in_callosum, place, by_voxel):
    """Five voxels, from 10 mm off the ventricle (19) to 14 mm off (23); cortex from 24 on, which the last one touches.
    With three of them in the corpus callosum the lesion is one of it."""
    tissue = head()
    tissue[24:60] = Tissue.CORTICAL_GREY_MATTER
    tissue[24:60, :, :10] = Tissue.BRAINSTEM
    regions_there = np.ones_like(tissue)
    callosum = [region.index for region in regions() if region.name.startswith("corpus_callosum")]
    assert len(callosum) == 2
    regions_there[19 : 19 + in_callosum] = callosum[1]
    images = (Image(line(19, 23), np.eye(4)), Image(regions_there, np.eye(4)))
    result = localize("s", *images, regions(), ALL, tissue=Image(tissue, np.eye(4)))
    assert only(result) == place
    assert volumes(result) == by_voxel
    assert (result.lesions[0].touches_ventricle, result.lesions[0].touches_cortex) == (False, True)


@pytest.mark.parametrize("label", [Tissue.LATERAL_VENTRICLES, Tissue.CORTICAL_GREY_MATTER])
def test_a_tissue_map_without_ventricles_or_cortex_gives_no_place(label):
    tissue, lesion = head(), find_lesions(line(30, 32) == 1)
    assert place_lesions(lesion, Image(tissue, np.eye(4)), np.ones_like(tissue), regions()) is not None
    tissue[tissue == label] = 0
    assert place_lesions(lesion, Image(tissue, np.eye(4)), np.ones_like(tissue), regions()) is None


@pytest.mark.parametrize("label", [Tissue.LATERAL_VENTRICLES, Tissue.CORTICAL_GREY_MATTER])
def test_lesions_over_all_ventricles_or_cortex_leave_the_loads_and_a_flag(label, synthetic, tmp_path):
    write_cohort(synthetic, tmp_path)
    lesions = (head() == label).astype(np.uint8)
    synthetic.save(tmp_path / "lesions" / "a.nii.gz", lesions, np.eye(4))
    assert run(tmp_path, f"--tissue={tmp_path / 'tissue'}") == 0
    about = json.loads((tmp_path / "out" / "localize.json").read_text())["subjects"]
    assert "no_places" in about["a"]["flags"]
    assert "no_places" not in about["b"]["flags"]
    # ventricles: 10 x 30 x 30 voxels of 1 mm3 above the brainstem; cortex: 5 x 30 x 30
    assert about["a"]["lesion_volume_ml"] == {Tissue.LATERAL_VENTRICLES: 9.0, Tissue.CORTICAL_GREY_MATTER: 4.5}[label]
    *unknown, total = [row for row in read(tmp_path / "out" / "places.tsv") if row["subject"] == "a"]
    assert float(total["lesion_volume_ml"]) == about["a"]["lesion_volume_ml"]
    assert {cell for row in unknown for cell in list(row.values())[2:]} == {"n/a"}


def test_a_subject_without_places_keeps_its_loads_and_is_flagged(synthetic, tmp_path, capsys):
    write_cohort(synthetic, tmp_path)
    tissue = np.where(head() == Tissue.LATERAL_VENTRICLES, 0, head()).astype(np.uint8)
    synthetic.save(tmp_path / "tissue" / "a_tissue.nii.gz", tissue, np.eye(4))
    assert run(tmp_path, f"--tissue={tmp_path / 'tissue'}") == 0
    assert "no lateral ventricle or no cortex in the tissue map: lesions have no place" in capsys.readouterr().err
    rows = [row for row in read(tmp_path / "out" / "places.tsv") if row["subject"] == "a"]
    assert [row["place"] for row in rows] == [*(place.name for place in PLACES), "total"]
    assert [row["n_lesions"] for row in rows] == ["n/a"] * len(PLACES) + ["2"]
    assert {row["subject"] for row in read(tmp_path / "out" / "lesion_load.tsv")} == {"a", "b"}
    census = [tuple(row.values())[-4:] for row in read(tmp_path / "out" / "lesions.tsv")]
    assert census == [("n/a", "n/a", "n/a", "n/a")] * 2
    about = json.loads((tmp_path / "out" / "localize.json").read_text())["subjects"]["a"]
    assert about["flags"]["no_places"] == "the tissue map has no lateral ventricle or no cortex: no place is given"
    assert "lesion_volume_ml_by_place" not in about


def test_a_label_that_is_no_tissue_is_named(synthetic, tmp_path, capsys):
    write_cohort(synthetic, tmp_path)
    synthetic.save(tmp_path / "tissue" / "a_tissue.nii.gz", head() + 1, np.eye(4))
    assert run(tmp_path, f"--tissue={tmp_path / 'tissue'}") == 1
    assert "a_tissue.nii.gz: holds labels that are not in the table: 8" in capsys.readouterr().err


def test_two_sources_of_ventricles_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, "--tissue", "x", "--ventricles", "y")
    assert "leave --ventricles out" in capsys.readouterr().err


def test_a_cropped_lesion_map_changes_no_distance_and_no_volume(tmp_path, capsys):
    """A lesion that touches the ventricle, from 10 to 14 mm; the mask is cut to what lies from 10 to 39 mm. Regions
    are 65 000 mm3, of which 30 x 30 x 40 are in it: 48.6 of 78 ml lie beyond it."""
    tissue, lesions = head(), line(10, 14)
    regions_there = np.where(tissue > 0, 3, 0).astype(np.uint8)
    assert (regions_there > 0).sum() == 65 * 30 * 40
    affine = np.diag([-1.0, 1, 1, 1])
    shifted = affine.copy()
    shifted[0, 3] = -10
    found = {}
    for name, data, place in (("whole", lesions, affine), ("cut", lesions[10:40], shifted)):
        folder = tmp_path / name
        for what, image, at in (
            ("lesions", data, place),
            ("regions", regions_there, affine),
            ("tissue", tissue, affine),
        ):
            (folder / what).mkdir(parents=True)
            nib.save(nib.Nifti1Image(image, at), folder / what / "a.nii.gz")
        words = [f"--{what}={folder / what}" for what in ("lesions", "regions", "tissue")]
        assert main([*words, f"--out-dir={folder / 'out'}", "--resample", "--maps", "--min-size=0", "--jobs=1"]) == 0
        found[name] = [read(folder / "out" / f"{table}.tsv") for table in ("lesion_load", "lesions", "places")]
        labelled = nib.load(folder / "out" / "maps" / "a.nii.gz")
        assert labelled.shape == data.shape
        np.testing.assert_allclose(labelled.affine, place)
        assert np.count_nonzero(labelled.get_fdata() == 3) == 5
    assert found["cut"] == found["whole"]
    assert found["cut"][1][0]["place"] == "periventricular_touching"
    flags = json.loads((tmp_path / "cut/out/localize.json").read_text())["subjects"]["a"]["flags"]
    share = 100 * (65 - 30) / 65
    assert flags["lesions_cut"].startswith(f"{share:.1f} % of the regions lie beyond the field of view")
    assert "lesions_cut" not in json.loads((tmp_path / "whole/out/localize.json").read_text())["subjects"]["a"]["flags"]
    assert (
        "(a): over 1 % of the regions lie beyond the lesion map: lesions there are not known" in capsys.readouterr().err
    )
