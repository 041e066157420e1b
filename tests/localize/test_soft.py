"""Expected volumes and their spread, against sums and samples made without the code under test."""

from __future__ import annotations

import json

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import sha256
from yucca_wm.core.regions import RegionTable, regions
from yucca_wm.ensemble import store
from yucca_wm.ensemble.probabilities import Grid
from yucca_wm.localize.inputs.companions import softmaxes_beside
from yucca_wm.localize.measures.expected import Softmax, SoftmaxFiles, lesion_voxels, soft_rows

SHAPE = (9, 8, 7)
SPACING_MM = (1.0, 1.5, 3.0)
ML = 4.5 / 1000


@pytest.fixture
def table():
    """Three regions; the classes of the region softmax are 0 and these."""
    return RegionTable([regions().by_index(index) for index in (1, 2, 3)])


@pytest.fixture
def write(tmp_path, synthetic):
    def make(name, probabilities, affine=None):
        affine = synthetic.oblique_affine(SPACING_MM) if affine is None else affine
        grid = Grid(probabilities.shape[1:], affine)
        return store.write_array(tmp_path / f"{name}.npz", np.asarray(probabilities, np.float32), grid)

    return make


def random_softmax(seed, classes, sharpness=3.0):
    logits = sharpness * np.random.default_rng(seed).standard_normal((classes, *SHAPE))
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=0)


def one_hot(labels, classes):
    return (np.arange(classes)[:, None, None, None] == labels).astype(np.float32)


def rows_of(lesion_files, region_files, table, **options):
    lesions = lesion_voxels(Softmax(SoftmaxFiles.equal(*lesion_files)), (1,))
    return {
        row.region_id: row for row in soft_rows(lesions, Softmax(SoftmaxFiles.equal(*region_files)), table, **options)
    }


def test_expected_volumes_are_the_sums_and_add_up(write, table):
    lesion, region = write("l", random_softmax(0, 3)), write("r", random_softmax(1, 4))
    rows = rows_of([lesion], [region], table)
    p = store.open_softmax(lesion).read(0, SHAPE[0]).astype(np.float64)
    q = store.open_softmax(region).read(0, SHAPE[0]).astype(np.float64)
    p, q = p / p.sum(axis=0), q / q.sum(axis=0)
    for place, label in enumerate((1, 2, 3), start=1):
        assert rows[label].expected_ml == pytest.approx((p[1] * q[place]).sum() * ML, rel=1e-12)
    assert rows[0].expected_ml == pytest.approx((p[1] * q[0]).sum() * ML, rel=1e-12)
    total = sum(rows[label].expected_ml for label in (1, 2, 3, 0))
    assert total == pytest.approx(rows[-1].expected_ml, rel=1e-12)
    assert rows[-1].expected_ml == pytest.approx(p[1].sum() * ML, rel=1e-12)


def test_certain_maps_give_the_hard_volumes_and_no_spread(write, table):
    rng = np.random.default_rng(2)
    lesions, labels = rng.integers(0, 3, SHAPE), rng.integers(0, 4, SHAPE)
    rows = rows_of([write("l", one_hot(lesions, 3))], [write("r", one_hot(labels, 4))], table)
    for label in (0, 1, 2, 3):
        assert rows[label].expected_ml == pytest.approx(((lesions == 1) & (labels == label)).sum() * ML, rel=1e-12)
    assert rows[-1].expected_ml == pytest.approx((lesions == 1).sum() * ML, rel=1e-12)
    for row in rows.values():
        for spread in (row.independent, row.correlated):
            assert (spread.whole, spread.lesion, spread.region) == pytest.approx((0, 0, 0), abs=1e-9)


def test_spread_is_that_of_sampled_maps(write, table):
    """Both ends, whole and parts, against maps drawn from the two softmaxes."""
    lesion, region = write("l", random_softmax(3, 2)), write("r", random_softmax(4, 4))
    rows = rows_of([lesion], [region], table)
    p = store.open_softmax(lesion).read(0, SHAPE[0])[1].ravel().astype(np.float64)
    q = store.open_softmax(region).read(0, SHAPE[0])[2].ravel().astype(np.float64)
    rng = np.random.default_rng(5)
    draws = 4000
    independent = rng.random((draws, p.size)) < p, rng.random((draws, p.size)) < q
    correlated = rng.random((draws, 1)) < p, rng.random((draws, 1)) < q
    for (lesions, regions_drawn), spread in (
        (independent, rows[2].independent),
        (correlated, rows[2].correlated),
    ):
        assert (lesions & regions_drawn).sum(axis=1).std() * ML == pytest.approx(spread.whole, rel=0.05)
        assert (lesions * q).sum(axis=1).std() * ML == pytest.approx(spread.lesion, rel=0.05)
        assert (regions_drawn * p).sum(axis=1).std() * ML == pytest.approx(spread.region, rel=0.05)


def test_independent_spread_is_that_of_independent_voxels(write, table):
    lesion, region = write("l", random_softmax(3, 2)), write("r", random_softmax(4, 4))
    spread = rows_of([lesion], [region], table)[2].independent
    p, q = (store.open_softmax(path).read(0, SHAPE[0]).astype(np.float64) for path in (lesion, region))
    p, q = (p / p.sum(axis=0))[1], (q / q.sum(axis=0))[2]
    assert spread.whole == pytest.approx(np.sqrt((p * q * (1 - p * q)).sum()) * ML, rel=1e-9)
    assert spread.lesion == pytest.approx(np.sqrt((q**2 * p * (1 - p)).sum()) * ML, rel=1e-9)
    assert spread.region == pytest.approx(np.sqrt((p**2 * q * (1 - q)).sum()) * ML, rel=1e-9)


def test_plane_by_plane_gives_what_the_whole_gives(write, table, monkeypatch):
    lesion, region = write("l", random_softmax(0, 3)), write("r", random_softmax(1, 4))
    whole = rows_of([lesion], [region], table)
    monkeypatch.setattr("yucca_wm.ensemble.mean.SLAB_VOXELS", 1)
    for label, row in rows_of([lesion], [region], table).items():
        assert row.expected_ml == pytest.approx(whole[label].expected_ml, rel=1e-12)
        assert row.independent.whole == pytest.approx(whole[label].independent.whole, rel=1e-9)
        assert row.correlated.whole == pytest.approx(whole[label].correlated.whole, rel=1e-9)


def test_the_parts_are_apart(write, table):
    """Where regions are certain only the lesion map is in doubt, and the other way round."""
    certain_regions = one_hot(np.random.default_rng(6).integers(0, 4, SHAPE), 4)
    certain_lesions = one_hot(np.random.default_rng(7).integers(0, 2, SHAPE), 2)
    in_lesions = rows_of([write("l", random_softmax(8, 2))], [write("r", certain_regions)], table)[1]
    in_regions = rows_of([write("l1", certain_lesions)], [write("r1", random_softmax(9, 4))], table)[1]
    for ends in ("independent", "correlated"):
        spread = getattr(in_lesions, ends)
        assert spread.whole == pytest.approx(spread.lesion, rel=1e-6)
        assert spread.whole > 0
        assert spread.region == pytest.approx(0, abs=1e-9)
        spread = getattr(in_regions, ends)
        assert spread.whole == pytest.approx(spread.region, rel=1e-6)
        assert spread.lesion == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_correlated_is_the_upper_end_and_parts_are_no_more_than_the_whole(write, table, seed):
    for row in rows_of(
        [write("l", random_softmax(seed, 3))], [write("r", random_softmax(seed + 50, 4))], table
    ).values():
        for name in ("whole", "lesion", "region"):
            assert getattr(row.independent, name) <= getattr(row.correlated, name) + 1e-9
        for spread in (row.independent, row.correlated):
            assert spread.lesion**2 + spread.region**2 <= spread.whole**2 * (1 + 1e-9)
            assert spread.whole > 0


def test_several_files_are_averaged(write, table):
    first, second, region = random_softmax(10, 3), random_softmax(11, 3), write("r", random_softmax(12, 4))
    together = rows_of([write("a", first), write("b", second)], [region], table)
    mean = rows_of([write("m", (first + second) / 2)], [region], table)
    for label, row in together.items():
        assert row.expected_ml == pytest.approx(mean[label].expected_ml, rel=1e-3)


def test_a_softmax_replaced_since_the_maps_were_merged_is_refused(write, table, tmp_path):
    """``ensemble.json`` has the checksums of what it merged."""
    lesion, region = write("l", random_softmax(0, 3)), write("r", random_softmax(1, 4))
    merged = tmp_path / "merged"
    merged.mkdir()
    members = [{"file": str(lesion), "sha256": sha256(lesion), "weight": 2.0}]
    content = {"method": "mean", "cases": {"l": {"members": members}}}
    (merged / "ensemble.json").write_text(json.dumps(content))
    files = softmaxes_beside(merged, "--lesion-softmax").of("l")
    before = soft_rows(lesion_voxels(Softmax(files), (1,)), Softmax(SoftmaxFiles.equal(region)), table)
    assert before == [*rows_of([lesion], [region], table).values()]
    write("l", random_softmax(7, 3))
    with pytest.raises(InputError, match=r"l\.npz: is not the softmax that .* merged from"):
        Softmax(files)


def test_another_voxel_order_changes_nothing(write, table, synthetic):
    lesions, labels = random_softmax(13, 3), random_softmax(14, 4)
    affine = synthetic.oblique_affine(SPACING_MM)
    flip = np.diag([-1.0, 1, -1, 1])
    flip[0, 3], flip[2, 3] = SHAPE[0] - 1, SHAPE[2] - 1
    expected = rows_of([write("l", lesions)], [write("r", labels)], table)
    flipped = write("f", labels[:, ::-1, :, ::-1], affine @ flip)
    turned = write("t", labels.transpose(0, 3, 1, 2), affine @ np.eye(4)[:, [2, 0, 1, 3]])
    for other in (flipped, turned):
        for label, row in rows_of([write("l", lesions)], [other], table).items():
            assert row.expected_ml == pytest.approx(expected[label].expected_ml, rel=1e-3)
            assert row.correlated.whole == pytest.approx(expected[label].correlated.whole, rel=1e-2)


def test_another_grid_is_refused_and_on_request_what_lies_beyond_is_outside(write, table, synthetic):
    lesions, labels = random_softmax(15, 3), random_softmax(16, 4)
    lesion, region = write("l", lesions), write("r", labels[:, :-3], synthetic.oblique_affine(SPACING_MM))
    with pytest.raises(InputError, match="or use resample=True"):
        rows_of([lesion], [region], table)
    labels[:, -3:] = one_hot(np.zeros((3, *SHAPE[1:])), 4)
    expected = rows_of([lesion], [write("w", labels)], table)
    for label, row in rows_of([lesion], [region], table, resample=True).items():
        assert row.expected_ml == pytest.approx(expected[label].expected_ml, rel=1e-3)


def test_where_no_network_saw_anything_is_outside(write, table):
    labels = random_softmax(17, 4)
    labels[:, :4] = 0
    rows = rows_of([write("l", one_hot(np.ones(SHAPE), 2))], [write("r", labels)], table)
    assert rows[0].expected_ml >= 4 * SHAPE[1] * SHAPE[2] * ML
    assert sum(rows[label].expected_ml for label in (0, 1, 2, 3)) == pytest.approx(rows[-1].expected_ml, rel=1e-12)


def test_no_lesion_is_zeros(write, table):
    rows = rows_of([write("l", one_hot(np.zeros(SHAPE), 2))], [write("r", random_softmax(18, 4))], table)
    assert len(rows) == 5
    assert all(row.expected_ml == row.independent.whole == row.correlated.whole == 0 for row in rows.values())


def test_files_of_other_label_sets_are_refused(write, table):
    region = write("r", random_softmax(19, 5))
    with pytest.raises(InputError, match="not in the table: 4"):
        rows_of([write("l", random_softmax(20, 3))], [region], table)
    with pytest.raises(InputError, match="has no class 7"):
        lesion_voxels(Softmax(SoftmaxFiles.equal(region)), (7,))
