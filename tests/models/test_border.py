"""How much white matter there is, and where, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from yucca_wm.imaging.images import Image
from yucca_wm.models import border
from yucca_wm.models.border import redraw_border
from yucca_wm.models.brain import Brain, CoarseOutput
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.conventions import SIZE, SPACING_MM, TISSUES, in_units
from yucca_wm.models.mean_head import ORIGIN_MM, STEP_MM, shipped_mean_head

WHITE, CORTEX, DEEP, VENTRICLES = (
    TISSUES[name]
    for name in ("cerebral_white_matter", "cortical_grey_matter", "deep_grey_matter", "lateral_ventricles")
)
GRID = Canonical.of(Image(np.zeros((2, 10, 10), np.uint8), np.eye(4)))


def drawn(
    found: list[dict[int, float]], place: torch.Tensor | None = None, in_regions: tuple[int, int] = (7, 7)
) -> list[dict[int, int]]:
    """Voxels of each class in two planes x of 100, in which ``found`` are the probabilities."""
    regions = np.broadcast_to(np.reshape(in_regions, (2, 1, 1)), GRID.shape)
    probability = torch.zeros((len(TISSUES), *GRID.shape))
    for x, classes in enumerate(found):
        for label, value in classes.items():
            probability[label, x] = value
    place = torch.zeros(3) if place is None else place
    look = CoarseOutput(torch.zeros(SIZE), place[:, None, None, None].expand(3, *SIZE))
    brain = Brain(torch.zeros((2, *SIZE)), np.full(3, 3.0 * SPACING_MM))
    tissue = probability.argmax(0)
    before = tissue.clone()
    after = redraw_border(tissue, probability, np.asarray(regions, np.uint8), look, brain, GRID)
    assert torch.equal(tissue, before)
    counts = (np.unique(plane.numpy(), return_counts=True) for plane in after)
    return [dict(zip(labels.tolist(), n.tolist(), strict=True)) for labels, n in counts]


def in_the_mean_head(monkeypatch: pytest.MonkeyPatch, *shares: float) -> None:
    """Heads have white matter in these shares in the two planes."""
    fixed = np.repeat(np.asarray(shares, np.float32), 100)
    monkeypatch.setattr(border, "shipped_mean_head", lambda: SimpleNamespace(at=lambda mm: fixed[: len(mm.T)]))


@pytest.mark.parametrize(
    ("found", "shares", "wanted"),
    [
        # 25 + 75 are white: where the scans show it, if heads have it anywhere
        ([{WHITE: 0.25, CORTEX: 0.75}, {WHITE: 0.75, CORTEX: 0.25}], (0.5, 0.5), [{CORTEX: 100}, {WHITE: 100}]),
        # odds 1/3 x 4 and 3 / 4; 1/3 x 2 and 3 / 2
        ([{WHITE: 0.25, CORTEX: 0.75}, {WHITE: 0.75, CORTEX: 0.25}], (0.8, 0.2), [{WHITE: 100}, {CORTEX: 100}]),
        ([{WHITE: 0.25, CORTEX: 0.75}, {WHITE: 0.75, CORTEX: 0.25}], (2 / 3, 1 / 3), [{CORTEX: 100}, {WHITE: 100}]),
        # thin white matter that is nowhere the most probable: 40 + 40 are white, where more heads have it
        ([{WHITE: 0.4, CORTEX: 0.6}] * 2, (0.4, 0.6), [{CORTEX: 100}, {WHITE: 80, CORTEX: 20}]),
        # the mean head is never sure: odds 9 and .25 x .98 / .02 = 12.25; 19 and 12.25; 90 + 20 and 95 + 20 are white
        ([{WHITE: 0.9, CORTEX: 0.1}, {WHITE: 0.2, CORTEX: 0.8}], (0.5, 1.0), [{WHITE: 10, CORTEX: 90}, {WHITE: 100}]),
        ([{WHITE: 0.95, CORTEX: 0.05}, {WHITE: 0.2, CORTEX: 0.8}], (0.5, 1.0), [{WHITE: 100}, {WHITE: 15, CORTEX: 85}]),
        # the rest is of the more probable grey; both count against white
        ([{WHITE: 0.5, CORTEX: 0.2, DEEP: 0.3}, {DEEP: 1.0}], (0.5, 0.5), [{WHITE: 50, DEEP: 50}, {DEEP: 100}]),
        # nothing else is shared out
        ([{WHITE: 0.3, CORTEX: 0.25, VENTRICLES: 0.45}, {CORTEX: 1.0}], (1.0, 0.0), [{VENTRICLES: 100}, {CORTEX: 100}]),
        # what is sure stays
        ([{WHITE: 1.0}, {CORTEX: 1.0}], (0.0, 1.0), [{WHITE: 100}, {CORTEX: 100}]),
    ],
)  # fmt: skip
def test_as_much_white_matter_as_the_scans_show(
    found: list[dict[int, float]],
    shares: tuple[float, float],
    wanted: list[dict[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_the_mean_head(monkeypatch, *shares)
    assert drawn(found) == [dict(sorted(counts.items())) for counts in wanted]


def test_no_region_takes_white_matter_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """40 of each 100; in one region all 80 would lie where more heads have white matter."""
    in_the_mean_head(monkeypatch, 0.4, 0.6)
    found = [{WHITE: 0.4, CORTEX: 0.6}] * 2
    assert drawn(found, in_regions=(36, 1)) == [{WHITE: 40, CORTEX: 60}] * 2


@pytest.mark.parametrize(("share", "white"), [(0.0, 30), (1.0, 30)])
def test_the_mean_head_does_not_say_how_much(share: float, white: int) -> None:
    index = np.argwhere(shipped_mean_head().white_matter == share)[0]
    place = torch.from_numpy(in_units(index * STEP_MM + ORIGIN_MM).astype(np.float32))
    found = [{WHITE: 0.05, CORTEX: 0.95}, {WHITE: 0.25, CORTEX: 0.75}]
    assert drawn(found, place) == [{CORTEX: 100}, {WHITE: white, CORTEX: 100 - white}]
