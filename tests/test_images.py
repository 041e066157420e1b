"""Images come back from disk and from resampling exactly where they were."""

from __future__ import annotations

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.imaging import gzip_archive
from yucca_wm.imaging.grids import widened
from yucca_wm.imaging.images import Image, count_labels, load, resample, save

SHEARED = np.array([[-1.0, 0, 0, 5], [0, -0.98, 0.2, 4], [0, 0.2, 3, -9], [0, 0, 0, 1]])
OBLIQUE = np.array([[0.9, 0.3, 0, 5], [-0.3, 0.9, 0, 4], [0, 0, 3, -9], [0, 0, 0, 1]])


def random_labels(shape: tuple[int, int, int] = (7, 6, 5)) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 99, shape).astype(np.int16)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("affine", [SHEARED, OBLIQUE])
def test_resampling_to_the_same_grid_keeps_every_voxel_also_at_the_border(order: int, affine: np.ndarray) -> None:
    for seed in range(20):
        moved = affine + np.pad(np.random.default_rng(seed).uniform(-1, 1, (3, 4)), ((0, 1), (0, 0)))
        image = Image(random_labels(), moved)
        np.testing.assert_allclose(resample(image, image, order=order).data, image.data, rtol=1e-5 * order)


@pytest.mark.parametrize("codes", [(0, 1), (1, 0), (2, 1), (1, 1)])
@pytest.mark.parametrize("affine", [SHEARED, OBLIQUE])
def test_what_save_wrote_load_accepts(codes: tuple[int, int], affine: np.ndarray, tmp_path: Path) -> None:
    """A qform cannot hold shear: written beside a sheared sform it would contradict it."""
    header = nib.Nifti1Header()
    header["sform_code"], header["qform_code"] = codes
    for image in (Image(random_labels(), affine, header=header), Image(random_labels(), affine)):
        again = load(save(image, tmp_path / "image.nii.gz"))
        np.testing.assert_array_equal(again.data, image.data)
        np.testing.assert_allclose(again.affine, affine, atol=1e-6)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32])
@pytest.mark.parametrize("size", [(7, 5, 3), (8, 8, 8), (1, 1, 1)])
def test_label_counts_are_those_of_bincount(kind, size):
    labels = (np.random.default_rng(0).integers(0, 37, size) * (np.random.default_rng(1).random(size) < 0.2)).astype(
        kind
    )
    for array in (labels, np.asfortranarray(labels), labels[::-1], labels.transpose(2, 0, 1)):
        np.testing.assert_array_equal(count_labels(array, 36), np.bincount(labels.ravel(), minlength=37))


@pytest.mark.parametrize("inflater", ["zlib", "zlib_ng.zlib_ng"])
def test_archives_read_alike_with_each_inflater_and_a_damaged_one_is_refused(inflater, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(gzip_archive, "INFLATER", pytest.importorskip(inflater))
    image = Image(random_labels((40, 30, 20)), OBLIQUE)
    path = save(image, tmp_path / "image.nii.gz")
    np.testing.assert_array_equal(load(path).data, image.data)
    whole = path.read_bytes()
    wrong_checksum = whole[:-8] + bytes(4) + whole[-4:]
    for damaged in (whole[:-20], whole[: len(whole) // 2], wrong_checksum):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="damaged or cut short"):
            load(path)


def test_a_grid_is_widened_as_far_as_others_reach_and_no_further() -> None:
    """Of 2 mm, 4 x 4 x 4 voxels, from -1 to 7 mm along each axis. Others have voxels of 1 mm: one is not 0 from 6.5 to
    9.5 mm along x, two voxels more; one from -3.5 to 0.5 mm along z, two more; one lies .9 m off, one
    on the same grid."""
    image = Image(np.ones((4, 4, 4), np.uint8), np.diag([2.0, 2, 2, 1]))
    ahead, below, apart = (np.zeros((20, 20, 20), np.uint8) for _ in range(3))
    ahead[7 + 8 : 10 + 8, 8:9, 8:9] = 1
    below[8, 8, 5 : 8 + 1] = 1
    apart[0, 0, 0] = 1
    shifted = np.diag([1.0, 1, 1, 1])
    shifted[:3, 3] = -8
    elsewhere = shifted - np.pad(np.full((3, 1), 900.0), ((0, 1), (3, 0)))
    others = [Image(ahead, shifted), Image(below, shifted), Image(apart, elsewhere)]
    wide, own = widened(image, [*others, Image(np.ones((4, 4, 4), np.uint8), image.affine)])
    assert wide.shape == (6, 4, 6)
    assert own == (slice(0, 4), slice(0, 4), slice(2, 6))
    np.testing.assert_array_equal(wide.affine[:3, 3], [0, 0, -4])
    assert wide.data[own].all()
    assert wide.data.sum() == 64
    same, whole = widened(image, [])
    assert same.data is image.data
    assert whole == (slice(0, 4),) * 3


def test_a_point_between_two_voxels_is_of_the_same_however_they_are_stored() -> None:
    """Labels 1 to 8 of 1 mm from 0 to 8 mm; voxels of 2 mm have their centres at 1, 3, 5, 7 mm, between two: the one to
    the right is taken, label 2, 4, 6, 8. Stored from right to left, either or both of them, it is the same."""
    labels = np.arange(1, 9, dtype=np.uint8).reshape(8, 1, 1)
    fine = np.array([[1.0, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    coarse = np.array([[2.0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])

    def reversed_(affine: np.ndarray, n: int) -> np.ndarray:
        return affine @ np.array([[-1.0, 0, 0, n - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])

    for image in (Image(labels, fine), Image(labels[::-1], reversed_(fine, 8))):
        straight = resample(image, Image(np.zeros((4, 1, 1)), coarse))
        assert straight.data.ravel().tolist() == [2, 4, 6, 8]
        turned = resample(image, Image(np.zeros((4, 1, 1)), reversed_(coarse, 4)))
        assert turned.data.ravel().tolist() == [8, 6, 4, 2]


def test_what_is_apart_within_a_head_is_reached() -> None:
    image = Image(np.ones((4, 4, 4), np.uint8), np.diag([2.0, 2, 2, 1]))
    for gap_mm, n in ((100, 55), (300, 4)):
        affine = np.diag([2.0, 2, 2, 1])
        affine[0, 3] = 8 + gap_mm
        wide, own = widened(image, [Image(np.ones((1, 1, 1), np.uint8), affine)])
        assert (wide.shape, own[0]) == ((n, 4, 4), slice(0, 4))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.nii.gz", b"", "is empty; copy or fetch it again"),
        ("a.nii", b"", "is empty; copy or fetch it again"),
        ("a.nii.gz", b"/annex/objects/MD5E-s1--0.nii.gz", "only says where the file is stored; fetch it (datalad get"),
        ("a.nii", b"version https://git-lfs", "only says where the file is stored; fetch it (datalad get"),
        ("a.nii.gz", "plain", "is not compressed; call it a.nii"),
        ("a.nii", "packed", "is compressed; call it a.nii.gz"),
    ],
)
def test_files_that_are_not_what_they_are_called_say_what_to_do(
    name: str, content: bytes | str, said: str, tmp_path: Path
) -> None:
    if isinstance(content, str):
        made = tmp_path / {"plain": "made.nii", "packed": "made.nii.gz"}[content]
        nib.save(nib.Nifti1Image(np.zeros((3, 4, 5), np.uint8), np.eye(4)), made)
        content = made.read_bytes()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / name}: {said}")):
        load(tmp_path / name)
