from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.ensemble import store
from yucca_wm.ensemble.merge import Method, likeliest, merge

Make = Callable[..., Any]


@pytest.fixture
def members(tmp_path: Path, probabilities: Make, grid: Make) -> list[store.SoftmaxFile]:
    return [
        store.open_softmax(store.write_array(tmp_path / f"{seed}.npz", probabilities(seed), grid()))
        for seed in (1, 2, 3)
    ]


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 5.0]])
def test_mean_equals_full_precision(members: list[store.SoftmaxFile], probabilities: Make, weights: Any) -> None:
    full = np.average([probabilities(seed).astype(np.float64) for seed in (1, 2, 3)], axis=0, weights=weights)
    merged = merge(members, weights=weights, confidence=True)
    best = np.sort(full, axis=0)
    clear = best[-1] - best[-2] > 2e-4
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(merged.labels[clear], full.argmax(axis=0)[clear])
    assert merged.confidence is not None
    np.testing.assert_allclose(merged.confidence, full.max(axis=0), atol=3e-4)


def test_geometric_mean_lets_a_sure_no_weigh_more(tmp_path: Path, grid: Make) -> None:
    shape = (2, 2, 2)
    sure, unsure = (
        np.ones((3, *shape), np.float32) * np.array(p)[:, None, None, None] for p in ([0, 0.45, 0.55], [0.6, 0.3, 0.1])
    )
    files = [
        store.open_softmax(store.write_array(tmp_path / f"{n}.npz", p.astype(np.float32), grid(shape)))
        for n, p in enumerate((sure, unsure))
    ]
    assert (merge(files).labels == 1).all()
    geometric = merge(files, method=Method.GEOMETRIC, confidence=True)
    expected = np.sqrt([0, 0.45 * 0.3, 0.55 * 0.1])
    assert (geometric.labels == 1).all()
    assert geometric.confidence is not None
    np.testing.assert_allclose(geometric.confidence, expected[1] / expected.sum(), atol=0.01)


@pytest.mark.parametrize("method", list(Method))
def test_a_model_that_saw_nothing_somewhere_has_no_say_there(
    tmp_path: Path, probabilities: Make, grid: Make, method: Method
) -> None:
    first, second = probabilities(1), probabilities(2)
    box = ((0, 14), (0, 12), (0, 3))
    half = store.write(tmp_path / "half.npz", lambda lo, hi: first[:, lo:hi, :, :3], grid(), (0, 1, 2, 3, 4), box=box)
    whole = store.write_array(tmp_path / "whole.npz", second, grid())
    merged = merge([store.open_softmax(half), store.open_softmax(whole)], method=method, confidence=True)
    np.testing.assert_array_equal(merged.labels[..., 3:], second.argmax(axis=0)[..., 3:])
    np.testing.assert_allclose(merged.confidence[..., 3:], second.max(axis=0)[..., 3:], atol=1e-3)  # type: ignore[index]
    alone = merge([store.open_softmax(half)], method=method, confidence=True)
    assert not alone.labels[..., 3:].any()
    assert not alone.confidence[..., 3:].any()  # type: ignore[index]


def test_order_of_members_does_not_matter(members: list[store.SoftmaxFile]) -> None:
    np.testing.assert_array_equal(merge(members).labels, merge(members[::-1]).labels)


def test_other_classes_or_grid_are_refused(
    tmp_path: Path, members: list[store.SoftmaxFile], probabilities: Make, grid: Make
) -> None:
    moved = np.array(grid().affine)
    moved[0, 0] *= -1
    for values, place, problem in (
        (probabilities(1, classes=3), grid(), "classes"),
        (probabilities(1, shape=(14, 12, 5)), grid((14, 12, 5)), "shape"),
        (probabilities(1), grid(affine=moved), "affines differ"),
    ):
        other = store.open_softmax(store.write_array(tmp_path / "other.npz", values, place))
        with pytest.raises(InputError, match=problem):
            merge([members[0], other])


def test_likeliest_is_argmax_and_refuses_nan() -> None:
    values = np.random.default_rng(0).integers(0, 4, (6, 5, 4)).astype(np.float32)
    np.testing.assert_array_equal(likeliest(values), values.argmax(axis=0))
    values[3, 2, 2] = np.nan
    with pytest.raises(ValueError, match="not a number"):
        likeliest(values)
