"""Rules of anatomy, each on a few voxels by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from yucca_wm.imaging.field_of_view import FieldOfView
from yucca_wm.imaging.images import Image
from yucca_wm.models import lesion_rules, tissue_rules
from yucca_wm.models.brain import Brain
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.conventions import SIZE, TISSUES


def nowhere(points: np.ndarray) -> np.ndarray:
    """No point is at the top of the head."""
    return np.zeros(len(points), bool)


def everywhere(points: np.ndarray) -> np.ndarray:
    return np.ones(len(points), bool)


def shown(grid: Canonical, first: int = 0, end: int | None = None) -> dict[str, FieldOfView]:
    """Of a T1 that shows the planes from ``first`` up to ``end`` (not included)."""
    scan = np.zeros(grid.shape, np.float32)
    scan[:, :, first:end] = 1
    return {"T1": FieldOfView.of(scan)}


OTHERS = ("cortical_grey_matter", "other_csf")


def test_specks_and_far_parts_of_the_ventricles_are_of_the_next_likely_class() -> None:
    """Of 2 mm3: a body of 400 mm3, a horn of 128 mm3 10 mm off, a speck of 16 mm3 beside it, 128 mm3 40 mm off."""
    ventricles, cortex = TISSUES["lateral_ventricles"], TISSUES["cortical_grey_matter"]
    parts = {"body": np.s_[0:10, 0:10, 0:2], "horn": np.s_[19:23, 0:4, 0:4], "speck": np.s_[0:2, 20:22, 0:2]}
    parts["far"] = np.s_[49:53, 0:4, 0:4]
    probability = torch.zeros((len(TISSUES), 60, 30, 5))
    probability[cortex] = 0.4
    probability[0] = 0.6
    for part in parts.values():
        probability[(0, *part)], probability[(ventricles, *part)] = 0, 0.6
    grid = Canonical.of(Image(np.zeros((60, 30, 5)), np.diag([1.0, 1, 2, 1])))
    tissue = tissue_rules.keep_whole(probability, grid)
    assert torch.equal(tissue, probability.argmax(0))
    assert {name: int(tissue[part].unique()) for name, part in parts.items()} == {
        "body": ventricles, "horn": ventricles, "speck": cortex, "far": cortex,
    }  # fmt: skip
    assert (tissue == ventricles).sum() == 200 + 64
    probability[ventricles] = 0
    assert not (tissue_rules.keep_whole(probability, grid) == ventricles).any()  # none at all


def test_specks_of_cerebellum_and_brainstem_are_of_the_next_likely_class() -> None:
    """Of 2 mm3: bodies of 400 mm3, of cerebellum also 100 mm3 far off, which stay, and 98 mm3 (7 x 7), which go; two
    voxels of brainstem that touch by a corner go too, and so they do where cerebellum is the next likely."""
    cerebellum, brainstem, white = (TISSUES[n] for n in ("cerebellum", "brainstem", "cerebral_white_matter"))
    probability = torch.zeros((len(TISSUES), 60, 40, 5))
    probability[0], probability[white] = 0.5, 0.3
    parts = {
        (cerebellum, "body"): np.s_[0:10, 0:10, 0:2], (cerebellum, "part"): np.s_[50:60, 35:40, 4:5],
        (cerebellum, "speck"): np.s_[0:7, 20:27, 3:4], (brainstem, "body"): np.s_[20:30, 0:10, 0:2],
        (brainstem, "speck"): np.s_[30:31, 10:11, 3:4], (brainstem, "at its corner"): np.s_[31:32, 11:12, 4:5],
        (brainstem, "on cerebellum"): np.s_[40:42, 20:22, 1:2],
    }  # fmt: skip
    for (label, _), part in parts.items():
        probability[(label, *part)], probability[(0, *part)] = 0.6, 0
    on_cerebellum = parts[brainstem, "on cerebellum"]
    probability[(cerebellum, *on_cerebellum)] = 0.4
    grid = Canonical.of(Image(np.zeros((60, 40, 5)), np.diag([1.0, 1, 2, 1])))
    tissue = tissue_rules.keep_whole(probability, grid)
    assert torch.equal(tissue, probability.argmax(0))
    assert [int(tissue[part].unique()) for part in parts.values()] == [
        cerebellum, cerebellum, white, brainstem, white, white, white,
    ]  # fmt: skip
    assert (tissue == cerebellum).sum() == 200 + 50
    assert (tissue == brainstem).sum() == 200
    assert (tissue == white).sum() == 49 + 1 + 1 + 4


def test_every_rule_on_lesions_that_were_labelled_once_finds_what_it_finds_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Random lesions, tissue, FLAIR (with a border of nothing) and brain; they are labelled again after each rule."""
    draw = np.random.default_rng(5)
    shape = (48, 40, 30)
    grid = Canonical.of(Image(np.zeros(shape), np.diag([1.0, 1, 3, 1])))
    lesions = ndimage.binary_dilation(draw.random(shape) < 0.004, np.ones((3, 3, 1)), iterations=1)
    coarse = draw.integers(1, len(TISSUES) - 1, (8, 5, 5))
    tissue = coarse.repeat(6, 0).repeat(8, 1).repeat(6, 2)
    flair = draw.normal(100, 10, shape).astype(np.float32)
    flair[:, :, 27:] = 0
    probability = torch.from_numpy(draw.dirichlet(np.ones(37), SIZE).astype(np.float32)).permute(3, 0, 1, 2)
    probability[35, : SIZE[0] // 2] += 1
    brain = Brain(probability / probability.sum(0), np.array([24.0, 20, 45]))

    def high(points: np.ndarray) -> np.ndarray:
        return points[:, 2] > 10

    monkeypatch.setattr(lesion_rules, "at_the_top", lambda _brain, _grid, points: high(points))
    t1 = np.ones(shape, np.float32)
    t1[:, :, :2] = 0
    views = {"T1": FieldOfView.of(t1), "FLAIR": FieldOfView.of(flair)}
    steps = [lesions]
    for rule in (
        lambda labels: lesion_rules.plausible(labels, tissue, grid)[labels],
        lambda labels: lesion_rules.away_from_ends(labels, brain, grid, views, high)[labels] & (labels > 0),
        lambda labels: lesion_rules.brighter_than_cortex(labels, flair, views["FLAIR"], tissue, high),
    ):
        steps.append(rule(lesion_rules.labelled(steps[-1])))
    assert [int(lesion_rules.labelled(step).max()) for step in steps] == [191, 158, 136, 62]
    found = lesion_rules.plausible_lesions(lesions, tissue, brain, grid, flair, views)
    np.testing.assert_array_equal(found, steps[3])


@pytest.mark.parametrize("spacing", [0.9999998, 1.0, 1.0000002])
def test_a_header_that_rounds_a_millimetre_rejects_nothing(spacing: float) -> None:
    """10 voxels are 10 mm3, which is enough, 9 are not; the fifth plane from the end is within 5 mm, the sixth not."""
    grid = Canonical.of(Image(np.zeros((40, 40, 8)), np.diag([spacing, spacing, spacing, 1])))
    labels = np.zeros((40, 40, 8), np.int32)
    labels[5, 5:15, 4], labels[15, 5:14, 4], labels[25, 5:15, 5] = 1, 2, 3
    tissue = np.full(labels.shape, TISSUES["cerebral_white_matter"], np.uint8)
    assert lesion_rules.plausible(labels, tissue, grid).tolist() == [False, True, False, True]
    probability = torch.zeros(37, *SIZE)
    probability[35] = 1.0
    brain = Brain(probability, np.array([20.0, 20, 4]))
    stays = lesion_rules.away_from_ends(labels, brain, grid, shown(grid), nowhere)
    assert stays.tolist() == [True, False, False, True]


def test_what_lies_between_two_lesions_borders_on_both() -> None:
    """Lesions of 3 x 3 x 2 voxels, a column of white matter between them, fluid around: 5 of the 16 border voxels of
    each in a plane (.31) are white matter. All counted for the one of the higher number; the other was rejected."""
    tissue = np.full((40, 40, 6), TISSUES["other_csf"], np.uint8)
    tissue[:, :, :2] = TISSUES["cerebral_white_matter"]  # 3.2 ml
    tissue[20, 17:22, 2:5] = TISSUES["cerebral_white_matter"]
    lesions = np.zeros(tissue.shape, bool)
    lesions[17:20, 18:21, 3:5] = lesions[21:24, 18:21, 3:5] = True
    grid = Canonical.of(Image(np.zeros(tissue.shape), np.eye(4)))
    assert lesion_rules.plausible(lesion_rules.labelled(lesions), tissue, grid).tolist() == [False, True, True]


def test_the_septum_is_no_lesion() -> None:
    """Voxels of 1 x 1 x 3 mm; ventricles at x = 10 to 14 and 20 to 24, y = 0 to 19, white matter elsewhere."""
    tissue = np.full((40, 40, 8), TISSUES["cerebral_white_matter"], np.uint8)
    tissue[10:15, :20], tissue[20:25, :20] = TISSUES["lateral_ventricles"], TISSUES["lateral_ventricles"]
    parts = {
        "septum": np.s_[16:19, 4:10, 5], "half in it": np.s_[16:19, 17:23, 1], "a third in it": np.s_[16:19, 18:24, 3],
        "beside one": np.s_[26:29, 4:10, 5],
    }  # fmt: skip
    lesions = np.zeros(tissue.shape, bool)
    for part in parts.values():
        lesions[part] = True
    grid = Canonical.of(Image(np.zeros(tissue.shape), np.diag([1.0, 1, 3, 1])))
    labels = lesion_rules.labelled(lesions)
    kept = lesion_rules.plausible(labels, tissue, grid)[labels]
    assert {name for name, part in parts.items() if kept[part].all()} == {"a third in it", "beside one"}
    assert kept.sum() == 18 + 18


def test_the_cord_in_the_lowest_planes_is_no_lesion() -> None:
    """Planes of 3 mm: two of them end at 3 mm, within 5 mm of the lowest, three at 6 mm. The left half is remainder."""
    probability = torch.zeros((37, *SIZE))
    probability[35, : SIZE[0] // 2], probability[1, SIZE[0] // 2 :] = 1, 1
    grid = Canonical.of(Image(np.zeros((40, 40, 8)), np.diag([1.0, 1, 3, 1])))
    brain = Brain(probability, np.array([20.0, 20, 12]))
    parts = {"cord": np.s_[2:6, 3:6, 0:2], "higher": np.s_[2:6, 30:34, 0:3], "right": np.s_[30:34, 3:6, 0:2]}
    lesions = np.zeros(grid.shape, bool)
    for part in parts.values():
        lesions[part] = True
    labels = lesion_rules.labelled(lesions)
    kept = lesion_rules.away_from_ends(labels, brain, grid, shown(grid), nowhere)[labels] & lesions
    assert {name for name, part in parts.items() if kept[part].all()} == {"higher", "right"}
    assert kept.sum() == 4 * 4 * 3 + 4 * 3 * 2
    assert lesion_rules.away_from_ends(labels * 0, brain, grid, shown(grid), nowhere).tolist() == [True]  # no lesion


def test_planes_that_show_nothing_do_not_hide_the_cord() -> None:
    """The same lesion, from the scan's lowest plane up, with and without 18 mm of nothing below."""
    probability = torch.zeros((37, *SIZE))
    probability[35] = 1
    for empty in (0, 6):
        grid = Canonical.of(Image(np.zeros((40, 40, 8 + empty)), np.diag([1.0, 1, 3, 1])))
        lesions = np.zeros(grid.shape, np.uint8)
        lesions[2:6, 3:6, empty : empty + 2] = 1
        brain = Brain(probability, np.array([20.0, 20, 12 + 3 * empty]))
        stays = lesion_rules.away_from_ends(lesions, brain, grid, shown(grid, empty), nowhere)
        assert stays.tolist() == [True, False]


@pytest.mark.parametrize("thick_mm", [3.0, 6.0])
def test_the_crowns_of_gyri_in_the_highest_planes_are_no_lesions(thick_mm: float) -> None:
    """z = 17 is the highest plane shown, two more are padding. Two planes of 3 mm are 3 mm from it, within 5 mm, three
    are 6 mm; of 6 mm, two are. Where x < 10 it is the top of the head; beyond, the scan just ends there."""
    grid = Canonical.of(Image(np.zeros((40, 40, 20)), np.diag([1.0, 1, thick_mm, 1])))
    brain = Brain(torch.zeros((37, *SIZE)), np.array([20.0, 20, 12]))
    parts = {
        "one": np.s_[2:6, 3:6, 17:18], "two": np.s_[2:6, 13:16, 16:18], "three": np.s_[2:6, 23:26, 15:18],
        "lower": np.s_[2:6, 33:36, 10:11], "elsewhere": np.s_[22:26, 3:6, 17:18],
    }  # fmt: skip
    labels = np.zeros(grid.shape, np.uint8)
    for number, part in enumerate(parts.values(), start=1):
        labels[part] = number
    stays = lesion_rules.away_from_ends(labels, brain, grid, shown(grid, 0, 18), lambda points: points[:, 0] < 10)
    gone = ["one", "two"] if thick_mm == 3 else ["one"]
    assert [name for name, kept in zip(parts, stays[1:].tolist(), strict=True) if not kept] == gone


def test_what_lies_beyond_the_flair_is_judged_by_the_end_of_the_t1() -> None:
    """The T1 shows z = 2 to 27, the FLAIR 10 to 19, in planes of 3 mm, all remainder and all the top of the head: gone
    is what lies within two planes of an end, of the scan or the FLAIR, and wholly on its near side."""
    probability = torch.zeros((37, *SIZE))
    probability[35] = 1
    grid = Canonical.of(Image(np.zeros((40, 40, 30)), np.diag([1.0, 1, 3, 1])))
    views = {"T1": shown(grid, 2, 28)["T1"], "FLAIR": shown(grid, 10, 20)["T1"]}
    brain = Brain(probability, np.array([20.0, 20, 45]))
    planes = {
        (2, 4): False, (2, 5): True, (5, 7): True, (8, 12): True, (10, 12): False, (13, 15): True, (18, 20): False,
        (18, 22): True, (21, 23): True, (26, 28): False,
    }  # fmt: skip
    for (first, end), kept in planes.items():
        labels = np.zeros(grid.shape, np.uint8)
        labels[18:22, 18:22, first:end] = 1
        stays = lesion_rules.away_from_ends(labels, brain, grid, views, everywhere)
        assert stays.tolist() == [True, kept], (first, end)


@pytest.mark.parametrize("sign", [1, -1])
def test_ends_may_be_tilted_to_the_grid(sign: int) -> None:
    """Voxels of 1 x 1 x 2 mm; the scan ends in z mm = 40 + x mm / 2, upwards or, turned over, downwards. A point h mm
    above or below is h cos(atan 1/2) = .894 h mm away: 4 mm are near, 6 mm are 5.4 mm away. All is top or remainder."""
    x, _, z = np.indices((60, 40, 60))
    inside = 2 * z <= 40 + x / 2
    grid = Canonical.of(Image(np.zeros(inside.shape), np.diag([1.0, 1, 2, 1])))
    probability = torch.zeros((37, *SIZE))
    probability[35] = 1
    brain = Brain(probability, np.array([30.0, 20, 60]))
    boxes = {"near": np.s_[28:30, 10, 25:27], "deeper": np.s_[28:30, 20, 24:27], "on the side": np.s_[:2, 30, 5:8]}
    labels = np.zeros(inside.shape, np.uint8)
    for number, box in enumerate(boxes.values(), start=1):
        labels[box] = number
    assert not labels[~inside].any()
    view = {"T1": FieldOfView.of(inside[..., ::sign])}
    stays = lesion_rules.away_from_ends(labels[..., ::sign], brain, grid, view, everywhere)
    assert [name for name, kept in zip(boxes, stays[1:], strict=True) if not kept] == ["near"]


def test_lesions_and_white_matter_astray_are_given_to_the_other_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three voxels, lesions with .6 and white matter with .2, the middle one lies where neither can be: cortex and
    fluid, .05 and .15 of it, have a quarter and three quarters then."""
    monkeypatch.setattr(tissue_rules, "lesion_bearing", lambda _brain, _grid, voxels: voxels[2] != 1)
    lesion, white, cortex, fluid = (TISSUES[n] for n in ("lesion", "cerebral_white_matter", *OTHERS))
    probability = torch.zeros((len(TISSUES), 1, 1, 4))
    probability[lesion] = torch.tensor([0.6, 0.6, 0.6, 0.005])
    probability[white] = torch.tensor([0.2, 0.2, 0.2, 0.0])
    probability[cortex] = torch.tensor([0.2, 0.05, 0.2, 0.995])
    probability[fluid, 0, 0, 1] = 0.15
    brain, grid = Brain(torch.zeros((37, *SIZE)), np.zeros(3)), Canonical.of(Image(np.zeros((1, 1, 4)), np.eye(4)))
    tissue_rules.keep_in_place(probability, brain, grid)
    assert probability[lesion, 0, 0].tolist() == pytest.approx([0.6, 0, 0.6, 0.005])
    assert probability[white, 0, 0].tolist() == pytest.approx([0.2, 0, 0.2, 0])
    assert probability[cortex, 0, 0].tolist() == pytest.approx([0.2, 0.25, 0.2, 0.995])
    assert probability[fluid, 0, 0, 1] == pytest.approx(0.75)
    probability[:, 0, 0, 1] = 0
    probability[white, 0, 0, 1] = 1  # nothing else was thought of: background; no lesion need be near
    tissue_rules.keep_in_place(probability, brain, grid)
    assert probability[:, 0, 0, 1].tolist() == [1, *[0] * 8]


def test_what_is_no_brighter_than_cortex_on_flair_is_no_lesion() -> None:
    """Cortex 90, 100, 110: median 100, median deviation 10, so the least median is 100 + 1.5 * 14.826 = 122.2.

    The rule is of the top of the head: here of all but z = 1.
    """
    flair = np.full((6, 5, 8), 50.0, np.float32)
    tissue = np.full(flair.shape, TISSUES["cerebral_white_matter"])
    tissue[0] = TISSUES["cortical_grey_matter"]  # x = 0
    flair[0] = np.tile([90, 90, 100, 110, 110], 8).reshape(5, 8)
    lesions = np.zeros(flair.shape, bool)
    lesions[2:5, 4, 1], flair[2:5, 4, 1] = True, 60
    for z, (low, middle, high) in {0: (60, 122, 500), 2: (60, 123, 500), 4: (500, 500, 60), 6: (0, 0, 0)}.items():
        lesions[2:5, 2, z] = True
        flair[2:5, 2, z] = low, middle, high
    flair[:, :, 6:] = 0  # beyond the FLAIR's field of view
    labels = lesion_rules.labelled(lesions)
    kept = lesion_rules.brighter_than_cortex(
        labels, flair, FieldOfView.of(flair), tissue, lambda points: points[:, 2] != 1
    )
    assert kept[2:5, 4, 1].all()
    assert [bool(kept[2:5, 2, z].all()) for z in (0, 2, 4, 6)] == [False, True, True, True]
    assert not kept[2:5, 2, 0].any()
    assert not (kept & ~lesions).any()
