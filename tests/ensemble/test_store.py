from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.ensemble import codec, store

SHAPE = (14, 12, 6)
Make = Callable[..., Any]


def test_reads_back_within_the_precision_it_says(tmp_path: Path, probabilities: Make, grid: Make) -> None:
    values = probabilities(1)
    opened = store.open_softmax(store.write_array(tmp_path / "a.npz", values, grid(), about={"model": "UNet"}))
    assert opened.bits == codec.MAX_BITS
    assert opened.about == {"model": "UNet"}
    assert opened.grid.shape == SHAPE
    np.testing.assert_array_equal(opened.grid.affine, grid().affine)
    np.testing.assert_allclose(opened.read(0, SHAPE[0]), values, atol=1 / 2**codec.MAX_BITS)


@pytest.mark.parametrize("planes", [1, 3, 14])
def test_any_planes_can_be_read_whatever_the_slabs(
    tmp_path: Path, planes: int, monkeypatch: pytest.MonkeyPatch, probabilities: Make, grid: Make
) -> None:
    monkeypatch.setattr(store, "SLAB_VOXELS", planes * SHAPE[1] * SHAPE[2])
    values = probabilities(2)
    opened = store.open_softmax(store.write_array(tmp_path / "a.npz", values, grid()))
    assert opened.planes_per_slab == planes
    for lo, hi in ((0, 1), (2, 9), (13, 14), (0, 14)):
        np.testing.assert_allclose(opened.read(lo, hi), values[:, lo:hi], atol=1e-4)


def test_outside_the_box_nothing_is_known(tmp_path: Path, probabilities: Make, grid: Make) -> None:
    values = probabilities(3)
    box = ((4, 11), (2, 9), (1, 5))
    inner = values[:, 4:11, 2:9, 1:5]
    path = store.write(tmp_path / "a.npz", lambda lo, hi: inner[:, lo:hi], grid(), (0, 1, 2, 3, 4), box=box)
    whole = store.open_softmax(path).read(0, SHAPE[0])
    np.testing.assert_allclose(whole[:, 4:11, 2:9, 1:5], inner, atol=1e-4)
    whole[:, 4:11, 2:9, 1:5] = 0
    assert not whole.any()


def test_same_input_same_bytes(tmp_path: Path, probabilities: Make, grid: Make) -> None:
    first, second = (store.write_array(tmp_path / name, probabilities(4), grid()).read_bytes() for name in "ab")
    assert first == second


def test_precision_gives_way_before_size(tmp_path: Path, grid: Make) -> None:
    rng = np.random.default_rng(0)
    noise = codec.softmax(3 * rng.standard_normal((37, 20, 20, 20)))
    path = store.write_array(tmp_path / "a.npz", noise, grid((20, 20, 20)))
    assert store.open_softmax(path).bits == codec.MIN_BITS


def test_every_flipped_bit_is_noticed_or_harmless(tmp_path: Path, probabilities: Make, grid: Make) -> None:
    """Flip one bit in every byte of a file: reading gives an InputError, or the same values and the same grid."""
    values = probabilities(5, classes=3, shape=(4, 3, 3))
    path = store.write_array(tmp_path / "a.npz", values, grid((4, 3, 3)))
    whole = path.read_bytes()
    right = store.open_softmax(path).read(0, 4)
    noticed = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            opened = store.open_softmax(path)
            values = opened.read(0, 4)
        except InputError:
            noticed += 1
            continue
        np.testing.assert_array_equal(values, right)
        np.testing.assert_array_equal(opened.grid.affine, grid().affine)
    assert noticed > 0.7 * len(whole)


def test_a_file_cut_short_is_refused(tmp_path: Path, probabilities: Make, grid: Make) -> None:
    path = store.write_array(tmp_path / "a.npz", probabilities(6), grid())
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="damaged"):
            store.open_softmax(path)


def test_a_header_that_claims_too_much_is_refused(tmp_path: Path, probabilities: Make, grid: Make) -> None:
    path = store.write_array(tmp_path / "a.npz", probabilities(7), grid())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for old, new in (
        (b'"shape": [14, 12, 6]', b'"shape": [999999, 999999, 6]'),
        (b'"version": 2', b'"version": 99'),
        (b'"version": 2', b'"version": 1'),
        (b'"box": [[0, 14]', b'"box": [[0, 15]'),
        (b'"classes": [0, 1, 2, 3, 4]', b'"classes": [0, 1, 1, 3, 4]'),
    ):
        assert old in members["header.json"]
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content.replace(old, new) if name == "header.json" else content)
        with pytest.raises(InputError):
            store.open_softmax(path)


def test_a_missing_slab_is_noticed(tmp_path: Path, probabilities: Make, grid: Make) -> None:
    path = store.write_array(tmp_path / "a.npz", probabilities(8), grid())
    with zipfile.ZipFile(path) as archive:
        header = archive.read("header.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", header)
    with pytest.raises(InputError, match="damaged"):
        store.open_softmax(path).read(0, 2)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        store.open_softmax(tmp_path / "a.npz")
