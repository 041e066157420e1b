"""What file names say about a pair of scans: nothing in voxels tells two visits of one person apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from yucca_wm.scan.names import name_notes

VISITS = "the T1 is called {}, the FLAIR {}: check that they are of one visit"
PEOPLE = "the T1 is called {}, the FLAIR {}: check that they are of one person"
AGENT = "the T1 was acquired after contrast agent, judging by its name ({}): the models were not trained on such scans"
PHASE = "the FLAIR is a phase, real or imaginary image, judging by its name ({}): give the magnitude image"
OTHER = "the file given as the {} is called {}: check that T1 and FLAIR are not exchanged"


@pytest.mark.parametrize(
    ("t1", "flair", "said"),
    [
        ("p01_visit1/T1.nii.gz", "p01_visit2/FLAIR.nii.gz", [VISITS.format("p01_visit1", "p01_visit2")]),
        ("p01/visit1/T1.nii.gz", "p01/visit2/FLAIR.nii.gz", [VISITS.format("p01_visit1", "p01_visit2")]),
        ("sub-1_ses-1_T1w.nii", "sub-1_ses-2_FLAIR.nii", [VISITS.format("sub-1_ses-1", "sub-1_ses-2")]),
        ("sub-1_ses-1_T1w.nii", "sub-2_ses-1_FLAIR.nii", [PEOPLE.format("sub-1", "sub-2")]),
        ("sub-1_ses-1_run-1_T1w.nii", "sub-1_ses-1_run-2_FLAIR.nii", []),
        ("7_v1_T1.nii.gz", "7_v2_FLAIR.nii.gz", [VISITS.format("7_v1", "7_v2")]),
        ("anna_T1_visit1.nii", "anna_FLAIR_visit2.nii", [VISITS.format("anna_visit1", "anna_visit2")]),
        ("anna_T1_visit1.nii", "anna_FLAIR_visit1.nii", []),
        ("p01_visit1/T1.nii.gz", "p01_visit1/FLAIR.nii.gz", []),
        ("T1/anna.nii.gz", "FLAIR/anna.nii.gz", []),
        ("anna_T1.nii.gz", "bert_FLAIR.nii.gz", []),  # who knows how people are called
        ("a/FLAIR.nii.gz", "a/T1.nii.gz", [OTHER.format("T1", "FLAIR.nii.gz"), OTHER.format("FLAIR", "T1.nii.gz")]),
        ("a/T1_to_FLAIR.nii.gz", "a/FLAIR_in_T1.nii.gz", []),
        ("a/sub-1_T1w.nii.gz", "a/sub-1_acq-3D_T2FLAIR.nii.gz", []),
        ("sub-1_ce-Gd_T1w.nii", "sub-1_ce-none_FLAIR.nii", [AGENT.format("sub-1_ce-Gd_T1w.nii")]),
        ("sub-1_part-mag_T1w.nii", "sub-1_part-phase_FLAIR.nii", [PHASE.format("sub-1_part-phase_FLAIR.nii")]),
        ("anna_part-1_T1.nii", "anna_ce-1_FLAIR.nii", []),  # no BIDS names
    ],
)
def test_pairs(t1: str, flair: str, said: list[str]) -> None:
    assert list(name_notes({"T1": Path(t1), "FLAIR": Path(flair)})) == said


def test_one_scan_is_of_one_visit() -> None:
    assert list(name_notes({"FLAIR": Path("p01_visit2/FLAIR.nii.gz")})) == []
    assert list(name_notes({"FLAIR": Path("x_T1w.nii.gz")})) == [OTHER.format("FLAIR", "x_T1w.nii.gz")]
    assert list(name_notes({})) == []
