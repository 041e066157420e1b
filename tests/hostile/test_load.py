"""Every broken file is one clear error of our own; odd but right ones give the same voxels."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image, load, load_labels

from .corpus import HEADER_BYTES, KINDS, Kind, Verdict

pytestmark = pytest.mark.hostile


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "good.nii.gz"
    data = np.random.default_rng(0).integers(0, 37, (12, 11, 10)).astype(np.int16)
    nib.save(nib.Nifti1Image(data, np.diag([-1.0, -1, 3, 1])), path)
    return path


def test_there_are_at_least_forty_kinds() -> None:
    print(f"{len(KINDS)} kinds of files")
    assert len({kind.name for kind in KINDS if kind.verdict is Verdict.REFUSED}) >= 40


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("reader", [load, load_labels])
def test_kind(kind: Kind, reader, good: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / f"file{kind.suffix}"
    kind.write(good, path)
    if kind.verdict is Verdict.REFUSED:
        with pytest.raises(InputError) as raised:
            reader(path)
        message = str(raised.value)
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        assert len(message) < len(str(path)) * 2 + 260
    else:
        image = reader(path)
        assert isinstance(image, Image)
        if kind.verdict is Verdict.FINE:
            np.testing.assert_array_equal(image.data, load(good).data)
            np.testing.assert_allclose(image.affine, load(good).affine)


@pytest.mark.parametrize("value", [70_000, 2**31 - 1, 1e12, 3e38])
def test_values_that_no_label_has(value: float, tmp_path: Path) -> None:
    """A table of counts up to such a value would take all memory there is."""
    data = np.zeros((4, 4, 4), np.int32 if value < 2**31 else np.float32)
    data[1, 1, 1] = value
    nib.save(nib.Nifti1Image(data, np.diag([2.0, 2, 2, 1])), tmp_path / "labels.nii.gz")
    with pytest.raises(InputError, match="holds the label"):
        load_labels(tmp_path / "labels.nii.gz", range(37))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, HEADER_BYTES + 3), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_header_bytes(edits: list[tuple[int, int]], good: Path, tmp_path: Path) -> None:
    """Whatever stands in the header: an image of finite numbers, or our own error."""
    content = bytearray(gzip.decompress(good.read_bytes()))
    for position, value in edits:
        content[position] = value
    path = tmp_path / "fuzzed.nii"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = load(path)
        except InputError:
            return
    assert image.data.ndim == 3
    assert np.isfinite(image.data).all()
    assert np.linalg.matrix_rank(image.affine) == 4


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1), bit=st.integers(0, 7))
def test_no_flipped_bit_of_an_archive_changes_a_voxel(position: float, bit: int, good: Path, tmp_path: Path) -> None:
    content = bytearray(good.read_bytes())
    content[int(position * (len(content) - 1))] ^= 1 << bit
    path = tmp_path / "flipped.nii.gz"
    path.write_bytes(content)
    try:
        image = load(path)
    except InputError:
        return
    np.testing.assert_array_equal(image.data, load(good).data)
