"""Label maps made ready: everything lies where it did, in any orientation, and what cannot be used is named."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.parcellate.outputs import Outputs
from yucca_wm.training.synthesis.__main__ import main
from yucca_wm.training.synthesis.heads import Head, load_head, save_head
from yucca_wm.training.synthesis.prepare import load_masks, prepare_head
from yucca_wm.training.synthesis.structures import CEREBRAL_WM, CSF, LATERAL_VENTRICLE
from yucca_wm.training.synthesis.task import heads_of, prepare_task


def parcellation(study: Path, name: str = "one") -> Outputs:
    return Outputs(study / "regions" / f"{name}.nii.gz")


def same(a: Head, b: Head) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=False))


def test_everything_lies_where_it_did(study: Path, head: Head) -> None:
    masks = load_masks(sorted((study / "masks").iterdir()), study / "template.nii.gz")
    assert masks.count == 2
    found = prepare_head(study / "labels" / "one.nii.gz", parcellation(study), masks)
    # the box of the head (x 2..61, y 2..73, z 0..59) with a margin of two voxels is the whole grid here
    low = [int(n) for n in np.argwhere(head.structures > 0).min(0)]
    cut = tuple(slice(max(0, n - 2), None) for n in low)
    size = found.structures.shape
    expected = [array[cut][: size[0], : size[1], : size[2]] for array in (head.structures, head.regions, head.lesions)]
    np.testing.assert_array_equal(found.structures, expected[0])
    np.testing.assert_array_equal(found.regions, expected[1])
    overlap = (found.lesions == expected[2])[expected[0] == CEREBRAL_WM]
    assert overlap.mean() > 0.97, "the masks come back over the 5, -4, 3 mm that they were moved by"
    # where voxel (30, 36, 24) of the kept box lies in the atlas: voxel + origin of the grid + translation
    first = np.array([max(0, n - 2) for n in low])
    at = first + np.array([30 - 40 - 82, 36 - 30 + 105, 24 + 12 + 40])
    np.testing.assert_allclose(found.coordinates_mm[:, 10, 12, 8].astype(float), at, atol=0.1)
    assert (found.ventricle[found.structures == LATERAL_VENTRICLE] == 0).all()
    assert (found.regions[found.structures == CSF] == 0).all(), "fluid around the brain has no region"


def test_orientation_of_the_file_does_not_matter(study: Path) -> None:
    before = prepare_head(study / "labels" / "one.nii.gz", parcellation(study))
    for path in (study / "labels" / "one.nii.gz", study / "regions" / "one_unmasked.nii.gz"):
        image = nib.load(path)
        turned = nib.orientations.axcodes2ornt("PLS")
        nib.save(image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(image.affine), turned)), path)
    assert same(before, prepare_head(study / "labels" / "one.nii.gz", parcellation(study)))


def test_without_masks_there_is_none(study: Path) -> None:
    found = prepare_head(study / "labels" / "one.nii.gz", parcellation(study))
    assert found.n_masks == 0
    assert not found.lesions.any()


def test_a_head_comes_back_from_its_file(head: Head, tmp_path: Path) -> None:
    found = load_head(save_head(head, tmp_path / "h.npz"))
    assert same(head, found)
    assert found.n_masks == 2
    (tmp_path / "h.npz").write_bytes((tmp_path / "h.npz").read_bytes()[:1000])
    with pytest.raises(InputError, match="prepare it again"):
        load_head(tmp_path / "h.npz")
    np.savez(tmp_path / "h.npz", structures=head.structures)
    with pytest.raises(InputError, match="not a prepared head"):
        load_head(tmp_path / "h.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data, affine: (np.where(np.isin(data, (4, 43)), 2, data), affine), r"has no ventricles"),
        (lambda data, affine: (np.isin(data, (2, 41)).astype(np.int16), affine), r"has no cerebral white matter"),
        (lambda data, affine: (data, affine @ np.diag([1.5, 1.5, 1.5, 1])), r"voxels of 1.5 x 1.5 x 1.5 mm"),
        (lambda data, affine: (data[:-4], affine), r"(shape|grid)"),
    ],
)
def test_a_map_that_cannot_be_used_is_named(study: Path, change: object, message: str) -> None:
    path = study / "labels" / "one.nii.gz"
    image = nib.load(path)
    data, affine = change(np.asarray(image.dataobj), image.affine)  # type: ignore[operator]
    nib.save(nib.Nifti1Image(data, affine), path)
    with pytest.raises(InputError, match=message):
        prepare_head(path, parcellation(study))


def test_masks_that_reach_nothing_are_refused(study: Path) -> None:
    mask = nib.load(study / "masks" / "m0.nii.gz")
    far = np.zeros(mask.shape, np.uint8)
    far[0, 0, 0] = 1
    nib.save(nib.Nifti1Image(far, mask.affine), study / "far.nii.gz")
    masks = load_masks([study / "far.nii.gz"], study / "template.nii.gz")
    with pytest.raises(InputError, match="reached by no lesion mask"):
        prepare_head(study / "labels" / "one.nii.gz", parcellation(study), masks)
    with pytest.raises(InputError, match="holds 33 masks"):
        load_masks([study / "far.nii.gz"] * 33)


def test_the_command_goes_on_where_it_was(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = study / "raw" / "Task007_WM_Synthesis"
    arguments = f"--labels {study / 'labels'} --regions {study / 'regions'} --out {out} --jobs 1".split()
    (study / "regions" / "two_affine.tfm").rename(study / "later.tfm")
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert "one: brain" in said.out
    assert "two: has no parcellation" in said.err
    assert list(heads_of(out)) == ["one"]
    written = (out / "heads" / "one.npz").stat().st_mtime_ns
    (study / "later.tfm").rename(study / "regions" / "two_affine.tfm")
    assert main(arguments) == 0
    assert list(heads_of(out)) == ["one", "two"]
    assert (out / "heads" / "one.npz").stat().st_mtime_ns == written, "done before"
    listed = json.loads((out / "dataset.json").read_text())["heads"]["one"]
    assert listed["regions"] == 12
    head = load_head(out / "heads" / "one.npz")
    brain = np.isin(head.structures, np.flatnonzero(np.bincount(head.structures[head.regions > 0].ravel())))
    assert listed["brain_ml"] == pytest.approx(brain.sum() / 1000, abs=0.06)
    (study / "labels" / "two.nii.gz").unlink()
    assert main(arguments) == 0
    assert list(heads_of(out)) == ["one"], "a head whose label map is gone is no longer used"


def test_what_is_no_task_of_heads_is_said(study: Path) -> None:
    with pytest.raises(InputError, match="is not a task of heads"):
        heads_of(study)
    (study / "empty").mkdir()
    with pytest.raises(InputError, match="holds no label map"):
        prepare_task(study / "empty", study / "regions", study / "out")
    (study / "labels" / "one.nii.gz").rename(study / "labels" / "o.ne.nii.gz")
    with pytest.raises(InputError, match="rename it"):
        prepare_task(study / "labels", study / "regions", study / "out")
