"""Synthetic subjects: the truth is true, contrasts are those of T1 and FLAIR, and left is left."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.demo.anatomy import Anatomy
from yucca_wm.demo.phantom import COARSE_SITES, FASTAID_LEFT, FASTAID_RIGHT, SITES, Phantom, simulate


@pytest.fixture(scope="module", params=COARSE_SITES, ids=lambda site: site.orientation)
def phantom(brain: Anatomy, request: pytest.FixtureRequest) -> Phantom:
    return simulate(brain, request.param, 7, infarct=True)


def world_x(phantom: Phantom) -> np.ndarray:
    index = np.indices(phantom.t1.shape).reshape(3, -1)
    affine = phantom.t1.affine
    return (affine[0, :3] @ index + affine[0, 3]).reshape(phantom.t1.shape)


def test_same_seed_same_subject(brain: Anatomy, phantom: Phantom) -> None:
    site = next(site for site in COARSE_SITES if np.allclose(site.affine, phantom.t1.affine))
    again, other = simulate(brain, site, 7, infarct=True), simulate(brain, site, 8)
    for image in ("t1", "flair", "lesions", "wm", "regions"):
        np.testing.assert_array_equal(getattr(again, image).data, getattr(phantom, image).data)
    assert (other.t1.data != phantom.t1.data).any()


def test_regions_are_the_templates_at_the_true_position(brain: Anatomy, phantom: Phantom) -> None:
    inside = phantom.regions.data > 0
    to_index = np.linalg.inv(brain.affine)
    index = phantom.template_mm[inside].astype(np.float64) @ to_index[:3, :3].T + to_index[:3, 3]
    nearest = np.rint(index).astype(int)
    clear = np.abs(index - np.floor(index) - 0.5).min(axis=1) > 1e-3
    np.testing.assert_array_equal(brain.regions[tuple(nearest[clear].T)], phantom.regions.data[inside][clear])


def test_template_positions_are_the_warps(phantom: Phantom) -> None:
    voxel = np.array([9, 20, 13])
    world = phantom.t1.affine[:3, :3] @ voxel + phantom.t1.affine[:3, 3]
    np.testing.assert_allclose(phantom.warp(world[:, None])[:, 0], phantom.template_mm[tuple(voxel)], atol=1e-4)


def test_left_regions_lie_left_in_the_world(phantom: Phantom) -> None:
    x = world_x(phantom)
    for label in range(1, 18):
        assert x[phantom.regions.data == label].mean() < x[phantom.regions.data == label + 17].mean()
    assert x[phantom.wm.data == FASTAID_LEFT].mean() < x[phantom.wm.data == FASTAID_RIGHT].mean()


def test_lesions_lie_in_white_matter_and_look_like_lesions(phantom: Phantom) -> None:
    lesion, white = phantom.lesions.data == 1, phantom.wm.data > 0
    assert (white & lesion).sum() > 0.97 * lesion.sum()
    normal = white & (phantom.lesions.data == 0)
    assert np.median(phantom.flair.data[lesion]) > 1.3 * np.median(phantom.flair.data[normal])
    assert np.median(phantom.t1.data[lesion]) < 0.85 * np.median(phantom.t1.data[normal])


def test_other_pathology_only_where_asked_for(brain: Anatomy, phantom: Phantom) -> None:
    assert (phantom.lesions.data == 2).sum() * phantom.lesions.voxel_volume_mm3 > 1500
    assert not (simulate(brain, COARSE_SITES[0], 8).lesions.data == 2).any()


def test_loads_add_up_to_the_lesion_volume(phantom: Phantom) -> None:
    load_ml = phantom.region_load_ml()
    assert load_ml.shape == (37,)
    volume_ml = (phantom.lesions.data == 1).sum() * phantom.lesions.voxel_volume_mm3 / 1000
    assert load_ml.sum() == pytest.approx(volume_ml, abs=1e-9)
    assert 4 < volume_ml < 60


def test_background_is_zero_and_brain_is_not(phantom: Phantom) -> None:
    brain_voxels = phantom.t1.data > 0
    np.testing.assert_array_equal(brain_voxels, phantom.flair.data > 0)
    assert brain_voxels[phantom.wm.data > 0].all()
    assert 0.1 < brain_voxels.mean() < 0.6


def test_sites_differ_in_orientation_and_obliquity() -> None:
    for pair in (SITES, COARSE_SITES):
        assert {site.orientation for site in pair} == {"LPS", "RAS"}
        assert pair[0].tilt_degrees != pair[1].tilt_degrees
        for site in pair:
            np.testing.assert_allclose(np.sqrt((site.affine[:3, :3] ** 2).sum(axis=0)), site.spacing_mm)
