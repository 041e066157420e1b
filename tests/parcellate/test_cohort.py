"""A cohort: every subject that can be done is done, the others are named; interrupted runs go on."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image, load, save
from yucca_wm.parcellate import case as one
from yucca_wm.parcellate.__main__ import main

from .conftest import FAULTS, AtlasFiles, broken, scan, turned


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Two good subjects, one with empty white matter, one with none, one whose T1 lies elsewhere."""
    subject = scan(turned((4, 3, -5), (1, 1.05, 1)), (3, 3, 4))
    t1 = Image((subject.wm.data * 80 + 20).astype(np.float32), subject.wm.affine)
    moved = subject.wm.affine.copy()
    moved[1, 3] += 2
    for name, wm, image in (
        ("1", subject.wm.data, t1),
        ("2", subject.wm.data, t1),
        ("3", subject.wm.data * 0, t1),
        ("4", None, t1),
        ("5", subject.wm.data, Image(t1.data, moved)),
    ):
        pre = tmp_path / "cohort" / "training" / "Site" / name / "pre"
        pre.mkdir(parents=True)
        save(image, pre / "T1.nii.gz")
        if wm is not None:
            save(subject.wm.with_data(wm), pre / "wm.nii.gz")
    return tmp_path / "cohort"


def arguments(cohort: Path, atlas: AtlasFiles, *more: str) -> list[str]:
    files = ["--atlas-wm", str(atlas.wm), "--atlas-labels", str(atlas.labels)]
    return ["--cohort", str(cohort), *files, "--jobs", "1", *more]


def test_a_region_map_that_was_drawn_by_hand_is_not_replaced(cohort: Path, atlas_files: AtlasFiles, capsys) -> None:  # type: ignore[no-untyped-def]
    own = cohort / "derivatives" / "yucca_wm" / "WMH_1" / "WMH_1_regions.nii.gz"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"hours of work")
    assert main(arguments(cohort, atlas_files, "--no-picture")) == 1
    assert f"{own}: exists already and was not written by yucca-wm parcellate" in capsys.readouterr().err
    assert own.read_bytes() == b"hours of work"
    assert load(own.parents[1] / "WMH_2" / "WMH_2_regions.nii.gz").data.any()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_failures_are_named_and_the_others_done(cohort: Path, atlas_files: AtlasFiles, capsys) -> None:  # type: ignore[no-untyped-def]
    assert main(arguments(cohort, atlas_files)) == 1
    out = cohort / "derivatives" / "yucca_wm"
    error = capsys.readouterr().err
    assert "WMH_3" in error
    assert "holds no white matter" in error
    assert "has no white-matter segmentation" in error
    assert "3 of 5 cases failed" in error
    for name in ("WMH_1", "WMH_2"):
        assert load(out / name / f"{name}_regions.nii.gz").data.any()
    with (out / "parcellation.tsv").open() as stream:
        rows = {row["subject"]: row for row in csv.DictReader(stream, delimiter="\t")}
    assert rows["WMH_1"]["status"] == "ok"
    assert rows["WMH_3"]["status"].startswith("failed: ")
    assert rows["WMH_3"]["wm_dice"] == "n/a"
    assert float(rows["WMH_2"]["parietal_R_ml"]) > 0
    page = (out / "parcellation.html").read_text()
    assert 'src="WMH_1/WMH_1_regions.png"' in page
    assert "Failed: 3" in page


def test_every_fault_is_one_recorded_failure(tmp_path: Path, atlas_files: AtlasFiles, capsys) -> None:  # type: ignore[no-untyped-def]
    subject = scan(turned((4, 3, -5), (1, 1.05, 1)), (3, 3, 4))
    save(subject.wm, tmp_path / "good.nii.gz")
    for how in FAULTS:
        broken(subject, how, tmp_path / f"{how}.nii.gz")
    table = tmp_path / "table.tsv"
    rows = [f"{name.replace(' ', '-')}\t{name}.nii.gz" for name in (*FAULTS, "good")]
    table.write_text("\n".join(["subject\twm", *rows]) + "\n")
    out = tmp_path / "out"
    assert main(arguments(table, atlas_files, "--out-dir", str(out), "--no-picture")) == 1
    error = capsys.readouterr().err
    assert f"{len(FAULTS)} of {len(FAULTS) + 1} cases failed" in error
    for how, message in FAULTS.items():
        (line,) = [line for line in error.splitlines() if f"{how}.nii.gz: " in line]
        assert message in line
    assert [path.name for path in out.glob("*/*_regions.nii.gz")] == ["good_regions.nii.gz"]


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(
    cohort: Path, atlas_files: AtlasFiles, tmp_path: Path, monkeypatch
) -> None:  # type: ignore[no-untyped-def]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    main(arguments(cohort, atlas_files, "--out-dir", str(whole), "--no-picture"))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(one, "write_json", stop)  # the last thing written of a subject
        with pytest.raises(KeyboardInterrupt):
            main(arguments(cohort, atlas_files, "--out-dir", str(cut), "--no-picture"))
    (cut / "WMH_1" / "WMH_1_regions.nii.gz").write_bytes(b"half")
    main(arguments(cohort, atlas_files, "--out-dir", str(cut), "--no-picture"))
    for name in ("WMH_1", "WMH_2"):
        for ending in ("regions.nii.gz", "regions_unmasked.nii.gz", "regions_affine.tfm"):
            assert (cut / name / f"{name}_{ending}").read_bytes() == (whole / name / f"{name}_{ending}").read_bytes()


def test_only_what_changed_is_done_again(cohort: Path, atlas_files: AtlasFiles) -> None:
    out = cohort / "derivatives" / "yucca_wm"

    def run(*more: str) -> set[str]:
        """The subjects that were done."""
        before = {path: path.stat().st_mtime_ns for path in out.glob("*/*.json")}
        main(arguments(cohort, atlas_files, "--no-picture", *more))
        return {path.parent.name for path in out.glob("*/*.json") if before.get(path) != path.stat().st_mtime_ns}

    assert run() == {"WMH_1", "WMH_2"}
    table = (out / "parcellation.tsv").read_bytes()
    assert run() == set()
    wm = cohort / "training" / "Site" / "2" / "pre" / "wm.nii.gz"
    content = wm.read_bytes()
    moved = load(wm)
    save(moved.with_data(np.roll(moved.data, 1, axis=1)), wm)
    assert run() == {"WMH_2"}
    wm.write_bytes(content)
    assert run("--participant-label", "WMH_1") == set()
    assert run() == {"WMH_2"}
    assert (out / "parcellation.tsv").read_bytes() == table
    assert run("--fill-mm", "2") == {"WMH_1", "WMH_2"}
    assert run("--fill-mm", "2", "--force", "--participant-label", "WMH_2") == {"WMH_2"}


def test_subjects_one_by_one_then_the_group_leave_what_a_whole_run_leaves(
    cohort: Path, atlas_files: AtlasFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def contents(out: Path) -> dict[str, bytes]:
        paths = [path for path in out.rglob("*") if path.is_file() and path.name != "run_record.jsonl"]
        return {str(path.relative_to(out)): path.read_bytes() for path in paths}

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(arguments(cohort, atlas_files, "--no-picture", "--out-dir", str(whole))) == 1
    for name in ("WMH_5", "WMH_2", "WMH_4", "WMH_1", "WMH_3"):
        main(arguments(cohort, atlas_files, "--no-picture", "--out-dir", str(parts), "--participant-label", name))
    assert not (parts / "parcellation.tsv").exists()
    capsys.readouterr()
    assert main(arguments(cohort, atlas_files, "--no-picture", "--out-dir", str(parts), "--level", "group")) == 1
    assert "3 of 5 cases failed" in capsys.readouterr().err
    assert contents(parts) == contents(whole)


def test_one_worker_or_two_leave_the_same_bytes(
    cohort: Path, atlas_files: AtlasFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    one_worker, two_workers = tmp_path / "1", tmp_path / "2"
    for out, jobs in ((one_worker, "1"), (two_workers, "2")):
        main([*arguments(cohort, atlas_files, "--no-picture", "--out-dir", str(out)), "--jobs", jobs])
    files = sorted(path.relative_to(one_worker) for path in one_worker.rglob("*.*") if path.suffix != ".jsonl")
    assert len(files) > 6
    for file in files:
        assert (two_workers / file).read_bytes() == (one_worker / file).read_bytes(), file


def test_lesions_of_a_cohort_count_as_white_matter_unless_told_not_to(
    tmp_path: Path, atlas_files: AtlasFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hole of 2 x 2 x 2 voxels of 36 mm3 is the lesion of both subjects; of one it lies on another grid."""
    subject = scan(turned((4, 3, -5), (1, 1.05, 1)), (3, 3, 4))
    at = np.array(np.nonzero(ndimage.binary_erosion(subject.wm.data, iterations=2)))[:, 500]
    hole = np.zeros(subject.wm.shape, np.uint8)
    hole[tuple(slice(n, n + 2) for n in at)] = 1
    save(subject.wm.with_data(subject.wm.data * (1 - hole)), tmp_path / "wm.nii.gz")
    save(subject.wm.with_data(hole), tmp_path / "lesions.nii.gz")
    save(Image(hole[:, :, 1:], subject.wm.affine), tmp_path / "elsewhere.nii.gz")
    table = tmp_path / "table.tsv"
    table.write_text("subject\twm\tlesions\na\twm.nii.gz\tlesions.nii.gz\nb\twm.nii.gz\telsewhere.nii.gz\n")
    out = tmp_path / "out"

    def run(*more: str) -> dict[str, tuple[float, bool]]:
        """Subject -> lesions in the record in ml, and whether every voxel of the hole has a label."""
        assert main(arguments(table, atlas_files, "--out-dir", str(out), "--no-picture", *more)) == 0
        found = {}
        for name in ("a", "b"):
            record = json.loads((out / name / f"{name}_regions.json").read_text())
            labels = load(out / name / f"{name}_regions.nii.gz").data
            found[name] = (record["lesions_added_ml"], bool(labels[hole > 0].all()))
        return found

    assert run() == {"a": (pytest.approx(8 * 36 / 1000), True), "b": (0, False)}
    assert "lesions on another grid than the white matter, not counted as part of it, in 1 subjects: b" in (
        capsys.readouterr().err
    )
    assert run("--lesions", "none") == {"a": (0, False), "b": (0, False)}
    assert "another grid" not in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_volumes_are_those_of_a_map_that_was_edited(cohort: Path, atlas_files: AtlasFiles, capsys) -> None:  # type: ignore[no-untyped-def]
    """All of one region is given to another: its volume is 0 then, and the other's is that of both."""
    assert main(arguments(cohort, atlas_files, "--no-picture")) == 1
    out = cohort / "derivatives" / "yucca_wm"

    def row() -> dict[str, str]:
        with (out / "parcellation.tsv").open() as stream:
            return {one["subject"]: one for one in csv.DictReader(stream, delimiter="\t")}["WMH_1"]

    before, path = row(), out / "WMH_1" / "WMH_1_regions.nii.gz"
    edited = load(path)
    save(edited.with_data(np.where(edited.data == 3, 4, edited.data).astype(np.uint8)), path)
    assert main(arguments(cohort, atlas_files, "--no-picture")) == 1
    after = row()
    names = [column for column in after if column.endswith("_ml")]
    third, fourth = (names[names.index("parietal_L_ml") + number] for number in (2, 3))
    assert float(after[third]) == 0
    assert float(after[fourth]) == pytest.approx(float(before[third]) + float(before[fourth]), abs=2e-4)
    assert after["status"] == "region map edited: volumes are of the map as it is"
    assert "region maps edited since" in capsys.readouterr().err


def test_one_subjects_map_replaces_neither_its_input_nor_an_own_map(
    tmp_path: Path, atlas_files: AtlasFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = scan(turned((4, 3, -5), (1, 1.05, 1)), (3, 3, 4))
    wm = tmp_path / "s1_wm.nii.gz"
    save(subject.wm, wm)
    files = ["--atlas-wm", str(atlas_files.wm), "--atlas-labels", str(atlas_files.labels), "--no-picture"]
    content = wm.read_bytes()
    with pytest.raises(InputError, match="is read by this run, which would replace it"):
        main(["--wm", str(wm), "--out", str(wm), *files])
    assert wm.read_bytes() == content
    one = ["--wm", str(wm), "--out-dir", str(tmp_path / "out"), *files]
    assert main(one) == main(one) == 0
    (made,) = (tmp_path / "out").glob("*_regions.nii.gz")
    with monkeypatch.context() as patch:  # stopped while it registers
        patch.setattr("yucca_wm.parcellate.case.label", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            main(one)
    assert main(one) == 0
    made.write_bytes(b"corrected by hand")
    with pytest.raises(InputError, match="exists already, and is not as yucca-wm parcellate has written it"):
        main(one)
    assert made.read_bytes() == b"corrected by hand"


@pytest.mark.parametrize("auto", [True, False])
def test_white_matter_found_by_the_models_is_found_again_by_others(
    auto: bool,
    cohort: Path,
    atlas_files: AtlasFiles,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The white matter of the cohort is read instead of found: what counts is who is done."""
    found: list[str] = []

    def read(t1: Image) -> tuple[Image, Image]:
        found.append(str(t1.path))
        wm = load(Path(str(t1.path)).with_name("wm.nii.gz"))
        return wm, wm.with_data(wm.data * 0)

    monkeypatch.setattr("yucca_wm.parcellate.case.segmented", read)
    words = arguments(cohort, atlas_files, "--no-picture", *["--wm", "auto"] * auto)
    done = []
    for digest in ("one", "one", "another"):
        monkeypatch.setattr("yucca_wm.parcellate.cohort.identities", lambda digest=digest: {"tissue": digest})
        main(words)
        lines = (cohort / "derivatives/yucca_wm/run_record.jsonl").read_text().splitlines()
        record = [json.loads(line) for line in lines]
        done.append(sum(line["subject"] == "WMH_1" and line["state"] == "done" for line in record))
    assert done == ([1, 1, 2] if auto else [1, 1, 1])
    assert bool(found) == auto
    capsys.readouterr()
