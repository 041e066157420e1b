"""Tubes equal the published rule, and no structure is left without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import dilation, skeletonize

from yucca_wm.imaging.images import load_labels
from yucca_wm.training.skeleton import tubed_skeleton


def published(label: NDArray[np.integer]) -> NDArray[np.integer]:
    """The rule written out plainly: whole patch, grey-value dilation."""
    skeleton = (skeletonize(label > 0) > 0).astype(np.int16)
    return dilation(dilation(skeleton)) * label


def real_patches(folder: Path) -> list[NDArray[np.int16]]:
    rng = np.random.default_rng(0)
    patches = []
    for path in sorted((folder / "wmh_region_labels").glob("T*/*.nii.gz"))[:20]:
        label = np.asarray(load_labels(path).data).astype(np.int16)
        corner = [rng.integers(0, max(1, n - 96)) for n in label.shape[:2]]
        patches.append(label[corner[0] : corner[0] + 96, corner[1] : corner[1] + 96, :48])
    return patches


def made_patches() -> list[NDArray[np.int16]]:
    """Six regions that touch, in a foreground of several pieces: whichever of smooth random fields is the highest."""
    rng = np.random.default_rng(0)
    patches = []
    for _ in range(4):
        fields = np.stack([ndimage.gaussian_filter(rng.normal(size=(44, 40, 30)), 3) for _ in range(7)])
        regions = fields[:6].argmax(axis=0) + 1
        patches.append(np.where(fields[6] > -0.01, regions, 0).astype(np.int16))
    return patches


@pytest.fixture(params=["made", pytest.param("real", marks=pytest.mark.shared_data)])
def patches(request: pytest.FixtureRequest) -> list[NDArray[np.int16]]:
    if request.param == "made":
        return made_patches()
    real = real_patches(request.getfixturevalue("shared_data"))
    assert len(real) == 20
    assert sum(int((published(p) > 0).sum()) for p in real) > 100_000
    return real


def test_union_is_the_published_rule(patches: list[NDArray[np.int16]]) -> None:
    for patch in patches:
        for label in (patch, patch[:, :, patch.shape[2] // 2]):  # 3D, and the 2D thinning of an axial slice
            rule = published(label)
            np.testing.assert_array_equal(tubed_skeleton(label, fallback=False), rule)
            with_fallback = tubed_skeleton(label)
            added = (with_fallback != rule) & (rule == 0)
            assert np.array_equal(with_fallback[~added], rule[~added])
            assert not set(np.unique(label)) - set(np.unique(with_fallback))
            pieces, _ = ndimage.label(label > 0, np.ones((3,) * label.ndim))
            lacked = ~np.isin(label, rule[rule > 0]) | ~np.isin(pieces, pieces[rule > 0])
            assert lacked[added].all(), "added where the rule left nothing to add"


def test_every_region_has_a_tube_of_its_own_per_region(patches: list[NDArray[np.int16]]) -> None:
    for patch in patches[:5]:
        tube, rule = tubed_skeleton(patch, "per_region"), tubed_skeleton(patch, "per_region", fallback=False)
        for value in np.unique(patch[patch > 0]):
            alone = np.where(patch == value, patch, 0)
            np.testing.assert_array_equal(tube == value, tubed_skeleton(alone) == value)
            np.testing.assert_array_equal(rule == value, published(alone) == value)
        assert (tube > 0).sum() > (tubed_skeleton(patch) > 0).sum(), "regions that touch share a centre in the union"


def bars(size: int) -> NDArray[np.int16]:
    """Two bars of even thickness, which scikit-image thins to nothing (scikit-image issue 3757)."""
    label = np.zeros((30, 30, 40), np.int16)
    label[3 : 3 + size, 3 : 3 + size, 5:29] = 1
    label[16 : 16 + size, 16 : 16 + size, 5:29] = 2
    return label


@pytest.mark.parametrize("mode", ["union", "per_region"])
def test_shapes_that_thinning_deletes_get_their_ridge(mode: str) -> None:
    label = bars(8)
    assert not published(label).any(), "scikit-image has mended this: look for another shape"
    tube = tubed_skeleton(label, mode)  # type: ignore[arg-type]
    for value in (1, 2):
        ridge = tube == value
        assert 0 < ridge.sum() < 0.6 * (label == value).sum()
        assert np.ptp(np.nonzero(ridge)[2]) > 12, "the ridge runs along the bar"
    assert not tubed_skeleton(label, mode, fallback=False).any()  # type: ignore[arg-type]


def test_small_square_in_2d_is_not_lost() -> None:
    label = np.zeros((12, 12), np.uint8)
    label[4:6, 4:6] = 3
    assert (tubed_skeleton(label) == 3).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64])
def test_type_shape_and_values_are_kept(dtype: type) -> None:
    label = bars(5).astype(dtype)
    before = label.copy()
    tube = tubed_skeleton(label)
    assert tube.dtype == dtype
    assert tube.shape == label.shape
    assert ((tube == 0) | (tube == label)).all()
    np.testing.assert_array_equal(label, before)


@pytest.mark.parametrize("shape", [(0, 4), (6, 6, 6), (1, 5, 5)])
def test_no_foreground_gives_no_tube(shape: tuple[int, ...]) -> None:
    for mode in ("union", "per_region"):
        assert not tubed_skeleton(np.zeros(shape, np.int32), mode).any()  # type: ignore[arg-type]


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="integer array"):
        tubed_skeleton(np.zeros((4, 4), np.float32))
    with pytest.raises(ValueError, match="2 or 3 axes"):
        tubed_skeleton(np.zeros((1, 4, 4, 4), np.int16))
    with pytest.raises(ValueError, match="union"):
        tubed_skeleton(np.zeros((4, 4), np.int16), "regions")  # type: ignore[arg-type]
