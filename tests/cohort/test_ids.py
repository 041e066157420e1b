"""One rule for ids: exactly the name, or the same but for ``sub-``; what looks alike is said, never guessed."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from yucca_wm.cohort.ids import alike, meant, person_of_file, person_of_scan
from yucca_wm.cohort.layouts import find_subjects
from yucca_wm.cohort.subject import Split
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import natural_key, nifti_files
from yucca_wm.jobs.options import RunOptions, selected
from yucca_wm.jobs.resumable import run_step
from yucca_wm.jobs.step import Step, Work
from yucca_wm.parcellate.outputs import single
from yucca_wm.tasks.split import resolve_splits


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("wanted", "names", "found"),
    [
        ("01", ["sub-01", "01"], "01"),
        ("sub-01", ["sub-01", "01"], "sub-01"),
        ("01", ["sub-01", "sub-1"], "sub-01"),
        ("sub-01", ["01"], "01"),
        ("1", ["sub-01", "sub-001"], None),
        ("001", ["1", "01"], None),
        ("sub-a", ["sub-A"], None),
        (unicodedata.normalize("NFD", "Zoë"), ["Zoë"], "Zoë"),
    ],
)
def test_an_exact_match_wins_then_one_but_for_sub(wanted: str, names: list[str], found: str | None) -> None:
    assert meant(wanted, names) == found


@pytest.mark.parametrize(
    ("wanted", "names", "found"),
    [
        ("1", ["sub-001", "sub-010"], ["sub-001"]),
        ("sub-P01", ["p1", "P10"], ["p1"]),
        ("Subj_1", ["subj-1"], ["subj-1"]),
        ("3", ["WMH_3", "WMH_13"], ["WMH_3"]),
        ("nobody", ["sub-1"], []),
    ],
)
def test_near_misses_are_named(wanted: str, names: list[str], found: list[str]) -> None:
    assert alike(wanted, names) == found


def test_names_sort_as_people_count() -> None:
    names = ["Subj10", "Subj2", "sub-1_ses-10", "sub-1_ses-9", "Subj1", "subj3"]
    assert sorted(names, key=natural_key) == ["sub-1_ses-9", "sub-1_ses-10", "Subj1", "Subj2", "subj3", "Subj10"]
    assert sorted(["01", "1", "a", "2b", ""], key=natural_key) == ["", "01", "1", "2b", "a"]


def test_lists_of_people_are_in_natural_order(tmp_path: Path) -> None:
    for name in ("10", "9", "100"):
        touch(tmp_path / "wmh" / name / "pre/T1.nii.gz", tmp_path / f"bids/sub-{name}/anat/sub-{name}_T1w.nii.gz")
        touch(tmp_path / "maps" / f"Subj{name}.nii.gz")
    (tmp_path / "table.tsv").write_text("subject\tt1\nP10\ta.nii\nP9\tb.nii\nP100\tc.nii\n")
    for place, start in (("wmh", "WMH_"), ("bids", "sub-"), ("table.tsv", "P")):
        assert [s.name for s in find_subjects(tmp_path / place)] == [f"{start}9", f"{start}10", f"{start}100"]
    assert list(nifti_files(tmp_path / "maps")) == ["Subj9", "Subj10", "Subj100"]


def bids(root: Path, table: str, *people: str) -> dict[str, Split | None]:
    for name in people:
        touch(root / name / "anat" / f"{name}_T1w.nii.gz")
    (root / "participants.tsv").write_text(table)
    return {subject.name: subject.split for subject in find_subjects(root)}


def test_a_split_counts_with_and_without_sub(tmp_path: Path) -> None:
    table = "participant_id\tage\tsplit\n01\t60\ttest\nsub-02\t61\ttrain\n03\t62\t\nelsewhere\t63\tn/a\n"
    found = bids(tmp_path, table, "sub-01", "sub-02", "sub-03")
    assert found == {"sub-01": Split.TEST, "sub-02": Split.TRAIN, "sub-03": None}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1\ttest", r"line 3: '1' is not a subject here \(sub-001 looks like it\)"),
        ("nobody\ttrain", r"line 3: 'nobody' is not a subject here; write it"),
        ("002\ttrain", r"line 3: sub-002 has a line already"),
    ],
)
def test_a_split_of_somebody_who_is_not_there_is_an_error(tmp_path: Path, line: str, says: str) -> None:
    bids(tmp_path, f"participant_id\tsplit\nsub-002\ttest\n{line}\n", "sub-001", "sub-002")
    with pytest.raises(InputError, match=says):
        resolve_splits(find_subjects(tmp_path))


def test_a_participant_label_is_an_id_and_a_near_miss_is_named(tmp_path: Path) -> None:
    names = ["01", "sub-01", "sub-02_ses-1", "sub-02_ses-2"]
    assert selected(names, ["01"]) == ({"01"}, [])
    assert selected(names, ["sub-01"]) == ({"sub-01"}, [])
    assert selected(names, ["02"]) == selected(names, ["sub-02"]) == ({"sub-02_ses-1", "sub-02_ses-2"}, [])
    assert selected(names, ["1", "02_ses-1"]) == ({"sub-02_ses-1"}, ["1"])
    works = {"sub-001": Work(1, {})}
    with pytest.raises(InputError, match=r"'1' is not a subject here \(sub-001 looks like it\)"):
        run_step(Step("x", tmp_path), str, works, RunOptions(participants=("1",)))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/Subj1/T1.nii.gz", "Subj1"),
        ("data/Subj1/DLWMLS.nii.gz", "Subj1"),
        ("WMH/training/Utrecht/7/pre/FLAIR.nii.gz", "WMH_7"),
        ("P3/anat/3D_FLAIR_brain.mgz", "P3"),
        ("bids/sub-01/ses-2/anat/sub-01_ses-2_run-1_T1w.nii.gz", "sub-01_ses-2_run-1"),
        ("any/P1_T1.nii.gz", "P1_T1"),
        ("lab/sub-01/ses-1/anat/T1.nii.gz", "sub-01_ses-1"),
        ("lab/p1/visit2/T1.nii.gz", "p1_visit2"),
        ("lab/p1/baseline/FLAIR.nii.gz", "p1_baseline"),
        ("lab/p1/T1_0000.nii.gz", "p1"),
        ("lab/0001.nii.gz", "0001"),
        ("any/WMH_3.nii", "WMH_3"),
    ],
)
def test_people_are_named_by_their_file_or_its_folder(tmp_path: Path, path: str, name: str) -> None:
    assert person_of_file(tmp_path / path) == name


def test_a_file_that_says_nothing_names_nobody() -> None:
    assert person_of_file(Path("/raw/T1.nii.gz")) is None


def test_region_maps_of_two_people_whose_white_matter_is_called_alike_are_two(tmp_path: Path) -> None:
    made = [single(tmp_path, tmp_path / name / "wm.nii.gz").regions.name for name in ("P1", "P2")]
    assert made == ["P1_regions.nii.gz", "P2_regions.nii.gz"]
    assert single(tmp_path, "P1/P1_wm.nii.gz").regions.name == "P1_wm_regions.nii.gz"


def test_a_tab_at_the_end_of_every_line_is_no_column(tmp_path: Path) -> None:
    table = tmp_path / "table.tsv"
    table.write_text("subject\tt1\t\n001\ta.nii.gz\t\n")
    assert [subject.name for subject in find_subjects(table)] == ["001"]
    table.write_text("subject\tt1\t\n001\ta.nii.gz\tb.nii.gz\n")
    with pytest.raises(InputError, match="line 2 has a cell under a column without a name"):
        find_subjects(table)


def test_mgz_and_dead_links_of_a_cohort_are_found(tmp_path: Path) -> None:
    touch(tmp_path / "wmh/1/pre/T1.nii.gz", tmp_path / "wmh/1/pre/wm.mgz")
    touch(tmp_path / "bids/sub-1/anat/sub-1_T1w.nii.gz", tmp_path / "bids/sub-1/anat/._sub-1_T1w.nii.gz")
    derived = tmp_path / "bids/derivatives/tool/sub-1/anat"
    touch(derived / "sub-1_desc-synthseg_dseg.mgz")
    (derived / "sub-1_label-lesion_mask.nii.gz").symlink_to(tmp_path / "gone")
    (wmh,), (bids_subject,) = find_subjects(tmp_path / "wmh"), find_subjects(tmp_path / "bids")
    assert (wmh.wm, bids_subject.wm) == (tmp_path / "wmh/1/pre/wm.mgz", derived / "sub-1_desc-synthseg_dseg.mgz")
    assert bids_subject.lesions == derived / "sub-1_label-lesion_mask.nii.gz"
    assert bids_subject.t1 == tmp_path / "bids/sub-1/anat/sub-1_T1w.nii.gz"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("raw/anna_T1.nii.gz", "anna"),
        ("raw/anna-FLAIR_brain.nii.gz", "anna"),
        ("raw/anna_0000.nii.gz", "anna"),
        ("raw/sub-01_ses-2_T1w.nii.gz", "sub-01_ses-2"),
        ("raw/sub-001_T1w.nii.gz", "sub-001"),
        ("raw/sub-0001_FLAIR.nii.gz", "sub-0001"),
        ("raw/sub-01_ses-001_T1w.nii.gz", "sub-01_ses-001"),
        ("raw/patient_001.nii.gz", "patient_001"),
        ("raw/patient_0007.nii.gz", "patient_0007"),
        ("raw/MS_001_FLAIR.nii.gz", "MS_001"),
        ("raw/MS_0003_T1_brain_000.nii.gz", "MS_0003"),
        ("raw/patient_0000_FLAIR.nii.gz", "patient_0000"),
        ("raw/anna_T1_to_FLAIR.nii.gz", "anna"),
        ("raw/anna-t1w-in-mni.nii.gz", "anna"),
        ("raw/anna_to_FLAIR.nii.gz", "anna_to"),
        ("anna/T1.nii.gz", "anna"),
        ("raw/anna_T12.nii.gz", "anna_T12"),
        ("raw/_T1.nii.gz", "raw_of_anna"),
    ],
)
def test_a_persons_scans_of_any_contrast_have_one_name(path: str, name: str) -> None:
    assert person_of_scan(Path("/raw_of_anna") / path) == name
