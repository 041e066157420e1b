"""Whose scan is whose."""

from __future__ import annotations

from pathlib import Path

import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.report.scans import find_scans


def folder(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(root: Path, *subjects: str) -> dict[str, str]:
    return {name: path.relative_to(root).as_posix() for name, path in find_scans(root, subjects).items()}


@pytest.mark.parametrize(
    ("files", "subjects", "expected"),
    [
        (["a.nii.gz", "b.nii"], ["a", "b"], {"a": "a.nii.gz", "b": "b.nii"}),
        (["a_FLAIR.nii.gz", "b_T1.nii.gz"], ["a", "b", "c"], {"a": "a_FLAIR.nii.gz", "b": "b_T1.nii.gz"}),
        (["a_T1.nii.gz", "a_FLAIR.nii.gz"], ["a"], {"a": "a_FLAIR.nii.gz"}),
        (["a_T2.nii.gz", "a_T1w.nii.gz"], ["a"], {"a": "a_T1w.nii.gz"}),
        (["a.nii.gz", "a_FLAIR.nii.gz"], ["a"], {"a": "a.nii.gz"}),
        (["a_000.nii.gz"], ["a"], {"a": "a_000.nii.gz"}),
        (["a_0001.nii.gz", "a_0000.nii.gz"], ["a"], {"a": "a_0000.nii.gz"}),
        (["a_FLAIR_000.nii.gz", "a_T1_000.nii.gz"], ["a"], {"a": "a_FLAIR_000.nii.gz"}),
        (["a_FLAIR_brain.nii.gz"], ["a"], {"a": "a_FLAIR_brain.nii.gz"}),
        # case_001 is a name, not a channel of case; and case_001_000 is channel 0 of it
        (["case_001.nii.gz", "case_002_000.nii.gz"], ["case_001", "case_002"],
         {"case_001": "case_001.nii.gz", "case_002": "case_002_000.nii.gz"}),
        (["case_001_000.nii.gz"], ["case", "case_001"], {"case_001": "case_001_000.nii.gz"}),
        # a number is a channel only under ten: 101 is a person of the study
        (["study_101_FLAIR.nii.gz", "study_FLAIR.nii.gz"], ["study"], {"study": "study_FLAIR.nii.gz"}),
        # results of maps called a_regions, and a scan of somebody else
        (["a_FLAIR.nii.gz", "x_FLAIR.nii.gz"], ["a_lesions"], {"a_lesions": "a_FLAIR.nii.gz"}),
        (["BA_FLAIR.nii.gz", "A_FLAIR.nii.gz"], ["A"], {"A": "A_FLAIR.nii.gz"}),
        (["sub-1_ses-2_FLAIR.nii.gz", "sub-1_ses-1_FLAIR.nii.gz"], ["sub-1_ses-2"],
         {"sub-1_ses-2": "sub-1_ses-2_FLAIR.nii.gz"}),
        (["sub-1/ses-1/anat/sub-1_ses-1_T1w.nii.gz", "sub-1/ses-1/anat/sub-1_ses-1_space-MNI_FLAIR.nii.gz",
          "sub-1/ses-1/dwi/sub-1_ses-1_dwi.nii.gz"], ["sub-1_ses-1"],
         {"sub-1_ses-1": "sub-1/ses-1/anat/sub-1_ses-1_space-MNI_FLAIR.nii.gz"}),
        (["Subj1/FLAIR.nii.gz", "Subj1/T1.nii.gz", "Subj1/DLWMLS.nii.gz", "Subj10/T1.nii.gz"], ["Subj1", "Subj10"],
         {"Subj1": "Subj1/FLAIR.nii.gz", "Subj10": "Subj10/T1.nii.gz"}),
        (["104252/104252_FLAIR.nii.gz", "104252/104252_WMHmask.nii.gz"], ["104252"],
         {"104252": "104252/104252_FLAIR.nii.gz"}),
    ],
)  # fmt: skip
def test_scans_are_found_by_name(tmp_path, files, subjects, expected):
    assert found(folder(tmp_path, *files), *subjects) == expected


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (["FLAIR", "acq-2D_FLAIR"], "FLAIR"),
        (["run-2_FLAIR", "run-1_FLAIR"], "run-1_FLAIR"),
        (["run-1_FLAIR", "T1w"], "run-1_FLAIR"),
        (["acq-a_T1w", "acq-b_T1w"], "acq-a_T1w"),
        (["FLAIR", "space-MNI_FLAIR"], "FLAIR"),
    ],
)
def test_of_a_bids_folder_the_scan_is_shown_that_predict_takes(tmp_path, files, taken):
    folder(tmp_path, *(f"sub-1/anat/sub-1_{name}.nii.gz" for name in files))
    assert find_scans(tmp_path, ["1"]) == {"1": tmp_path / f"sub-1/anat/sub-1_{taken}.nii.gz"}


def test_a_folder_that_fits_nobody_is_an_error(tmp_path):
    folder(tmp_path, "x_FLAIR.nii.gz", "AB.nii.gz")
    with pytest.raises(InputError, match=r"holds no scan of any subject \(scans: AB, x_FLAIR; subjects: A, B\)"):
        find_scans(tmp_path, ["A", "B"])


def test_two_scans_that_are_alike_are_an_error(tmp_path):
    folder(tmp_path, "a/x/FLAIR.nii.gz", "a/FLAIR.nii.gz", "b-FLAIR.nii.gz", "b_FLAIR.nii.gz")
    with pytest.raises(InputError, match="may both be of 'b'"):
        find_scans(tmp_path, ["b"])


def test_the_maps_themselves_are_no_scans(tmp_path):
    """Results are called after the mask when this was given alone; its own name comes before the FLAIR's."""
    folder(tmp_path, "a_mask.nii.gz", "a_mask_FLAIR.nii.gz")
    assert find_scans(tmp_path, ["a_mask"]) == {"a_mask": tmp_path / "a_mask.nii.gz"}
    own = [tmp_path / "x" / ".." / "a_mask.nii.gz"]
    assert find_scans(tmp_path, ["a_mask"], own) == {"a_mask": tmp_path / "a_mask_FLAIR.nii.gz"}


def test_of_one_person_the_scan_itself_may_be_given(tmp_path):
    scan = folder(tmp_path, "whatever.nii.gz") / "whatever.nii.gz"
    assert find_scans(scan, ["a"]) == {"a": scan}
    with pytest.raises(InputError, match="is not a folder"):
        find_scans(scan, ["a", "b"])
