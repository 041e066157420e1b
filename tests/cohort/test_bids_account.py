"""Nobody in a BIDS folder is lost in silence: who cannot be read fails by name, and what was chosen is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from yucca_wm.cohort.layouts import find_subjects
from yucca_wm.cohort.subject import Subject
from yucca_wm.core.errors import InputError
from yucca_wm.core.modality import Modality
from yucca_wm.imaging.reading import Headers, reading
from yucca_wm.predict.cohort import cases_of
from yucca_wm.tasks.split import resolve_splits


def touch(root: Path, *files: str) -> None:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def read(root: Path) -> tuple[dict[str, Subject], list[str]]:
    """The subjects by name, and what was noted, with the cohort's folder as ``.``."""
    with reading(Headers()) as notes:
        found = find_subjects(root)
    return {subject.name: subject for subject in found}, [line.replace(str(root), ".") for line in notes]


GOOD = "sub-01/anat/sub-01_T1w.nii.gz"


@pytest.mark.parametrize(
    ("files", "name", "why"),
    [
        (["sub-08/anat/sub-08_T1w.nii", "sub-08/anat/sub-09_FLAIR.nii.gz"], "sub-08",
         "./sub-08/anat/sub-09_FLAIR.nii.gz: is of sub-09 by its name, but lies with the files of sub-08"),
        (["sub-8/anat/sub-08_T1w.nii"], "sub-8", "./sub-8/anat/sub-08_T1w.nii: is of sub-08 by its name"),
        (["sub-2/ses-1/anat/sub-2_ses-2_T1w.nii"], "sub-2_ses-1",
         "./sub-2/ses-1/anat/sub-2_ses-2_T1w.nii: is of ses-2 by its name, but lies with the files of ses-1"),
        (["sub-2/anat/sub-2_ses-1_T1w.nii", "sub-2/anat/sub-2_ses-2_FLAIR.nii"], "sub-2",
         "./sub-2/anat/sub-2_ses-2_FLAIR.nii: is of ses-2 by its name, but lies with the files of ses-1"),
        (["sub-2/anat/sub-2_T1w.nii", "derivatives/tool/sub-2/anat/sub-3_label-lesion_mask.nii"], "sub-2",
         "./derivatives/tool/sub-2/anat/sub-3_label-lesion_mask.nii: is of sub-3 by its name"),
        (["sub-06/dwi/sub-06_dwi.nii.gz"], "sub-06", "./sub-06: has no folder anat, but only dwi; add a scan"),
        (["sub-14/ses-1/sub-14_ses-1_T1w.nii.gz"], "sub-14_ses-1",
         "./sub-14/ses-1: has no folder anat; make it, and move sub-14_ses-1_T1w.nii.gz there"),
        (["Sub-11/anat/Sub-11_T1w.nii"], "Sub-11",
         "./Sub-11: is not named like a person's folder: the name must begin with sub-; rename"),
        (["sub11/dwi/x.nii"], "sub11", "./sub11: is not named like a person's folder: the name must begin with sub-"),
        (["P11/ses-1/anat/P11_T1w.nii"], "P11",
         "./P11: is not named like a person's folder: the name must begin with sub-"),
        (["sub-2/Ses-1/anat/sub-2_T1w.nii"], "sub-2_Ses-1",
         "./sub-2/Ses-1: is not named like a session's folder: the name must begin with ses-"),
        (["sub-13/anat/sub-13_T2w.nii.gz"], "sub-13",
         "./sub-13/anat: has no T1 and no FLAIR, but only sub-13_T2w.nii.gz; call scans sub-13_T1w.nii.gz and "),
        (["sub-13/anat/sub-13_T1w.json"], "sub-13", "./sub-13/anat: has no T1 and no FLAIR; call scans"),
    ],
)  # fmt: skip
def test_who_cannot_be_read_fails_alone(tmp_path: Path, files: list[str], name: str, why: str) -> None:
    touch(tmp_path, GOOD, *files)
    found, notes = read(tmp_path)
    assert set(found) == {"sub-01", name}
    assert (found["sub-01"].problem, found["sub-01"].t1) == (None, tmp_path / GOOD)
    assert not found[name].scans
    assert [case.scans for case in cases_of([found[name]])] == [{}]
    (line,) = notes
    assert line.startswith(f"{name}: {why}")


def test_a_link_that_leads_nowhere_is_somebody(tmp_path: Path) -> None:
    touch(tmp_path, GOOD)
    (tmp_path / "sub-02").symlink_to(tmp_path / "gone")
    (tmp_path / "sub-02.json").symlink_to(tmp_path / "gone")
    found, notes = read(tmp_path)
    assert list(found) == ["sub-01", "sub-02"]
    assert notes == ["sub-02: ./sub-02: cannot be read (No such file or directory)"]


def test_who_has_no_folder_and_what_lies_in_none_is_noted(tmp_path: Path) -> None:
    touch(tmp_path, GOOD, "code/run.py", "sub-30_T1w.nii.gz", "derivatives/tool/sub-5/anat/sub-5_dseg.nii.gz")
    table = "participant_id\tage\nsub-20\t60\n01\t61\nsub-3\t62\nsub-20\t63\nn/a\t64\n"
    (tmp_path / "participants.tsv").write_text(table)
    found, notes = read(tmp_path)
    assert list(found) == ["sub-01"]
    assert notes == [
        "./participants.tsv: lists 2 names without a folder here: sub-3, sub-20",
        ".: not read, as it lies outside every subject's folder: sub-30_T1w.nii.gz",
        "./derivatives: lists 1 name without a folder here: sub-5",
    ]


def test_a_session_without_anatomy_is_noted(tmp_path: Path) -> None:
    """Of somebody with another; where images lie beside its folders it fails."""
    touch(tmp_path, "sub-1/ses-1/anat/sub-1_ses-1_T1w.nii", "sub-1/ses-10/func/x.nii", "sub-1/ses-2/pet/x.nii")
    found, notes = read(tmp_path)
    assert list(found) == ["sub-1_ses-1"]
    assert notes == ["sub-1: has no folder anat, and is not read: ses-2, ses-10"]
    touch(tmp_path, "sub-1/ses-2/sub-1_ses-2_T1w.nii")
    assert list(read(tmp_path)[0]) == ["sub-1_ses-1", "sub-1_ses-2"]


def test_run_2_comes_before_run_10_and_the_choice_is_said(tmp_path: Path) -> None:
    anat = "sub-07/anat/sub-07_"
    touch(tmp_path, f"{anat}run-10_T1w.nii.gz", f"{anat}run-2_T1w.nii.gz", f"{anat}FLAIR.nii.gz")
    found, notes = read(tmp_path)
    assert found["sub-07"].t1 == tmp_path / f"{anat}run-2_T1w.nii.gz"
    assert notes == [
        f"sub-07: T1: {anat}run-2_T1w.nii.gz is taken, not {anat}run-10_T1w.nii.gz",
    ]


@pytest.mark.parametrize(
    ("scans", "masks", "taken"),
    [
        (["run-1_FLAIR", "run-2_FLAIR"], ["run-2"], None),
        (["run-1_FLAIR", "run-2_FLAIR", "T1w"], ["run-2"], None),
        (["run-1_FLAIR", "run-2_FLAIR", "T1w"], ["run-01", "run-2"], "run-01"),
        (["run-1_FLAIR", "run-2_FLAIR"], ["run-1_desc-x", "run-2"], "run-1_desc-x"),
        (["run-1_FLAIR", "run-2_FLAIR"], ["desc-x"], "desc-x"),
        (["FLAIR", "run-2_FLAIR"], ["run-2"], None),
        (["acq-2D_FLAIR", "T1w"], ["acq-3D"], None),
        (["acq-2D_FLAIR", "acq-mprage_T1w"], ["acq-mprage"], "acq-mprage"),
        (["acq-3D_FLAIR", "acq-3D_run-1_FLAIR"], ["acq-3D_run-1"], None),
        (["acq-3D_FLAIR"], ["acq-3D_run-1"], "acq-3D_run-1"),
        (["FLAIR", "T1w"], ["acq-rater1"], "acq-rater1"),
    ],
)
def test_a_mask_of_another_run_or_acquisition_is_no_truth(
    scans: list[str], masks: list[str], taken: str | None, tmp_path: Path
) -> None:
    """The head has moved between runs: half of the lesion is then beside the mask. The same for white matter."""
    of = "derivatives/{}/sub-1/anat/sub-1_{}_label-{}_mask.nii.gz"
    kinds = {"lesions": ("manual", "lesion"), "wm": ("fast", "WM")}
    touch(tmp_path, *(f"sub-1/anat/sub-1_{scan}.nii.gz" for scan in scans))
    touch(tmp_path, *(of.format(place, mask, kind) for place, kind in kinds.values() for mask in masks))
    found, notes = read(tmp_path)
    for what, (place, kind) in kinds.items():
        expected = None if taken is None else tmp_path / of.format(place, taken, kind)
        assert getattr(found["sub-1"], what) == expected
        said = [
            line
            for line in notes
            if line.startswith(f"sub-1: {what}: ") and "does not belong to the chosen scans" in line
        ]
        assert len(said) == (taken is None)


def test_masks_of_sessions_may_lie_in_a_derivative_without_session_folders(tmp_path: Path) -> None:
    place = "derivatives/manual/sub-1/anat/sub-1_ses-{}_label-lesion_mask.nii.gz"
    touch(tmp_path, *(f"sub-1/ses-{n}/anat/sub-1_ses-{n}_FLAIR.nii.gz" for n in ("1", "01", "2")))
    touch(tmp_path, place.format("01"), place.format("2"))
    found, notes = read(tmp_path)
    masks = {name: one.lesions and one.lesions.name[:12] for name, one in found.items()}
    assert masks == {"sub-1_ses-1": None, "sub-1_ses-01": "sub-1_ses-01", "sub-1_ses-2": "sub-1_ses-2_"}
    assert notes == []


def test_a_person_whose_t1_and_flair_are_in_different_sessions_is_named(tmp_path: Path) -> None:
    files = {"1": ("1_T1w", "2_FLAIR"), "2": ("1_T1w", "1_FLAIR", "2_FLAIR"), "3": ("1_T1w", "2_T1w")}
    for person, scans in files.items():
        touch(tmp_path, *(f"sub-{person}/ses-{scan[0]}/anat/sub-{person}_ses-{scan}.nii.gz" for scan in scans))
    (said,) = read(tmp_path)[1]
    assert said.startswith("sub-1: T1 and FLAIR are in different sessions, and count as two subjects: list in a table")


@pytest.mark.parametrize(("given", "meant"), [("study", "study/rawdata"), ("study/rawdata/sub-1", "study/rawdata")])
def test_a_folder_beside_the_cohort_says_where_it_is(given: str, meant: str, tmp_path: Path) -> None:
    touch(tmp_path, "study/rawdata/sub-1/anat/sub-1_T1w.nii.gz", "study/code/x.py")
    with pytest.raises(InputError, match=f"holds no subject; give {re.escape(str(tmp_path / meant))}$"):
        find_subjects(tmp_path / given)


def test_what_is_in_other_formats_or_places_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "sub-1/anat/sub-1_FLAIR.nii.gz", "sub-1/anat/sub-1_T1w.img", "sub-1/anat/sub-1_T1w.hdr")
    touch(tmp_path, "sub-1/sub-1_T1w.nii.gz", "sub-2/anat/sub-2_T1w.nrrd", "sub-2/anat/dicom/1.dcm")
    touch(tmp_path, "siteB/sub-3/anat/sub-3_T1w.nii.gz", "MS_4/MS_4_FLAIR.nii.gz", ".git/x.nii.gz", "code/x.nii.gz")
    found, notes = read(tmp_path)
    assert list(found) == ["sub-1", "sub-2"]
    assert notes == [
        ".: not read, as subjects must lie in sub-.../anat: MS_4, siteB",
        "sub-1: not read, as only .nii.gz, .nii, .mgz, .mgh are: sub-1_T1w.hdr, sub-1_T1w.img",
        "sub-1: not read, as it lies outside the folder anat: sub-1_T1w.nii.gz",
        "sub-2: ./sub-2/anat: has no T1 and no FLAIR, but only dicom, sub-2_T1w.nrrd; call scans sub-2_T1w.nii.gz and "
        "sub-2_FLAIR.nii.gz, or remove the subject",
    ]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (b"participant_id\tsplit\nsub-1\tvalidation\n", "split is 'validation'"),
        (b"participant_id\tsite\nsub-1\tM\xfcnchen\n", "is not text in UTF-8"),
        (b"subject_id\nsub-1\n", "lacks the column participant_id"),
        (b"participant_id\tsplit\nsub-1\ttrain\nsub-1\ttrain\n", "has a line already"),
    ],
)
def test_an_unreadable_split_stops_training_only(table: bytes, problem: str, tmp_path: Path) -> None:
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii.gz")
    (tmp_path / "participants.tsv").write_bytes(table)
    found, (said,) = read(tmp_path)
    assert list(found) == ["sub-1"]
    assert problem in said
    with pytest.raises(InputError, match=problem):
        resolve_splits(found.values())


@pytest.mark.parametrize("manual", ["label-lesion_mask", "desc-lesion_mask"])
@pytest.mark.parametrize("who", [("01", "02"), ("02", "03"), ("01", "02", "03")])
def test_of_masks_of_two_pipelines_none_is_taken(manual: str, who: tuple[str, ...], tmp_path: Path) -> None:
    """Which is the rater's cannot be seen, whether a tool's masks are of the same people, of some or of others. Two of
    one pipeline are told apart by their names, and what this package made is no truth."""
    of = "derivatives/{0}/sub-{1}/anat/sub-{1}_{2}.nii.gz"
    by_hand = [of.format("manual", person, manual) for person in ("01", "02")]
    tools = [of.format("lst", person, "label-lesion_mask") for person in who]
    people = [f"sub-{person}/anat/sub-{person}_FLAIR.nii.gz" for person in ("01", "02", "03")]
    touch(tmp_path, *people, *by_hand, *tools, of.format("yucca_wm", "01", "label-lesion_mask"))
    found, notes = read(tmp_path)
    assert [person.lesions for person in found.values()] == [None] * 3
    (said,) = notes
    assert said.startswith(
        f"./derivatives: has lesion masks of several pipelines: lst ({len(who)}), manual (2); none is taken"
    )
    for file in tools:
        (tmp_path / file).unlink()
    touch(tmp_path, of.format("manual", "01", f"acq-x_{manual}"))
    found, notes = read(tmp_path)
    assert [person.lesions for person in found.values()] == [*(tmp_path / file for file in by_hand), None]


def test_masks_of_lst_ai_on_the_flair_are_found_and_its_other_maps_are_not(tmp_path: Path) -> None:
    """Its annotated map has a label for each kind of lesion; that on the T1 lies on another grid than the FLAIR."""
    place = "derivatives/lst-ai/sub-1/anat/sub-1_"
    files = (f"{place}space-{space}_seg-lst.nii.gz" for space in ("flair", "mni", "flair_desc-annotated"))
    touch(tmp_path, "sub-1/anat/sub-1_FLAIR.nii.gz", *files)
    assert read(tmp_path)[0]["sub-1"].lesions == tmp_path / f"{place}space-flair_seg-lst.nii.gz"


def test_white_matter_of_another_pipeline_is_said_to_be_left(tmp_path: Path) -> None:
    """The first kind by name is taken; one pipeline has all kinds as a matter of course."""
    of = "derivatives/{}/sub-1/anat/sub-1_{}.nii.gz"
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii", *(of.format("fast", end) for end in ("label-WM_probseg", "dseg")))
    assert read(tmp_path)[1] == []
    touch(tmp_path, other := of.format("synth", "desc-synthseg_dseg"))
    found, (said,) = read(tmp_path)
    assert found["sub-1"].wm == tmp_path / of.format("fast", "label-WM_probseg")
    assert said.startswith("sub-1: wm: ")
    assert other in said


def test_scans_with_contrast_agent_and_phases_come_last(tmp_path: Path) -> None:
    """Nothing is said by ``ce-none`` and ``part-mag``."""
    touch(tmp_path, *(f"sub-1/anat/sub-1_{what}.nii" for what in ("CE-gd_T1w", "acq-a_run-1_T1w", "part-phase_FLAIR")))
    found, notes = read(tmp_path)
    assert found["sub-1"].t1 == tmp_path / "sub-1/anat/sub-1_acq-a_run-1_T1w.nii"
    assert found["sub-1"].flair == tmp_path / "sub-1/anat/sub-1_part-phase_FLAIR.nii", "there is no other"
    assert len(notes) == 1
    parts = [f"sub-2/anat/sub-2_part-{part}_T1w.nii" for part in ("imag", "mag", "phase", "real")]
    touch(tmp_path, *parts, *(f"sub-2/anat/sub-2_ce-{agent}_FLAIR.nii" for agent in ("gadolinium", "none")))
    found, _ = read(tmp_path)
    assert found["sub-2"].t1 == tmp_path / parts[1]
    assert found["sub-2"].flair == tmp_path / "sub-2/anat/sub-2_ce-none_FLAIR.nii"


def test_folders_that_are_nobodys_are_no_people(tmp_path: Path) -> None:
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii", "code/anat/convert.py", "sourcedata/anat/a_T1w.nii", "x/anat/notes.txt")
    found, notes = read(tmp_path)
    assert list(found) == ["sub-1"]
    assert notes == []


def test_what_may_be_meant_for_the_scan_that_is_lacking_is_named(tmp_path: Path) -> None:
    """A T2 is nothing like a T1, and the FLAIR that is taken is not named for one."""
    touch(tmp_path, "sub-1/anat/sub-1_T1.nii.gz", "sub-1/anat/sub-1_acq-T1grid_FLAIR.nii", "sub-1/anat/sub-1_T2w.nii")
    touch(tmp_path, "sub-4/anat/sub-4_acq-FLAIR_T2w.nii.gz", "sub-4/anat/sub-4_T1w.nii", "sub-4/anat/sub-4_PDw.nii")
    found, notes = read(tmp_path)
    assert list(found["sub-1"].scans) == [Modality.FLAIR]
    assert notes == [
        "sub-1: has no T1, unless it is sub-1_T1.nii.gz (call it sub-1_T1w.nii.gz)",
        "sub-4: has no FLAIR, unless it is sub-4_acq-FLAIR_T2w.nii.gz (call it sub-4_FLAIR.nii.gz)",
    ]


def test_the_challenge_layout_tells_the_same(tmp_path: Path) -> None:
    touch(tmp_path, "1/pre/T1.nii.gz", "1/pre/T1.nii", "1/pre/T1_seg_run10.nii", "1/pre/T1_seg_run2.nii")
    touch(tmp_path, "2/pre/FLAIR.nii", "2/pre/3DT1.nii", "2/pre/T1.mha", "3/pre/T2.nii", "3/pre/T1/1.dcm")
    touch(tmp_path, "4/orig/T1.nii")
    found, notes = read(tmp_path)
    assert found["WMH_1"].wm == tmp_path / "1/pre/T1_seg_run2.nii"
    assert notes == [
        ".: without a folder pre, not read: 4",
        "WMH_1: T1: 1/pre/T1.nii.gz is taken, not 1/pre/T1.nii",
        "WMH_1: wm: 1/pre/T1_seg_run2.nii is taken, not 1/pre/T1_seg_run10.nii",
        "WMH_2: has no T1, unless it is 3DT1.nii (call it T1.nii.gz)",
        "WMH_2: not read, as only .nii.gz, .nii, .mgz, .mgh are: T1.mha",
        "WMH_3: ./3/pre: has no T1 and no FLAIR, but only T2.nii, T1; call scans T1.nii.gz and FLAIR.nii.gz, or remove "
        "the subject",
    ]


def test_lesions_that_this_package_wrote_are_neither_truth_nor_white_matter(tmp_path: Path) -> None:
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii", "derivatives/yucca_wm/sub-1/anat/sub-1_label-lesion_dseg.nii.gz")
    found, notes = read(tmp_path)
    assert (found["sub-1"].lesions, found["sub-1"].wm, notes) == (None, None, [])
