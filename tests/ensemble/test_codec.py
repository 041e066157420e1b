from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yucca_wm.ensemble import codec


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32), st.tuples(*[st.integers(1, 6)] * 3, st.integers(1, 20)), st.integers(1, 16), st.floats(0, 1)
)
def test_unpack_undoes_pack(seed: int, shape: tuple[int, ...], bits: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 2**bits, shape).astype(np.uint16)
    levels[rng.random(shape) > density] = 0
    occupied, restored = codec.unpack(codec.pack(levels), shape)
    np.testing.assert_array_equal(restored, levels)
    assert not levels[~occupied].any()


def test_quantisation_error_is_at_most_half_a_step() -> None:
    values = np.random.default_rng(0).random((3, 4, 5, 6)).astype(np.float32)
    for bits in (codec.MIN_BITS, codec.MAX_BITS):
        restored = codec.quantise(values, bits) / (2**bits - 1)
        assert np.abs(restored - values).max() <= 0.5001 / (2**bits - 1)


def test_softmax_survives_large_logits_and_sums_to_one() -> None:
    logits = np.array([[1e4, -1e4], [0.0, 0.0], [1e4, 5.0]])
    values = codec.softmax(logits)
    np.testing.assert_allclose(values, [[0.5, 0], [0, 1 / (1 + np.exp(5))], [0.5, 1 / (1 + np.exp(-5))]], atol=1e-6)


@pytest.mark.parametrize("damage", ["short", "long", "bomb", "other shape"])
def test_a_payload_that_does_not_fit_is_refused(damage: str) -> None:
    levels = np.arange(24, dtype=np.uint16).reshape(2, 3, 2, 2)
    payload = codec.pack(levels)
    shape: tuple[int, ...] = levels.shape
    if damage == "short":
        payload = payload[:-1]
    elif damage == "long":
        payload += b"x"
    elif damage == "bomb":
        payload = codec.pack(np.zeros((2, 300, 300, 30), np.uint16) + 1)
    else:
        shape = (2, 3, 3, 2)
    with pytest.raises(ValueError, match=r"^its? "):
        codec.unpack(payload, shape)
