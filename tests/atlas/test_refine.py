"""Merging is exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yucca_wm.atlas.__main__ import main
from yucca_wm.atlas.maps import refine
from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import Image, load, save


def test_every_label_goes_to_its_region() -> None:
    labels = np.arange(131, dtype=np.int16).reshape(131, 1, 1)
    merged = refine(Image(labels, np.eye(4))).data.ravel()
    assert merged[0] == 0
    for region in regions():
        assert set(np.flatnonzero(merged == region.index)) == set(region.jhu_ids)


@pytest.mark.parametrize("label", [131, 255])
def test_a_label_of_no_region_is_refused(label: int) -> None:
    with pytest.raises(InputError, match=f"belong to no region: {label}"):
        refine(Image(np.full((2, 2, 2), label, np.int16), np.eye(4)))


def test_merging_twice_is_refused(tmp_path: Path) -> None:
    merged = save(Image(np.full((2, 2, 2), 36, np.uint8), np.eye(4)), tmp_path / "merged.nii.gz")
    with pytest.raises(InputError, match="merged already"):
        main(["refine", "--labels", str(merged), "--out", str(tmp_path / "again.nii.gz")])


def test_another_parcellation_by_its_own_table(tmp_path: Path) -> None:
    labels = save(Image(np.array([[[0, 7, 8, 9]]], np.uint8), np.eye(4)), tmp_path / "fine.nii.gz")
    names = tmp_path / "names.tsv"
    names.write_text("index\tname\tjhu_ids\n1\tfront\t7,9\n2\tback\t8\n")
    main(["refine", "--labels", str(labels), "--names", str(names), "--out", str(tmp_path / "o" / "coarse.nii.gz")])
    assert load(tmp_path / "o" / "coarse.nii.gz").data.ravel().tolist() == [0, 1, 2, 1]


def test_only_white_matter_is_kept_on_request(tmp_path: Path) -> None:
    fine = np.arange(131, dtype=np.int16).reshape(131, 1, 1)
    wm = (np.arange(131) % 3).astype(np.uint8).reshape(131, 1, 1)
    labels, mask = (
        save(Image(fine, np.eye(4)), tmp_path / "fine.nii.gz"),
        save(Image(wm, np.eye(4)), tmp_path / "wm.nii.gz"),
    )
    out = tmp_path / "out.nii.gz"
    main(["refine", "--labels", str(labels), "--wm", str(mask), "--out", str(out)])
    whole = refine(Image(fine, np.eye(4))).data
    kept = load(out).data
    np.testing.assert_array_equal(kept[wm > 0], whole[wm > 0])
    assert not kept[wm == 0].any()
    assert kept.any()
    moved = save(Image(wm, np.diag([2, 1, 1, 1.0])), tmp_path / "moved.nii.gz")
    with pytest.raises(InputError, match="moved"):
        main(["refine", "--labels", str(labels), "--wm", str(moved), "--out", str(out)])


@pytest.mark.shared_data
def test_the_published_atlas_is_reproduced_on_every_voxel(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "atlas"
    type2, white = folder / "JHU_MNI_SS_WMPM_Type-II.nii.gz", folder / "36_labels_merged_only_WM.nii.gz"
    main(["refine", "--labels", str(type2), "--out", str(tmp_path / "all.nii.gz")])
    main(["refine", "--labels", str(type2), "--wm", str(white), "--out", str(tmp_path / "wm.nii.gz")])
    for ours, published in (("all.nii.gz", folder / "36_labels_merged.nii.gz"), ("wm.nii.gz", white)):
        made, expected = load(tmp_path / ours), load(published)
        np.testing.assert_array_equal(made.data, expected.data)
        np.testing.assert_allclose(made.affine, expected.affine)
