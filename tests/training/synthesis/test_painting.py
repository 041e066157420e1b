"""What is painted is what is labelled: lesions where lesions lie, sides, contrasts, and the same again from a seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from yucca_wm.models.conventions import (
    ABSENT,
    ATLAS_CENTRE_MM,
    COORDINATE_UNIT_MM,
    LARGEST,
    LESION,
    OUTSIDE_BRAIN,
    TISSUES,
    normalised,
)
from yucca_wm.training.synthesis import planes
from yucca_wm.training.synthesis.contrast import FLUID, GREY, draw
from yucca_wm.training.synthesis.heads import Head
from yucca_wm.training.synthesis.lesions import BLOB_SITES, LEUKOCORTICAL, _blobs, lay_lesions
from yucca_wm.training.synthesis.planes import paint_planes
from yucca_wm.training.synthesis.structures import CEREBRAL_WM, CORTEX, LATERAL_VENTRICLE, structures_of
from yucca_wm.training.synthesis.volumes import paint_volume

SIZE = (64, 80)


def slab(head: Head, thickness: int = 3) -> tuple[tuple[Any, ...], Any]:
    """Voxels and structures [thickness, x, y] of straight planes through the middle."""
    z, x, y = np.indices((thickness, *head.structures.shape[:2]))
    voxels = (x, y, z + 30)
    return voxels, head.structures[voxels]


SITES = sorted({structure for _, site in BLOB_SITES for structure in site})


def test_lesions_lie_where_lesions_do(head: Head) -> None:
    voxels, structures = slab(head)
    distance_mm = head.ventricle_mm(voxels)
    seen = np.zeros(structures.shape, bool)
    for seed in range(40):
        found = lay_lesions(head, voxels, structures, distance_mm, np.random.default_rng(seed))
        assert np.isin(structures[found], (*SITES, CORTEX)).all()
        seen |= found
    assert seen[structures == CEREBRAL_WM].any()
    nowhere = np.where(np.isin(structures, SITES), CORTEX, structures)
    for seed in range(40):
        assert not lay_lesions(head, voxels, nowhere, distance_mm, np.random.default_rng(seed)).any()


def test_blobs_lie_in_every_site_as_often_as_said_and_reach_into_cortex_at_times() -> None:
    """A stripe of each structure, 12 pixels wide, and one of fluid and one of cortex at the ends.

    Where a blob's middle lies most: its site. Of 2,000 draws the shares of sites are .64, .14, .08 and .14 (standard
    deviation .011 at most).
    """
    stripes = [LATERAL_VENTRICLE, *SITES, CORTEX]
    structures = np.repeat(np.array(stripes, np.uint8), 12)[None, :, None] * np.ones((1, 1, 12), np.uint8)
    random, n = np.random.default_rng(1), 2000
    first = np.zeros(len(BLOB_SITES))
    with_cortex = 0
    for _ in range(n):
        found = structures[_blobs(structures, random)]
        assert LATERAL_VENTRICLE not in found
        inside = [np.isin(found, site).sum() / len(site) for _, site in BLOB_SITES]
        first[int(np.argmax(inside))] += 1
        with_cortex += CORTEX in found
    assert first / n == pytest.approx([share for share, _ in BLOB_SITES], abs=0.06)
    assert 0 < with_cortex < LEUKOCORTICAL * n
    assert not _blobs(np.full((1, 8, 8), CORTEX, np.uint8), random).any()


def test_a_lesion_in_a_volume_is_a_mask_in_white_matter(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a mask lies in white matter the intensity is a lesion's; nowhere else is anything different."""
    chosen: list[np.uint32] = []
    plain = Head.some_masks

    def some_masks(self: Head, n: int, random: np.random.Generator) -> np.uint32:
        chosen.append(plain(self, n, random))
        return chosen[-1]

    monkeypatch.setattr(Head, "some_masks", some_masks)
    without = replace(head, lesions=np.zeros_like(head.lesions))
    changed = 0
    for seed in range(4):
        one = paint_volume(head, np.random.default_rng(seed))
        two = paint_volume(without, np.random.default_rng(seed))
        np.testing.assert_array_equal(one.label, two.label)
        np.testing.assert_array_equal(one.coordinates, two.coordinates)
        changed += not np.array_equal(one.image, two.image)
    assert len(chosen) >= 2
    assert 0 < changed <= len(chosen) / 2, "each pair drew its masks alike; only those with lesions differ"


def test_which_masks_are_drawn(head: Head) -> None:
    random = np.random.default_rng(0)
    assert {int(head.some_masks(1, random)) for _ in range(50)} == {1, 2}
    assert int(head.some_masks(5, random)) == 3, "all there are"
    many = replace(head, n_masks=32)
    assert bin(int(many.some_masks(5, random))).count("1") == 5


def test_most_of_the_thickness_gives_the_label() -> None:
    structures = np.array([[[CORTEX, CEREBRAL_WM]], [[CEREBRAL_WM, CEREBRAL_WM]], [[CEREBRAL_WM, 13]], [[CORTEX, 13]]])
    lesions = np.zeros(structures.shape, bool)
    lesions[0, 0, 1] = True
    label = planes._label(structures.astype(np.uint8), lesions)
    # first pixel: 2 cortex, 2 white: the lower number; second: 1 lesion, 1 white, 2 fluid
    assert label.tolist() == [[TISSUES["cerebral_white_matter"], TISSUES["other_csf"]]]
    lesions[1, 0, 1] = True
    assert planes._label(structures.astype(np.uint8), lesions).tolist() == [[1, LESION]], "half of it is a lesion"
    assert planes._label(structures[:1].astype(np.uint8), lesions[:1]).tolist() == [[2, LESION]]


def test_planes_hold_what_they_say(head: Head) -> None:
    alone = {"T1": 0, "FLAIR": 0, "both": 0}
    for seed in range(30):
        for plane in paint_planes(head, SIZE, np.random.default_rng(seed), 2):
            assert plane.image.shape == (2, *SIZE)
            assert plane.image.dtype == np.float32
            assert plane.image.min() >= OUTSIDE_BRAIN
            assert plane.image.max() <= LARGEST
            assert plane.label.max() <= LESION
            absent = [bool((channel == ABSENT).all()) for channel in plane.image]
            assert not all(absent), "a scan is always given"
            alone["both" if not any(absent) else "FLAIR" if absent[0] else "T1"] += 1
    assert all(alone.values()), alone


def test_healthy_white_matter_has_faint_patches_far_below_a_lesion(head: Head) -> None:
    """Far from the ventricles: in half of the planes, at most `FAINT` of a lesion's contrast, only in white matter."""
    _, structures = slab(head)
    far = np.full(structures.shape, 1000, np.float32)
    nothing = np.zeros(structures.shape, bool)
    sample = planes.Slab(structures, far, nothing, nothing)
    white, others = structures == CEREBRAL_WM, ~np.isin(structures, (CEREBRAL_WM, CORTEX))
    brightest = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        contrast = draw("FLAIR", random)
        added = planes._uneven_tissue(contrast, sample, random)
        assert not added[others].any()
        brightest.append(added[white].max() / (contrast.lesion - 1))
    assert 0.3 < max(brightest) <= planes.FAINT
    assert 0.35 < np.mean(np.array(brightest) > 0) < 0.65


def test_no_mask_cuts_into_the_brain(head: Head) -> None:
    _, structures = slab(head)
    brain = planes.LOOKUP.brain[structures].any(0)
    masks = [planes._mask(structures, np.random.default_rng(seed)) for seed in range(10)]
    assert all(mask[brain].all() for mask in masks)
    assert len({int(mask.sum()) for mask in masks}) > 3, "tight ones and wide ones"


def test_contrasts_are_those_of_their_kind() -> None:
    for seed in range(200):
        t1, flair, t2 = (draw(kind, np.random.default_rng(seed)) for kind in ("T1", "FLAIR", "T2"))
        for contrast in (t1, flair, t2):
            assert contrast.mean[CEREBRAL_WM] == 1
            assert (contrast.mean >= 0).all()
            assert (contrast.spread >= 0).all()
        assert t1.mean[CORTEX] < 1
        assert t1.mean[list(FLUID)].max() < t1.mean[CORTEX]
        assert 0.45 <= t1.lesion <= 1
        assert flair.lesion > 1.2
        assert flair.lesion > flair.mean[CORTEX] - 0.05
        assert flair.mean[list(FLUID)].max() < 1
        assert t2.mean[list(FLUID)].min() > max(t2.mean[list(GREY)].max(), 1)
    with pytest.raises(ValueError, match="PD"):
        draw("PD", np.random.default_rng(0))


class Forced:
    """A generator whose ``last`` call of ``random()`` gives ``value``; counts them."""

    def __init__(self, seed: int, last: int = -1, value: float = 0.0) -> None:
        self.plain, self.last, self.value, self.calls = np.random.default_rng(seed), last, value, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def random(self) -> float:
        self.calls += 1
        drawn = self.plain.random()
        return self.value if self.calls == self.last else drawn


def test_left_regions_lie_left_of_the_midplane(head: Head) -> None:
    for seed in range(12):
        volume = paint_volume(head, np.random.default_rng(seed))
        x_mm = volume.coordinates[0] * COORDINATE_UNIT_MM + ATLAS_CENTRE_MM[0]
        left, right = (volume.label > 0) & (volume.label <= 17), (volume.label > 17) & (volume.label <= 34)
        assert left.any()
        assert right.any()
        assert x_mm[left].max() <= ATLAS_CENTRE_MM[0] + 0.5
        assert x_mm[right].min() >= ATLAS_CENTRE_MM[0] - 0.5
        assert np.argwhere(left)[:, 0].mean() < np.argwhere(right)[:, 0].mean(), "mirrored"


def test_a_seed_paints_the_same_again(head: Head) -> None:
    def plane(seed: int) -> Any:
        return paint_planes(head, SIZE, np.random.default_rng(seed))[0]

    def volume(seed: int) -> Any:
        return paint_volume(head, np.random.default_rng(seed))

    for paint in (plane, volume):
        first, again, other = paint(3), paint(3), paint(4)
        assert all(np.array_equal(a, b) for a, b in zip(vars(first).values(), vars(again).values(), strict=True))
        assert not np.array_equal(first.image, other.image)


def test_a_volume_is_scaled_by_itself() -> None:
    image = np.zeros((4, 5, 5), np.float32)
    image[0] = np.linspace(1, 2, 25).reshape(5, 5)
    scaled = normalised(image)
    foreground = scaled[0]
    assert foreground.mean() == pytest.approx(0, abs=1e-5)
    assert foreground.std() == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(normalised(image * 300), scaled, atol=1e-3)
    assert not normalised(np.zeros((2, 2, 2), np.float32)).any()


def test_structures_of_freesurfers_numbers() -> None:
    labels = np.array([0, 2, 41, 3, 4, 43, 16, 77, 514, 999, 1001])
    found = structures_of(labels)
    assert found[1] == found[2] == found[7] == CEREBRAL_WM, "white-matter hypointensities are painted anew"
    assert found[4] == found[5]
    assert found[9] == found[10] == found.max(), "an unknown label lies outside the brain"
