from __future__ import annotations

import pytest

from yucca_wm.cohort.pairing import subject_of
from yucca_wm.core.errors import InputError
from yucca_wm.localize.inputs.pairs import pair_cases


def _touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("WMH_0", "WMH_0"),
        ("s1_regions", "s1"),
        ("s1_lesion_mask", "s1"),
        ("sub-01_ses-2_desc-wmh_dseg", "sub-01_ses-2"),
        ("sub-01_space-T1w_label-lesion_mask", "sub-01"),
        ("regions", "regions"),
    ],
)
def test_subject_of(name, subject):
    assert subject_of(name) == subject


def test_equal_names_pair_first_and_names_that_contain_one_another_stay_apart(tmp_path):
    lesions = _touch(tmp_path / "l", "A.nii.gz", "BA.nii.gz", "A1.nii.gz", "notes.txt", "A.npz")
    regions = _touch(tmp_path / "r", "A1.nii.gz", "BA.nii", "A.nii.gz")
    pairs, failures = pair_cases(lesions, regions)
    assert {name: pair.regions.name for name, pair in pairs.items()} == {
        "A": "A.nii.gz",
        "A1": "A1.nii.gz",
        "BA": "BA.nii",
    }
    assert not failures


def test_endings_that_say_the_kind_of_map_are_left_out(tmp_path):
    lesions = _touch(tmp_path / "l", "s1_lesions.nii.gz", "s2.nii.gz")
    regions = _touch(tmp_path / "r", "s1_regions.nii.gz", "s2_regions.nii.gz")
    pairs, failures = pair_cases(lesions, regions)
    assert set(pairs) == {"s1", "s2"}
    assert not failures


def test_two_possible_partners_are_refused(tmp_path):
    lesions = _touch(tmp_path / "l", "s1.nii.gz")
    regions = _touch(tmp_path / "r", "s1_regions.nii.gz", "s1_dseg.nii.gz")
    pairs, failures = pair_cases(lesions, regions)
    assert not pairs
    assert "2 possible partners" in failures["s1"]


def test_two_lesion_maps_of_one_subject_are_refused(tmp_path):
    lesions = _touch(tmp_path / "l", "s1_lesions.nii.gz", "s1_mask.nii.gz")
    regions = _touch(tmp_path / "r", "s1_regions.nii.gz")
    pairs, failures = pair_cases(lesions, regions)
    assert set(pairs) == {"s1"}
    assert "another lesion map" in failures["s1_mask"]


def test_bids_derivatives(tmp_path):
    lesions = _touch(
        tmp_path / "bids", "sub-1/ses-1/anat/sub-1_ses-1_label-lesion_mask.nii.gz", "sub-1/anat/sub-1_T1w.nii.gz",
        "sub-1/ses-1/anat/sub-1_ses-1_desc-regions_dseg.nii.gz",
    )  # fmt: skip
    pairs, failures = pair_cases(lesions, lesions)
    assert not failures
    assert pairs["sub-1_ses-1"].lesions.name.endswith("label-lesion_mask.nii.gz")
    assert pairs["sub-1_ses-1"].regions.name.endswith("dseg.nii.gz")


def test_ventricles_are_asked_for_by_name(tmp_path):
    lesions, regions = _touch(tmp_path / "l", "a.nii.gz", "b.nii.gz"), _touch(tmp_path / "r", "a.nii.gz", "b.nii.gz")
    ventricles = _touch(tmp_path / "v", "a_ventricles.nii.gz")
    pairs, failures = pair_cases(lesions, regions, ventricles)
    assert pairs["a"].ventricles.name == "a_ventricles.nii.gz"
    assert set(pairs) == {"a"}
    assert "has no partner" in failures["b"]


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        pair_cases(tmp_path / "x", tmp_path)
    with pytest.raises(InputError, match="holds no NIfTI"):
        pair_cases(tmp_path, tmp_path)


def test_region_maps_are_found_where_parcellate_leaves_a_cohorts(tmp_path):
    lesions = _touch(tmp_path / "l", "WMH_0.nii.gz", "sub-01.nii.gz")
    names = [
        f"{s}/{s}_regions{e}" for s in ("WMH_0", "sub-01") for e in (".nii.gz", "_unmasked.nii.gz", "_warp.nii.gz")
    ]
    pairs, failures = pair_cases(lesions, _touch(tmp_path / "r", *names))
    assert {name: pair.regions.name for name, pair in pairs.items()} == {
        "WMH_0": "WMH_0_regions.nii.gz",
        "sub-01": "sub-01_regions.nii.gz",
    }
    assert not failures
