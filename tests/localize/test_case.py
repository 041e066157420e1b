"""Every number of every table against lesions whose numbers are known."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import regions
from yucca_wm.imaging.grids import on_grid
from yucca_wm.imaging.images import Image
from yucca_wm.localize.case import localize, localize_maps
from yucca_wm.localize.inputs.pairs import Pair
from yucca_wm.localize.inputs.reading import read_maps
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.localize.tables import tables_of

ORIENTATIONS = ("RAS", "LPS", "LAS", "ASR", "PIL")
ALL = Settings(min_size_mm3=0)


@pytest.fixture
def known(synthetic):
    """Three lesions on an anisotropic, oblique grid: inside region a, across a and b and outside, and in none."""
    affine = synthetic.oblique_affine((0.9, 1.1, 3.0))
    labels = np.zeros((30, 20, 12), dtype=np.uint8)
    labels[2:10, 2:18, 2:10] = 3
    labels[18:26, 2:18, 2:10] = 20
    lesions = np.zeros_like(labels)
    lesions[3:5, 3:6, 3:5] = 1  # 12 voxels, all in region 3
    lesions[9:20, 10, 5] = 1  # 11 voxels: 1 in region 3, 8 outside, 2 in region 20
    lesions[28, 19, 11] = 1  # 1 voxel outside
    lesions[6:8, 16, 8] = 2  # not counted
    return Image(lesions, affine), Image(labels, affine)


def test_every_load_is_the_known_one(known):
    lesions, labels = known
    result = localize("s", lesions, labels, regions(), ALL)
    rows = {row.region_id: row for row in result.load}
    ml = 0.9 * 1.1 * 3.0 / 1000
    assert {i: rows[i].lesion_voxels for i in (3, 20, 0, -1)} == {3: 13, 20: 2, 0: 9, -1: 24}
    assert sum(row.lesion_voxels for row in result.load[:-2]) == 15
    assert rows[3].region_volume_ml == pytest.approx(8 * 16 * 8 * ml, abs=1e-12)
    assert rows[3].lesion_volume_ml == pytest.approx(13 * ml, abs=1e-12)
    assert rows[3].load_percent == pytest.approx(100 * 13 / 1024)
    assert rows[3].share_percent == pytest.approx(100 * 13 / 24)
    assert [rows[i].n_lesions for i in (3, 20, 0, -1)] == [1, 0, 2, 3]
    assert [rows[i].n_lesions_touching for i in (3, 20, 0, -1)] == [2, 1, 2, 3]
    assert rows[3].largest_lesion_ml == pytest.approx(12 * ml)
    assert rows[0].largest_lesion_ml == pytest.approx(11 * ml)
    assert rows[20].largest_lesion_ml == 0
    assert rows[-1].largest_lesion_ml == pytest.approx(12 * ml)
    assert rows[0].region_volume_ml is None
    in_regions = int((labels.data > 0).sum())
    assert in_regions == sum(row.region_voxels for row in result.load[:-2])
    assert rows[-1].region_volume_ml == pytest.approx(in_regions * ml)
    assert rows[-1].load_percent == pytest.approx(100 * 15 / in_regions)  # 9 of the 24 voxels are in no region


def test_every_lesion_is_the_known_one(known):
    lesions, labels = known
    result = localize("s", lesions, labels, regions(), ALL)
    first, second, third = result.lesions
    matrix = lesions.affine[:3, :3]
    assert (first.voxels, second.voxels, third.voxels) == (12, 11, 1)
    np.testing.assert_allclose(first.centroid_mm, matrix @ [3.5, 4, 3.5] + lesions.affine[:3, 3], atol=1e-9)
    np.testing.assert_allclose(second.centroid_mm, matrix @ [14, 10, 5] + lesions.affine[:3, 3], atol=1e-9)
    np.testing.assert_allclose(third.extent_mm, np.abs(matrix).sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(second.extent_mm, np.abs(matrix[:, 0]) * 10 + np.abs(matrix).sum(axis=1), atol=1e-9)
    assert (first.main_region_id, second.main_region_id, third.main_region_id) == (3, 0, 0)
    assert first.regions == (("superior_frontal_L", 100.0),)
    assert [name for name, _ in second.regions] == ["outside", "superior_frontal_R", "superior_frontal_L"]
    assert [share for _, share in second.regions] == pytest.approx([800 / 11, 200 / 11, 100 / 11])


def _tables(tmp_path, synthetic, lesions, labels, affine, orientation, region_orientation=None):
    pair = Pair(
        "s",
        synthetic.save(tmp_path / f"lesions_{orientation}.nii.gz", lesions, affine, orientation),
        synthetic.save(tmp_path / f"regions_{orientation}.nii.gz", labels, affine, region_orientation or orientation),
    )
    result = localize_maps(
        pair, read_maps(pair, regions(), Settings(assign_outside_mm=4)), regions(), Settings(assign_outside_mm=4)
    )
    load, *_ = tables_of(regions(), Settings(assign_outside_mm=4))
    return list(load.rows(result)), [
        (
            row.voxels,
            row.main_region,
            row.regions,
            np.round(row.centroid_mm, 2).tolist(),
            np.round(row.extent_mm, 2).tolist(),
        )
        for row in result.lesions
    ]


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 3.0), (0.958, 0.958, 3.0)])
def test_orientation_changes_nothing(tmp_path, synthetic, spacing_mm):
    affine, labels = synthetic.oblique_affine(spacing_mm), synthetic.region_map()
    lesions = synthetic.random_lesions(labels, np.random.default_rng(3), 60)
    expected = _tables(tmp_path, synthetic, lesions, labels, affine, "RAS")
    for orientation in ORIENTATIONS[1:]:
        assert _tables(tmp_path, synthetic, lesions, labels, affine, orientation) == expected
    assert _tables(tmp_path, synthetic, lesions, labels, affine, "RAS", "LPI") == expected


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_left_stays_left(tmp_path, synthetic, orientation, side):
    """The lesion is placed by its world x alone; the side comes out of the name of the region that holds it."""
    affine, labels = synthetic.oblique_affine(), synthetic.region_map()
    x = affine[0, 0] * np.arange(labels.shape[0])[:, None, None] + np.einsum(
        "a,aijk->ijk", affine[0, 1:3], np.indices(labels.shape)[1:]
    )
    labelled = labels > 0
    far = x < np.quantile(x[labelled], 0.2) if side == "left" else x > np.quantile(x[labelled], 0.8)
    lesions = (far & labelled).astype(np.uint8)
    pair = Pair(
        "s",
        synthetic.save(tmp_path / "l.nii.gz", lesions, affine, orientation),
        synthetic.save(tmp_path / "r.nii.gz", labels, affine, orientation),
    )
    result = localize_maps(pair, read_maps(pair, regions(), ALL), regions(), ALL)
    assert {row.side for row in result.load[:-2] if row.lesion_voxels} == {side}
    assert "sides_swapped" not in result.flags


def test_swapped_sides_are_flagged(synthetic):
    labels, affine = synthetic.region_map(), synthetic.oblique_affine()
    mirrored = Image(labels[::-1].copy(), affine)
    result = localize("s", Image(np.zeros_like(labels), affine), mirrored, regions(), ALL)
    assert "sides_swapped" in result.flags


def test_volumes_agree_with_simpleitk_and_centroids_too(tmp_path, synthetic):
    sitk = pytest.importorskip("SimpleITK")
    affine, labels = synthetic.oblique_affine((0.9, 1.1, 3.0)), synthetic.region_map(1)
    lesions = synthetic.random_lesions(labels, np.random.default_rng(5), 40)
    pair = Pair(
        "s",
        synthetic.save(tmp_path / "l.nii.gz", lesions, affine, "LPS"),
        synthetic.save(tmp_path / "r.nii.gz", labels, affine, "LPS"),
    )
    result = localize_maps(pair, read_maps(pair, regions(), ALL), regions(), ALL)
    region_image = sitk.ReadImage(str(pair.regions))
    mask = sitk.ReadImage(str(pair.lesions)) == 1
    sizes, inside = sitk.LabelShapeStatisticsImageFilter(), sitk.LabelShapeStatisticsImageFilter()
    sizes.Execute(region_image)
    inside.Execute(sitk.Mask(region_image, mask))
    for row in result.load[:-2]:
        expected = inside.GetPhysicalSize(row.region_id) / 1000 if inside.HasLabel(row.region_id) else 0
        assert row.lesion_volume_ml == pytest.approx(expected, rel=1e-6)
        assert row.region_volume_ml == pytest.approx(sizes.GetPhysicalSize(row.region_id) / 1000, rel=1e-6)
    parts = sitk.LabelShapeStatisticsImageFilter()
    parts.Execute(sitk.ConnectedComponent(mask, True))
    assert len(result.lesions) == parts.GetNumberOfLabels()
    expected_mm = sorted(np.round(np.array(parts.GetCentroid(n)) * [-1, -1, 1], 2).tolist() for n in parts.GetLabels())
    found_mm = sorted(np.round(row.centroid_mm, 2).tolist() for row in result.lesions)
    np.testing.assert_allclose(found_mm, expected_mm, atol=0.011)


def test_minimum_size_is_used_everywhere_alike(known):
    lesions, labels = known
    result = localize("s", lesions, labels, regions(), Settings(min_size_mm3=11.5 * 2.97))
    assert result.total.lesion_voxels == 12
    assert [row.voxels for row in result.lesions] == [12]
    assert (result.removed_lesions, result.removed_voxels) == (2, 12)
    assert result.outside.n_lesions_touching == 0


def test_minimum_size_does_not_depend_on_jitter_of_the_voxel_size():
    assert Settings(min_size_mm3=3).min_voxels(2.9997) == Settings(min_size_mm3=3).min_voxels(3.0003) == 1
    assert Settings(min_size_mm3=3).min_voxels(2.754) == 2
    assert Settings(min_size_mm3=0).min_voxels(2.754) == 1


def test_no_lesion_gives_zeros_and_a_flag(known):
    lesions, labels = known
    result = localize("s", lesions.with_data(np.zeros_like(lesions.data)), labels, regions())
    assert len(result.load) == 38
    assert all(row.lesion_volume_ml == row.largest_lesion_ml == row.n_lesions == 0 for row in result.load)
    assert result.load[2].load_percent == 0
    assert result.load[2].share_percent is None
    assert "no_lesion" in result.flags
    assert result.lesions == []


def test_the_load_of_all_white_matter_leaves_out_remainders_and_what_is_outside():
    """White matter 10 + 30 voxels, 2 + 1 of them lesion; remainder 50 with 4; outside 5, one of them beside region 1.

    12 lesion voxels of 90 would be 13.3 %, of 40 would be 30 %; what fills the white matter is 3 of 40.
    """
    labels, lesions = np.zeros((2, 100, 3, 3), np.uint8)
    labels[:10, 1, 1], labels[10:40, 1, 1], labels[40:90, 1, 1] = 1, 20, 35
    lesions[:2, 1, 1], lesions[15, 1, 1], lesions[50:54, 1, 1], lesions[95:99, 1, 1] = 1, 1, 1, 1
    lesions[0, 2, 1] = 1
    settings = Settings(min_size_mm3=0, assign_outside_mm=1)
    result = localize("s", Image(lesions, np.eye(4)), Image(labels, np.eye(4)), regions(), settings)
    total = result.total
    assert (total.lesion_voxels, total.region_voxels) == (12, 90)
    assert total.load_percent == 100 * 3 / 40
    assert total.load_assigned_percent == 100 * 4 / 40
    assert result.outside.load_percent is None
    assert result.flags["high_load"] == "lesions fill 7.5 % of the white-matter regions (over 5 %)"


@pytest.mark.parametrize(("lesion_voxels", "flagged"), [(5, False), (6, True)])
def test_high_load_is_over_five_percent_of_the_total_row(lesion_voxels, flagged):
    """Of 100 voxels; 50 lesion voxels in no region, and 50 in the remainder, do not make it high."""
    labels, lesions = np.zeros((2, 200, 3, 3), np.uint8)
    labels[:100, 1, 1], labels[100:150, 1, 1] = 3, 36
    lesions[:lesion_voxels, 1, 1], lesions[100:200, 1, 1] = 1, 1
    result = localize("s", Image(lesions, np.eye(4)), Image(labels, np.eye(4)), regions(), ALL)
    assert result.total.load_percent == lesion_voxels
    assert ("high_load" in result.flags) == flagged


def test_several_lesion_labels(known):
    lesions, labels = known
    result = localize("s", lesions, labels, regions(), Settings(lesion_labels=(1, 2), min_size_mm3=0))
    assert result.total.lesion_voxels == 26
    assert localize("s", lesions, labels, regions(), Settings(lesion_labels=(2,))).total.lesion_voxels == 2


def test_distance_to_the_ventricles(known):
    lesions, labels = known
    ventricles = np.zeros_like(labels.data)
    ventricles[14, 10, 8] = 1
    result = localize("s", lesions, labels, regions(), ALL, Image(ventricles, labels.affine))
    assert result.lesions[1].distance_to_ventricles_mm == pytest.approx(3 * 3.0)


def test_another_grid_is_refused_and_resampled_on_request(known):
    lesions, labels = known
    shifted = labels.affine.copy()
    shifted[0, 3] += 2
    with pytest.raises(InputError, match="or use resample=True"):
        on_grid(Image(labels.data, shifted), lesions)
    with pytest.raises(InputError, match="has shape"):
        on_grid(Image(labels.data[:-1], labels.affine), lesions)
    fine = np.diag([0.5, 0.5, 0.5, 1.0])
    fine[:3, 3] = -0.25
    doubled = Image(labels.data.repeat(2, 0).repeat(2, 1).repeat(2, 2), labels.affine @ fine)
    np.testing.assert_array_equal(on_grid(doubled, lesions, resample=True).data, labels.data)
