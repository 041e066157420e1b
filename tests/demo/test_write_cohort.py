"""The cohort on disk: found by our own reader, with its truth apart and the same in whatever order it is made."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.atlas.maps import refine
from yucca_wm.cohort.layouts import find_subjects
from yucca_wm.cohort.subject import Split
from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import read_table
from yucca_wm.demo import standin
from yucca_wm.demo.anatomy import Anatomy, from_atlas
from yucca_wm.demo.phantom import COARSE_SITES
from yucca_wm.demo.write_cohort import plans, write_atlas, write_cohort
from yucca_wm.imaging.images import load_labels


def test_cohort_is_read_back_with_its_split(brain: Anatomy, tmp_path: Path) -> None:
    subjects = plans(1, 1, sites=COARSE_SITES)
    outcome = write_cohort(subjects, [brain], tmp_path / "cohort", tmp_path / "truth")
    assert not outcome.failures
    found = find_subjects(tmp_path / "cohort")
    assert [(s.name, s.split) for s in found] == [("demo_01", Split.TRAIN), ("demo_02", Split.TEST)]
    assert all(s.t1 and s.flair and s.wm and s.lesions for s in found)
    truth = json.loads((tmp_path / "truth" / "demo_02" / "truth.json").read_text())
    lesions, regions = load_labels(found[1].lesions), load_labels(tmp_path / "truth" / "demo_02" / "regions.nii.gz")
    for label, ml in truth["lesion_ml_by_region"].items():
        voxels = int(((lesions.data == 1) & (regions.data == int(label))).sum())
        assert ml == pytest.approx(voxels * lesions.voxel_volume_mm3 / 1000, abs=1e-6)
    vectors = nib.load(tmp_path / "truth" / "demo_02" / "template_mm.nii.gz")
    assert vectors.shape == (*lesions.shape, 1, 3)

    alone = write_cohort(subjects[1:], [brain], tmp_path / "again", tmp_path / "again_truth")
    for file in ("pre/T1.nii.gz", "pre/FLAIR.nii.gz", "wmh.nii.gz"):
        first, second = outcome.results["demo_02"] / file, alone.results["demo_02"] / file
        np.testing.assert_array_equal(nib.load(first).get_fdata(), nib.load(second).get_fdata())


def test_anatomies_and_sites_are_crossed() -> None:
    made = plans(12, 4, anatomies=2)
    assert {(plan.site.name, plan.anatomy) for plan in made} == {(s, a) for s in ("SiteA", "SiteB") for a in (0, 1)}
    assert [plan.split for plan in made] == ["training"] * 12 + ["test"] * 4


def test_atlas_has_white_matter_labels_and_table(brain: Anatomy, tmp_path: Path) -> None:
    write_atlas(brain, standin.table(), tmp_path)
    wm, labels = load_labels(tmp_path / "wm.nii.gz"), load_labels(tmp_path / "regions.nii.gz", range(37))
    assert (labels.data[wm.data == 1] > 0).all()
    assert read_table(tmp_path / "regions.tsv").by_index(17).name == "standin_corpus_callosum_L"


def test_missing_atlas_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        from_atlas(tmp_path / "none")
    with pytest.raises(InputError, match="36_labels_merged"):
        from_atlas(tmp_path)


@pytest.mark.shared_data
def test_type_ii_labels_merge_into_the_published_regions(shared_data: Path) -> None:
    type_ii = load_labels(shared_data / "atlas" / "JHU_MNI_SS_WMPM_Type-II.nii.gz")
    merged = load_labels(shared_data / "atlas" / "36_labels_merged.nii.gz")
    np.testing.assert_array_equal(refine(type_ii).data, merged.data)
