"""Places that the network has got wrong, put right by white matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yucca_wm.models.alignment import fit_displacement, fit_polynomial, on_own_side
from yucca_wm.models.conventions import ATLAS_CENTRE_MM
from yucca_wm.models.mean_head import ORIGIN_MM, SHAPE, STEP_MM, MeanHead, shipped_mean_head

SIZE = (40, 50, 40)


def true_places_mm() -> np.ndarray:
    """A grid of 3 mm in the middle of the atlas, along its axes."""
    index = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in SIZE), indexing="ij"))
    return index * 3.0 + ATLAS_CENTRE_MM[:, None, None, None]


def warped(places_mm: np.ndarray, shift_mm: np.ndarray, scale: float, bow_mm: float) -> np.ndarray:
    """Wrong places: moved, too large and bowed from front to back; the midplane stays."""
    centre = ATLAS_CENTRE_MM[:, None, None, None]
    u = places_mm - centre
    wrong = centre + u * scale + shift_mm[:, None, None, None]
    wrong[2] += bow_mm * (u[1] / 50) ** 2
    return wrong


@pytest.mark.parametrize(
    ("shift_mm", "scale", "bow_mm"), [((0, 4, -3), 1.0, 0), ((0, 0, 0), 1.06, 0), ((0, -2, 2), 0.97, 4)]
)
def test_wrong_places_are_put_right(shift_mm: tuple[float, ...], scale: float, bow_mm: float) -> None:
    head, true = shipped_mean_head(), true_places_mm()
    wrong = warped(true, np.array(shift_mm), scale, bow_mm)
    fitted = fit_polynomial(head, wrong, head.at(true), np.ones(SIZE, bool))
    before, after = (np.linalg.norm(places - true, axis=0).mean() for places in (wrong, fitted))
    assert before > 2
    assert after < 0.3 * before


def test_the_midplane_stays_where_the_network_sees_it() -> None:
    """White matter that lies 5 mm to the left would draw all places with it."""
    head, true = shipped_mean_head(), true_places_mm()
    moved = true + np.array([5.0, 0, 0])[:, None, None, None]
    fitted = fit_polynomial(head, true, head.at(moved), np.ones(SIZE, bool))
    on_plane = ATLAS_CENTRE_MM[0] + 1e-9
    assert ((fitted[0] > on_plane) == (true[0] > on_plane)).all()


def pushed(places_mm: np.ndarray) -> np.ndarray:
    """Places of the left half's middle are up to 5 mm too far to the front, which no polynomial of order 3 follows."""
    u = places_mm - (ATLAS_CENTRE_MM + np.array([-30.0, 0, 10]))[:, None, None, None]
    wrong = places_mm.copy()
    wrong[1] += 5 * np.exp(-(u**2).sum(0) / (2 * 12**2))
    return wrong


def test_a_field_follows_what_a_polynomial_cannot() -> None:
    head, true = shipped_mean_head(), true_places_mm()
    wrong, everywhere = pushed(true), np.ones(SIZE, bool)
    far = np.abs(wrong - true).max(0) > 2
    stiff = fit_polynomial(head, wrong, head.at(true), everywhere)
    followed = fit_displacement(head, stiff, head.at(true), everywhere)
    errors_mm = [np.linalg.norm(places - true, axis=0)[far].mean() for places in (wrong, stiff, followed)]
    assert errors_mm[0] > 2.5
    assert errors_mm[1] > 0.8 * errors_mm[0]
    assert errors_mm[2] < 0.6 * errors_mm[0]


def test_a_field_pulls_nothing_that_does_not_count() -> None:
    head, true = shipped_mean_head(), true_places_mm()
    noise = np.random.default_rng(0).random(SIZE)
    np.testing.assert_allclose(fit_displacement(head, true, noise, np.zeros(SIZE, bool)), true, atol=1e-3)


def test_what_crosses_the_midplane_stops_on_it() -> None:
    middle = ATLAS_CENTRE_MM[0]
    seen = np.array([[middle - 2, middle - 2, middle + 1], [10.0, 20, 30], [1.0, 2, 3]])
    fitted = np.array([[middle - 4, middle + 3, middle - 5], [11.0, 21, 31], [4.0, 5, 6]])
    wanted = np.array([[middle - 4, middle, middle], [11.0, 21, 31], [4.0, 5, 6]])
    np.testing.assert_array_equal(on_own_side(fitted, seen), wanted)


def test_what_does_not_count_and_what_does_not_help_changes_nothing() -> None:
    head, true = shipped_mean_head(), true_places_mm()
    nowhere = np.zeros(SIZE, bool)
    assert fit_polynomial(head, true, head.at(true), nowhere) is true
    right = fit_polynomial(head, true, head.at(true), np.ones(SIZE, bool))
    assert np.linalg.norm(right - true, axis=0).mean() < 0.2
    wrong = warped(true, np.array([0, 3.0, 0]), 1.0, 0)
    half = np.zeros(SIZE, bool)
    half[:, :, 15:] = True
    share = np.where(half, head.at(true), np.random.default_rng(0).random(SIZE))
    fitted = fit_polynomial(head, wrong, share, half)
    assert np.linalg.norm(fitted - true, axis=0)[half].mean() < 1.5


def test_it_is_written_and_read_and_looks_like_a_brain(tmp_path: Path) -> None:
    head = shipped_mean_head()
    again = MeanHead.load(head.save(tmp_path / "mean_head.npz"))
    assert np.array_equal(again.white_matter, head.white_matter)
    assert head.white_matter.shape == SHAPE
    assert 350 < head.white_matter.sum() * STEP_MM**3 / 1000 < 650, "ml, in the atlas"
    planes = np.arange(SHAPE[0]) * STEP_MM + ORIGIN_MM[0]
    mean_mm = (head.white_matter.sum((1, 2)) * planes).sum() / head.white_matter.sum()
    assert mean_mm == pytest.approx(ATLAS_CENTRE_MM[0], abs=3)
