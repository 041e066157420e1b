"""Every layout finds the same subjects and files; what is ambiguous is an error that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from yucca_wm.cohort.layouts import LAYOUTS, find_subjects
from yucca_wm.cohort.subject import Split, Subject, regions_path
from yucca_wm.core.errors import InputError
from yucca_wm.core.modality import Modality
from yucca_wm.core.tsv import NO_VALUE
from yucca_wm.imaging.reading import Headers, reading


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def wmh_subject(folder: Path) -> None:
    touch(folder / "pre/T1.nii.gz", folder / "pre/FLAIR.nii.gz", folder / "wmh.nii.gz")


def by_name(root: Path, layout: str = "auto") -> dict[str, Subject]:
    return {subject.name: subject for subject in find_subjects(root, layout)}


class TestWmhChallenge:
    def test_official_folders_give_names_files_and_split(self, tmp_path: Path) -> None:
        wmh_subject(tmp_path / "training/Utrecht/0")
        wmh_subject(tmp_path / "training/Amsterdam/GE3T/100")
        wmh_subject(tmp_path / "test/Amsterdam/Philips_VU .PETMR_01./160")
        touch(tmp_path / "additional_annotations/observer_o3/training/Utrecht/0/result.nii.gz")
        found = by_name(tmp_path)
        assert {name: subject.split for name, subject in found.items()} == {
            "WMH_0": Split.TRAIN,
            "WMH_100": Split.TRAIN,
            "WMH_160": Split.TEST,
        }
        folder = tmp_path / "training/Utrecht/0"
        expected = (folder / "pre/T1.nii.gz", folder / "pre/FLAIR.nii.gz", folder / "wmh.nii.gz")
        assert (found["WMH_0"].t1, found["WMH_0"].flair, found["WMH_0"].lesions) == expected
        assert found["WMH_0"].wm is None
        assert found["WMH_0"].regions is None

    def test_flat_folders_have_no_split(self, tmp_path: Path) -> None:
        wmh_subject(tmp_path / "sub-b")
        wmh_subject(tmp_path / "sub-a")
        assert [(subject.name, subject.split) for subject in find_subjects(tmp_path)] == [
            ("sub-a", None),
            ("sub-b", None),
        ]

    def test_missing_modality_is_none(self, tmp_path: Path) -> None:
        wmh_subject(tmp_path / "a")
        (tmp_path / "a/pre/FLAIR.nii.gz").unlink()
        assert by_name(tmp_path)["a"].flair is None

    @pytest.mark.parametrize("name", ["wm.nii.gz", "T1_seg.nii.gz", "T1_segmentation.nii", "T1_seg_fastaid.nii.gz"])
    def test_white_matter_segmentation(self, tmp_path: Path, name: str) -> None:
        wmh_subject(tmp_path / "a")
        touch(tmp_path / "a/pre" / name)
        assert by_name(tmp_path)["a"].wm == tmp_path / "a/pre" / name

    def test_region_maps_are_found_among_the_derivatives(self, tmp_path: Path) -> None:
        wmh_subject(tmp_path / "test/Utrecht/7")
        touch(regions_path(tmp_path, "WMH_7"))
        assert by_name(tmp_path)["WMH_7"].regions == tmp_path / "derivatives/yucca_wm/WMH_7/WMH_7_regions.nii.gz"

    def test_link_back_to_the_cohort_is_not_followed(self, tmp_path: Path) -> None:
        wmh_subject(tmp_path / "a")
        (tmp_path / "loop").symlink_to(tmp_path)
        assert list(by_name(tmp_path)) == ["a"]

    def test_dead_link_is_kept_to_be_reported(self, tmp_path: Path) -> None:
        wmh_subject(tmp_path / "a")
        (tmp_path / "a/pre/FLAIR.nii.gz").unlink()
        (tmp_path / "a/pre/FLAIR.nii.gz").symlink_to(tmp_path / "gone.nii.gz")
        assert by_name(tmp_path)["a"].flair is not None


class TestBids:
    def test_raw_and_derivatives(self, tmp_path: Path) -> None:
        raw = tmp_path / "sub-01/anat"
        derived = tmp_path / "derivatives/lesions/sub-01/anat"
        touch(raw / "sub-01_T1w.nii.gz", raw / "sub-01_FLAIR.nii.gz", raw / "sub-01_T1w.json")
        touch(derived / "sub-01_label-lesion_mask.nii.gz", derived / "sub-01_space-MNI152_label-lesion_mask.nii.gz")
        touch(tmp_path / "derivatives/fast/sub-01/anat/sub-01_label-WM_probseg.nii.gz")
        (tmp_path / "participants.tsv").write_text("participant_id\tsplit\nsub-01\ttest\n")
        assert find_subjects(tmp_path) == [
            Subject(
                "sub-01",
                {Modality.T1: raw / "sub-01_T1w.nii.gz", Modality.FLAIR: raw / "sub-01_FLAIR.nii.gz"},
                tmp_path / "derivatives/fast/sub-01/anat/sub-01_label-WM_probseg.nii.gz",
                derived / "sub-01_label-lesion_mask.nii.gz",
                None,
                Split.TEST,
            )
        ]

    def test_columns_of_participants_may_be_in_upper_case(self, tmp_path: Path) -> None:
        """A column `Split` was passed over in silence."""
        touch(tmp_path / "sub-01/anat/sub-01_T1w.nii.gz")
        (tmp_path / "participants.tsv").write_text("Participant_ID\tSplit\nsub-01\ttest\n")
        assert by_name(tmp_path)["sub-01"].split is Split.TEST

    def test_sessions_are_subjects_of_one_person(self, tmp_path: Path) -> None:
        for session in ("ses-1", "ses-2"):
            touch(tmp_path / f"sub-01/{session}/anat/sub-01_{session}_T1w.nii.gz")
        found = find_subjects(tmp_path)
        assert [(subject.name, subject.person) for subject in found] == [
            ("sub-01_ses-1", "sub-01"),
            ("sub-01_ses-2", "sub-01"),
        ]

    def test_first_plain_image_of_several_is_taken(self, tmp_path: Path) -> None:
        anat = tmp_path / "sub-01/anat"
        touch(anat / "sub-01_run-2_T1w.nii.gz", anat / "sub-01_run-1_T1w.nii.gz")
        assert by_name(tmp_path)["sub-01"].t1 == anat / "sub-01_run-1_T1w.nii.gz"
        touch(anat / "sub-01_T1w.nii.gz")
        assert by_name(tmp_path)["sub-01"].t1 == anat / "sub-01_T1w.nii.gz"

    def test_template_space_and_lesion_maps_are_no_white_matter(self, tmp_path: Path) -> None:
        touch(tmp_path / "sub-01/anat/sub-01_T1w.nii.gz")
        derived = tmp_path / "derivatives/x/sub-01/anat"
        touch(derived / "sub-01_space-MNI152NLin6Asym_dseg.nii.gz", derived / "sub-01_label-lesion_dseg.nii.gz")
        assert by_name(tmp_path)["sub-01"].wm is None
        touch(derived / "sub-01_dseg.nii.gz")
        assert by_name(tmp_path)["sub-01"].wm == derived / "sub-01_dseg.nii.gz"


class TestTable:
    def test_paths_are_relative_to_the_table(self, tmp_path: Path) -> None:
        path = tmp_path / "subjects.tsv"
        path.write_text("subject\tt1\tflair\tsplit\nb\timages/b.nii\tn/a\tTest\na\t/elsewhere/a.nii.gz\t\t\n")
        assert find_subjects(path) == [
            Subject("a", {Modality.T1: Path("/elsewhere/a.nii.gz")}),
            Subject("b", {Modality.T1: tmp_path / "images/b.nii"}, split=Split.TEST),
        ]

    def test_columns_may_be_in_upper_case(self, tmp_path: Path) -> None:
        path = tmp_path / "subjects.tsv"
        path.write_text("Subject\tT1\tFLAIR\tWM\tsplit\na\tone.nii\ttwo.nii\tthree.nii\ttest\n")
        scans = {Modality.T1: tmp_path / "one.nii", Modality.FLAIR: tmp_path / "two.nii"}
        assert find_subjects(path) == [Subject("a", scans, tmp_path / "three.nii", split=Split.TEST)]

    def test_tables_are_read_as_programs_write_them(self, tmp_path: Path) -> None:
        """Quoted, with BOM and CR LF, a tab at every end and an empty line; a name called NA is one."""
        path = tmp_path / "subjects.tsv"
        text = '"t1"\t"subject"\t\r\n"a b.nii"\t"NA"\t\r\n\r\nN/A\t02\t\r\n'
        path.write_text(text, encoding="utf-8-sig", newline="")
        assert find_subjects(path) == [Subject("02"), Subject("NA", {Modality.T1: tmp_path / "a b.nii"})]

    @pytest.mark.parametrize("word", [*NO_VALUE, "NA", "NaN", "N.A."])
    def test_words_for_no_value_are_those_of_participants(self, tmp_path: Path, word: str) -> None:
        path = tmp_path / "subjects.csv"
        path.write_text(f"subject,t1,flair,lesions,split\na,a.nii,{word},{word},{word}\n")
        assert find_subjects(path) == [Subject("a", {Modality.T1: tmp_path / "a.nii"})]
        touch(tmp_path / "bids/sub-1/anat/sub-1_T1w.nii")
        (tmp_path / "bids/participants.tsv").write_text(f"participant_id\tsplit\nsub-1\t{word}\n")
        assert [subject.split for subject in find_subjects(tmp_path / "bids")] == [None]

    def test_table_in_the_cohort_folder_comes_first(self, tmp_path: Path) -> None:
        wmh_subject(tmp_path / "a")
        (tmp_path / "cohort.tsv").write_text("subject\tt1\nonly\ta/pre/T1.nii.gz\n")
        touch(regions_path(tmp_path, "only"))
        found = by_name(tmp_path)
        assert list(found) == ["only"]
        assert found["only"].regions == regions_path(tmp_path / "cohort.tsv", "only")
        assert list(by_name(tmp_path, "wmh")) == ["a"]

    def test_other_columns_are_noted_and_not_used(self, tmp_path: Path) -> None:
        path = tmp_path / "cohort.tsv"
        path.write_text("subject\tage\tt1\tsession\na\t71\ta.nii\tbaseline\n")
        with reading(Headers()) as notes:
            assert [(s.name, s.t1) for s in find_subjects(path)] == [("a", tmp_path / "a.nii")]
        (note,) = notes
        assert note.startswith(f"{path}: not used: age, session (columns that are used: subject, t1, flair")

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("name\tt1\na\tb\n", "lacks the column subject; it has name, t1"),
            ("subject,t1\na,b,c.nii\n", "line 2 has more cells than the header; its columns are separated by commas"),
            ("subject\tt1\tt1\na\tb\tc\n", "has the column t1 twice"),
            ("subject  t1\na  b\n", "lacks the column subject; columns must be separated by tabs"),
            ("subject\tt1\tT2\na\tb\tc.NII.gz\n", "has an unknown column: T2; known: subject, t1"),
            ("subject\tt1\tFlare\na\tb\t\n", "has an unknown column: Flare; did you mean flair"),
            (
                "subject\tt1_file\tFLAIR path\na\t\t\n",
                "has unknown columns: FLAIR path, t1_file; did you mean flair and t1",
            ),
            ("Subject  T1\na  b\n", "lacks the column subject; columns must be separated by tabs"),
            ("subject\tT1\tt1\na\tb\tc\n", "has the columns T1 and t1, which differ in upper and lower case only"),
            ("subject\tsplit\tSubject\na\ttest\tb\n", "has the columns subject and Subject, which differ"),
            ("subject\tT1\tT1\na\tb\tc\n", "has the column t1 twice"),
            ("subject\tsplit\na\tvalidation\n", "line 2: split is 'validation'"),
            ("subject\tt1\n\n\tx.nii\n", "line 3 names no subject"),
            ("subject\tt1\t\na\tx\ty\n", "line 2 has a cell under a column without a name"),
            ("subject\tt1\na\tx\ty\n", "line 2 has more cells"),
            ("subject\tt1\n../a\tx\n", "cannot be the name of a file"),
            ("subject\tt1\na/b\tx\n", "cannot be the name of a file"),
            ("subject\tt1\na\tx\na\ty\n", "subject 'a' occurs 2 times"),
            ("subject\tt1\n", "holds no subject"),
            ("", "lacks the column subject; it has none"),
        ],
    )
    def test_errors_name_the_table_and_the_fault(self, tmp_path: Path, text: str, complaint: str) -> None:
        path = tmp_path / "subjects.tsv"
        path.write_text(text)
        with pytest.raises(InputError, match=complaint) as raised:
            find_subjects(path)
        assert str(path) in str(raised.value)

    def test_binary_file_is_no_table(self, tmp_path: Path) -> None:
        path = tmp_path / "subjects.tsv"
        path.write_bytes(b"\x1f\x8b\xff\x00\xfe")
        with pytest.raises(InputError, match="is not text in UTF-8"):
            find_subjects(path)


def test_empty_absent_and_unknown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no subject; expected"):
        find_subjects(tmp_path)
    with pytest.raises(InputError, match="no such cohort"):
        find_subjects(tmp_path / "nowhere")
    with pytest.raises(InputError, match=f"unknown layout 'dicom'; choose one of auto, {', '.join(LAYOUTS)}"):
        find_subjects(tmp_path, "dicom")


def test_one_name_in_two_sites_is_refused(tmp_path: Path) -> None:
    wmh_subject(tmp_path / "training/Utrecht/3")
    wmh_subject(tmp_path / "test/Singapore/3")
    with pytest.raises(InputError, match="subject 'WMH_3' occurs 2 times"):
        find_subjects(tmp_path)
