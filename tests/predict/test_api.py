"""``yucca_wm.predict``: scans in any form give one result, and `save` leaves what the command leaves."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import yucca_wm as yw
from yucca_wm.cli import exit_code
from yucca_wm.core.notes import Note
from yucca_wm.core.stages import stage, stages_aloud
from yucca_wm.imaging import images
from yucca_wm.jobs.run_record import RECORD, FileState, Record
from yucca_wm.localize.__main__ import main as localize
from yucca_wm.localize.measures.flags import TITLES
from yucca_wm.localize.measures.places import SORTED
from yucca_wm.localize.terminal import lines
from yucca_wm.models.shipped import WEIGHTS
from yucca_wm.predict import person
from yucca_wm.predict.__main__ import main
from yucca_wm.predict.folder import remove_stale_tables
from yucca_wm.predict.shipped import _announced
from yucca_wm.report.flagged import excluded, read_flags
from yucca_wm.report.folder import take_over
from yucca_wm.scan import Frame
from yucca_wm.scan.notes import ONLY_T1
from yucca_wm.training import prediction

from ..results_page import unnamed

SHAPE = (24, 20, 12)
AFFINE = np.array([[-1.0, 0.1, 0, 12], [0, -1.1, 0, 14], [0, 0, 3, -9], [0, 0, 0, 1]])
"""Voxels of 3.3 mm3: one alone is a lesion."""


def scan() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1000, SHAPE).astype(np.float32)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of networks: lesions where the scan is bright, 34 regions in columns, white matter everywhere."""

    def one_frame(scans: Mapping[str, Any]) -> Frame:
        return Frame(
            {name: images.load(source) for name, source in scans.items()}, list(scans)[-1], {}, [Note("as it is")]
        )

    def segment(_: object, scans: Mapping[str, images.Image]) -> SimpleNamespace:
        data = next(iter(scans.values())).data
        regions = np.indices(SHAPE)[0] // 4 * 5 + np.indices(SHAPE)[1] // 4 + 1
        return SimpleNamespace(
            lesions=(data > 990).astype(np.uint8),
            regions=regions.astype(np.uint8),
            tissue=np.ones(SHAPE, np.uint8),
            lesion_probability=(data / 1000).astype(np.float32),
            looks_like="",
            misfit_mm=0.0,
        )

    for place in ("yucca_wm.models.shipped.networks", "yucca_wm.predict.cohort.networks"):
        monkeypatch.setattr(place, lambda _: SimpleNamespace(regions=None, tissue=None, computed="cpu, float32"))
    monkeypatch.setattr("yucca_wm.predict.person.bring_to_one_frame", one_frame)
    monkeypatch.setattr("yucca_wm.models.segment.segment", segment)


@pytest.mark.usefixtures("fast")
def test_every_form_of_a_scan_gives_what_the_command_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "anna" / "FLAIR.nii.gz"
    path.parent.mkdir()
    nib.save(nib.Nifti1Image(scan(), AFFINE), path)
    found = yw.predict(flair=path)
    assert found.subject == "anna"
    assert found.notes[0] == "as it is"
    bright = scan() > 990
    np.testing.assert_array_equal(np.asanyarray(found.lesions.dataobj), bright)
    loads = found.loads.set_index("name")
    assert loads.loc["total", "lesion_voxels"] == bright.sum()
    assert loads.iloc[0]["region_voxels"] == 4 * 4 * 12  # region 1: the first column
    assert loads.iloc[0]["lesion_voxels"] == bright[:4, :4].sum()
    assert found.localization is not None
    assert "without_flair" not in found.localization.flags
    assert found.flags["small_load"].startswith("a load of under 2 ml is uncertain")
    assert f"flag small_load: {found.flags['small_load']}" in repr(found)
    printed = ["Prediction of anna", *repr(found.localization).splitlines()[1:], "note: as it is"]
    assert repr(found).splitlines()[: len(printed)] == printed
    alone = yw.predict(t1=path).localization
    assert alone is not None
    assert alone.flags["without_flair"].startswith("lesions were searched for on a T1 alone")
    again = yw.localize(found.lesions, found.regions, tissue=found.tissue)
    assert (again.subject, again.flags) == ("anna", found.flags)
    assert "small_load" in again.flags  # the image knows that the network found it
    edited = nib.Nifti1Image(np.asanyarray(found.lesions.dataobj), found.lesions.affine)
    assert "small_load" not in yw.localize(edited, found.regions).flags
    assert yw.predict(flair=nib.load(path)).subject == "anna"
    assert yw.predict(flair=nib.Nifti1Image(scan(), AFFINE)).subject == "subject"
    for other in (
        yw.predict(flair=nib.Nifti1Image(scan(), AFFINE), subject="anna"),
        yw.predict(flair=scan(), affine=AFFINE, subject="anna"),
    ):
        pd.testing.assert_frame_equal(other.loads, found.loads)
        np.testing.assert_allclose(other.lesions.affine, found.lesions.affine)

    monkeypatch.setattr(sys, "argv", ["", "--flair", str(path), "--out-dir", str(tmp_path / "out"), "--no-report"])
    assert main() == 0
    saved, out = found.save(tmp_path / "saved", report=False), tmp_path / "out"
    names = {str(one.relative_to(saved)) for one in saved.rglob("*") if one.is_file()}
    assert {"lesions/anna.nii.gz", "regions/anna.nii.gz", "tissue/anna.nii.gz", "lesion_load.tsv"} <= names
    for name in names - {RECORD}:  # which tells the time
        ours, theirs = (saved / name).read_bytes(), (out / name).read_bytes()
        if name.endswith(".json"):  # which says where it is
            ours = ours.replace(b"/saved/", b"/out/")
        assert ours == theirs, name
    missing = {str(one.relative_to(out)) for one in out.rglob("*") if one.is_file()} - names
    assert {name.split("/")[0] for name in missing} <= {"parts", "run_record.jsonl"}, missing
    with pytest.raises(yw.InputError, match="results of a command"):
        found.save(out)


@pytest.mark.usefixtures("fast")
def test_two_people_whose_scans_have_one_name_do_not_replace_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--no-report", "--out-dir", str(tmp_path / "out")]
    for number, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        nib.save(nib.Nifti1Image(scan() + number, AFFINE), tmp_path / folder / "ms_01_FLAIR.nii.gz")
    first, second = (str(tmp_path / folder / "ms_01_FLAIR.nii.gz") for folder in ("one", "two"))
    assert main(["--flair", first, *out]) == 0
    assert main(["--flair", first, *out]) == 0
    before = (tmp_path / "out/predict.json").read_bytes()
    with pytest.raises(yw.InputError, match=f"is called ms_01, as {first} was, .*overwrite that one with --force"):
        main(["--flair", second, *out])
    assert (tmp_path / "out/predict.json").read_bytes() == before
    copied = shutil.copy(first, tmp_path / "ms_01_FLAIR.nii.gz")
    assert main(["--flair", str(copied), *out]) == 0
    assert main(["--flair", second, "--force", *out]) == 0
    capsys.readouterr()


@pytest.mark.usefixtures("fast")
def test_nor_do_they_when_one_was_saved_from_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        nib.save(nib.Nifti1Image(scan() + number, AFFINE), tmp_path / folder / "ms_01_FLAIR.nii.gz")
    first, second = (tmp_path / folder / "ms_01_FLAIR.nii.gz" for folder in ("one", "two"))
    saved = yw.predict(flair=first).save(tmp_path / "saved", report=False)
    yw.predict(flair=first).save(saved, report=False)
    told = f"holds the results of another FLAIR called ms_01: {first}; choose another "
    with pytest.raises(yw.InputError, match=re.escape(told + "folder or subject")):
        yw.predict(flair=second).save(saved, report=False)
    words = ["--out-dir", str(saved), "--no-report"]
    with pytest.raises(yw.InputError, match=re.escape(f"is called ms_01, as {first} was, which is in {saved} already")):
        main(["--flair", str(second), *words])
    nib.save(nib.Nifti1Image(scan() + 2, AFFINE), first)
    yw.predict(flair=first).save(saved, report=False)  # the scan was exported again
    assert main(["--flair", str(first), *words]) == 0
    assert main(["--flair", str(second), "--force", *words]) == 0
    capsys.readouterr()


@pytest.mark.usefixtures("fast")
def test_tables_of_others_that_localize_wrote_are_not_replaced(tmp_path: Path) -> None:
    found = yw.predict(flair=scan(), affine=AFFINE, subject="anna")
    made = found.save(tmp_path / "made", report=False)
    own = tmp_path / "own"
    assert (
        localize(["--lesions", str(made / "lesions"), "--regions", str(made / "regions"), "--out-dir", str(own)]) == 0
    )
    nib.save(nib.Nifti1Image(scan(), AFFINE), tmp_path / "bert_FLAIR.nii.gz")
    with pytest.raises(yw.InputError, match="holds the results of anna, not of bert"):
        main(["--flair", str(tmp_path / "bert_FLAIR.nii.gz"), "--out-dir", str(own), "--no-report"])
    assert set(pd.read_csv(own / "lesion_load.tsv", sep="\t")["subject"]) == {"anna"}


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("how", ["command", "cohort", "python"])
def test_a_mask_that_was_drawn_by_hand_is_not_replaced(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "study"
    for name in ("s", "t"):
        nib.save(nib.Nifti1Image(scan(), AFFINE), tmp_path / f"{name}.nii.gz")
    (out / "lesions").mkdir(parents=True)
    mask = out / "lesions" / "s.nii.gz"
    mask.write_bytes(b"hours of work")
    flair = str(tmp_path / "s.nii.gz")
    told = f"{mask}: exists already and was not written by yucca-wm predict; choose another "
    if how == "python":
        with pytest.raises(yw.InputError, match=re.escape(told + "folder")):
            yw.predict(flair=flair).save(out, report=False)
    elif how == "command":
        with pytest.raises(yw.InputError, match=re.escape(told + "--out-dir, or overwrite it with --force")):
            main(["--flair", flair, "--out-dir", str(out), "--no-report"])
        assert [path.name for path in out.iterdir() if not path.name.startswith(".")] == ["lesions"]
    else:
        table = tmp_path / "cohort.tsv"
        table.write_text(f"subject\tflair\ns\t{flair}\nt\t{tmp_path / 't.nii.gz'}\n")
        assert main(["--cohort", str(table), "--out-dir", str(out), "--no-report"]) == 1
        assert told in capsys.readouterr().err
        assert list(json.loads((out / "predict.json").read_text())["cases"]) == ["t"]
        assert told in json.loads((out / "predict.json").read_text())["failed"]["s"]
    assert mask.read_bytes() == b"hours of work"
    if how == "command":
        assert main(["--flair", flair, "--out-dir", str(out), "--no-report", "--force"]) == 0
        assert mask.read_bytes() != b"hours of work"
    capsys.readouterr()


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("how", ["python", "command"])
def test_a_map_that_was_edited_after_it_was_saved_is_not_replaced(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "anna_FLAIR.nii.gz"
    nib.save(nib.Nifti1Image(scan(), AFFINE), path)
    found = yw.predict(flair=path)
    out = found.save(tmp_path / "saved", report=False)
    edited = out / "lesions" / "anna.nii.gz"
    edited.write_bytes(b"corrected by hand")
    command = ["--flair", str(path), "--out-dir", str(out), "--no-report"]
    again = partial(found.save, out, report=False) if how == "python" else partial(main, command)
    with pytest.raises(yw.InputError, match=re.escape(f"{edited}: was changed after yucca-wm predict wrote it")):
        again()
    assert edited.read_bytes() == b"corrected by hand"
    assert main([*command, "--force"]) == 0
    assert edited.read_bytes() != b"corrected by hand"
    capsys.readouterr()


@pytest.mark.usefixtures("fast")
def test_an_edited_map_is_said_so_and_keeps_the_flags_of_its_scans(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Localized elsewhere in between, where nothing is known of the scans, and predicted again."""
    path, out = tmp_path / "anna_FLAIR.nii.gz", tmp_path / "out"
    nib.save(nib.Nifti1Image(scan(), AFFINE), path)
    predict = ["--flair", str(path), "--out-dir", str(out), "--no-report"]
    assert main(predict) == 0
    flags = json.loads((out / "localize.json").read_text())["subjects"]["anna"]["flags"]
    assert {"small_load", "cut_off"} <= flags.keys()
    mask = out / "lesions" / "anna.nii.gz"
    image = nib.load(mask)
    data = np.asanyarray(image.dataobj).copy()
    data[:, :, 6:] = 0
    (tmp_path / "edited").mkdir()
    nib.save(nib.Nifti1Image(data, image.affine, image.header), tmp_path / "edited" / "anna.nii.gz")
    shutil.copy(tmp_path / "edited" / "anna.nii.gz", mask)
    maps = ["--regions", str(out / "regions"), "--tissue", str(out / "tissue"), "--out-dir", str(out)]
    assert localize(["--lesions", str(out / "lesions"), *maps[:-1], str(tmp_path / "again")]) == 0
    again = json.loads((tmp_path / "again" / "localize.json").read_text())["subjects"]["anna"]["flags"]
    assert "cut_off" in again
    assert "small_load" not in again
    capsys.readouterr()
    assert localize(["--lesions", str(tmp_path / "edited"), *maps]) == 0
    noted = f"predict recorded nothing about these lesion maps (anna), only about those in {out / 'lesions'}"
    assert noted in capsys.readouterr().err
    assert main(predict) == 0
    after = json.loads((out / "localize.json").read_text())["subjects"]["anna"]["flags"]
    assert "cut_off" in after  # the scan is as it was
    assert "small_load" not in after  # which is said of what the network found
    (made,) = json.loads((out / "predict.json").read_text())["cases"].values()
    assert made["lesions_by"] == "edited"
    assert "the lesion map was edited after it had been made" in made["notes"]
    capsys.readouterr()


@pytest.mark.usefixtures("fast")
def test_scans_named_after_two_people_are_doubted(tmp_path: Path) -> None:
    for name in ("sub-001_T1w", "sub-002_T1w", "sub-002_ses-2_FLAIR"):
        nib.save(nib.Nifti1Image(scan(), AFFINE), tmp_path / f"{name}.nii.gz")
    t1s = [tmp_path / f"sub-00{number}_T1w.nii.gz" for number in (1, 2)]
    found = [yw.predict(t1=t1, flair=tmp_path / "sub-002_ses-2_FLAIR.nii.gz") for t1 in t1s]
    doubt = "the T1 is called sub-001, the FLAIR sub-002: check that they are of one person"
    assert [one.flags.get("doubtful_scans") for one in found] == [doubt, None]
    assert [one.subject for one in found] == ["sub-001", "sub-002"]


@pytest.mark.usefixtures("fast")
def test_what_was_saved_before_of_a_person_is_replaced(tmp_path: Path) -> None:
    first = yw.predict(flair=scan(), affine=AFFINE, subject="anna").save(tmp_path / "saved", report=False)
    stale = [first / "frame" / "anna_T1_to_FLAIR.tfm", first / "lesions_T1" / "anna.nii.gz"]
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"earlier")
    record = Record(first, "predict")
    last = record.last("anna")
    assert last is not None
    left = {str(path.relative_to(first)): FileState.of(path) for path in stale}
    record.add(replace(last, outputs={**last.outputs, **left}))  # as with other scans
    kept = [first / "frame" / "ben_T1_to_FLAIR.tfm", first / "regions_T1" / "anna.nii.gz"]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"of somebody else, and by hand")
    yw.predict(flair=scan(), affine=AFFINE, subject="anna").save(first, report=False)
    assert [path.exists() for path in (*stale, *kept)] == [False, False, True, True]


def test_tables_go_with_the_maps_that_they_were_made_from(tmp_path: Path) -> None:
    """Of maps of this folder; those of somebody's own region maps stay."""
    for regions, stays in ((tmp_path / "out/regions", False), (tmp_path / "own", True)):
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        (out / "lesion_load.tsv").write_text("subject\n")
        stated = {"lesions": str(out / "lesions"), "regions": str(regions)}
        (out / "localize.json").write_text(json.dumps({"inputs": stated}))
        remove_stale_tables(out, ["lesions", "regions", "tissue"])
        assert (out / "lesion_load.tsv").exists()
        remove_stale_tables(out, ["lesions"])
        assert (out / "lesion_load.tsv").exists() == (out / "localize.json").exists() == stays


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", "a\n"])
def test_names_that_no_file_can_have_are_refused_before_anything_is_done(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for function in (yw.predict, yw.parcellate):
        with pytest.raises(yw.InputError, match="cannot be the name of a file"):
            function(t1=scan(), affine=AFFINE, subject=name)
    with pytest.raises(yw.InputError, match="cannot be the name of a file"):
        yw.localize(scan() > 990, scan() > 0, affine=AFFINE, subject=name)
    with pytest.raises(SystemExit) as stopped:
        main(["--t1", "T1.nii.gz", "--out-dir", str(tmp_path / "out"), "--name", name])
    assert stopped.value.code == 2
    assert "--name" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_the_models_of_the_package_do_nothing_with_is_refused() -> None:
    for option in ({"mirror": True}, {"max_memory_gb": 2.0}):
        with pytest.raises(ValueError, match="models of one's own"):
            yw.predict(t1=scan(), affine=AFFINE, **option)  # type: ignore[arg-type]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run predict with these words, without pages; its exit code."""

    def run(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["predict", *map(str, words), "--no-report"])
        return exit_code(main)

    return run


@pytest.fixture
def people(tmp_path: Path) -> dict[str, Path]:
    """FLAIR of anna, bert and carl, who have the same head."""
    for name in ("anna", "bert", "carl"):
        (tmp_path / name).mkdir()
        nib.save(nib.Nifti1Image(scan(), AFFINE), tmp_path / name / "FLAIR.nii.gz")
    return {name: tmp_path / name / "FLAIR.nii.gz" for name in ("anna", "bert", "carl")}


def written(out: Path) -> dict[str, int]:
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("fast")
def test_nobody_takes_the_place_of_somebody_else(
    people: dict[str, Path], tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The other's name in one line and every file as it was; by --force the tables are of the new person alone."""
    out = tmp_path / "out"
    assert command("--flair", people["anna"], "--out-dir", out) == 0
    assert command("--flair", people["anna"], "--out-dir", out) == 0, "the same person again"
    before = written(out)
    capsys.readouterr()
    assert command("--flair", people["bert"], "--out-dir", out) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"error: {out}: holds the results of anna, not of bert; choose another --out-dir")
    assert written(out) == before
    with pytest.raises(yw.InputError, match="holds the results of a command"):
        yw.predict(flair=people["bert"]).save(out)
    saved = yw.predict(flair=people["anna"]).save(tmp_path / "saved", report=False)
    with pytest.raises(yw.InputError, match="holds the results of anna, not of bert; choose another folder"):
        yw.predict(flair=people["bert"]).save(saved)
    for words in (["--force"], []):  # then as a rerun of bert's
        assert command("--flair", people["bert"], "--out-dir", out, *words) == 0
        kept = "note: anna is not in this run: the maps are kept, but are not in the tables\n"
        assert kept in capsys.readouterr().err
        for table in ("predictions.tsv", "lesion_load.tsv", "lesions.tsv"):
            assert set(pd.read_csv(out / table, sep="\t")["subject"]) == {"bert"}, table
        assert list(json.loads((out / "predict.json").read_text())["cases"]) == ["bert"]
    assert (out / "lesions" / "anna.nii.gz").is_file()


@pytest.mark.usefixtures("fast")
def test_a_cohort_may_change_but_not_take_the_place_of_strangers(
    people: dict[str, Path], tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*names: str) -> int:
        rows = ["subject\tflair", *(f"{name}\t{people[name]}" for name in names)]
        (tmp_path / "cohort.tsv").write_text("\n".join(rows) + "\n")
        return command("--cohort", tmp_path / "cohort.tsv", "--out-dir", tmp_path / "out")

    def tabled() -> set[str]:
        return set(pd.read_csv(tmp_path / "out" / "lesion_load.tsv", sep="\t")["subject"])

    assert command("--flair", people["anna"], "--out-dir", tmp_path / "out") == 0
    capsys.readouterr()
    assert run("bert", "carl") == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "out: holds the results of anna, who is not in this cohort; choose another --out-dir" in said
    assert tabled() == {"anna"}
    assert run("anna", "bert") == 0
    assert tabled() == {"anna", "bert"}
    assert run("bert", "carl") == 0
    assert "note: anna is not in this run: the maps are kept, but are not in the tables\n" in capsys.readouterr().err
    assert tabled() == {"bert", "carl"}
    maps = [f"--{what}={tmp_path / 'out' / what}" for what in ("lesions", "regions")]
    assert localize([*maps, "--out-dir", str(tmp_path / "localized")]) == 0
    assert "note: in these tables, but not in the last run of predict: anna\n" in capsys.readouterr().err
    assert run("bert") == 0
    assert tabled() == {"bert"}
    assert run("bert", "carl") == 0
    capsys.readouterr()
    words = ["--cohort", tmp_path / "cohort.tsv", "--out-dir", tmp_path / "out", "--confidence"]
    assert command(*words, "--participant-label", "bert") == 0
    assert command(*words, "--level", "group") == 1
    said = capsys.readouterr().err
    assert "note: carl failed in this run: the maps are kept, but are not in the tables\n" in said
    assert "carl is not in this run" not in said
    assert run("bert", "carl") == 0
    capsys.readouterr()
    assert command("--flair", people["bert"], "--out-dir", tmp_path / "out") == 1
    assert "holds the results of carl, not only of bert" in capsys.readouterr().err


@pytest.mark.usefixtures("fast")
def test_who_has_a_t1_alone_is_flagged_wherever_loads_are_used(
    people: dict[str, Path], tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of three, bert has no FLAIR: flagged by predict, by localize on its maps, and left out of groups when asked."""
    rows = f"anna\t\t{people['anna']}\nbert\t{people['bert']}\t\ncarl\t{people['carl']}\t{people['carl']}\n"
    (tmp_path / "cohort.tsv").write_text(f"subject\tt1\tflair\n{rows}")
    out = tmp_path / "out"
    assert command("--cohort", tmp_path / "cohort.tsv", "--out-dir", out) == 0
    line = "1 of 3 subjects (bert): " + TITLES["without_flair"]
    assert f"note: {line}" in capsys.readouterr().err.splitlines()
    again = tmp_path / "again"
    where = ["--lesions", out / "lesions", "--regions", out / "regions", "--tissue", out / "tissue"]
    assert localize([*map(str, where), "--out-dir", str(again), "--jobs", "1"]) == 0
    for results in (out, again):
        subjects = json.loads((results / "localize.json").read_text())["subjects"]
        assert [name for name, about in subjects.items() if "without_flair" in about["flags"]] == ["bert"]
        assert [name for name, about in subjects.items() if "other_scans" in about["flags"]] == ["anna"]
        assert excluded(results, read_flags(results), ["without_flair"], subjects) == {"bert": "flagged without_flair"}


@pytest.mark.usefixtures("fast")
def test_notes_have_a_name_where_one_of_a_cohort_is_left(
    people: dict[str, Path], tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """bert's file is missing: what is noted of anna says so, and not where anna is the only person. The tissue map has
    no ventricle: a flag of localize."""
    people["bert"].unlink()
    rows = "".join(f"{name}\t{people[name]}\n" for name in ("anna", "bert"))
    (tmp_path / "cohort.tsv").write_text(f"subject\tflair\n{rows}")
    assert command("--cohort", tmp_path / "cohort.tsv", "--out-dir", tmp_path / "out") == 1
    said = capsys.readouterr().err.splitlines()
    assert "note: anna: as it is" in said
    first, *notes = [line for line in said if line.startswith("note: ")]
    assert first == f"note: bert: {people['bert']}: no such file; the others go on"
    assert len(notes) > 1
    assert all("anna" in line for line in notes)
    assert command("--flair", people["anna"], "--out-dir", tmp_path / "alone") == 0
    said = capsys.readouterr().err.splitlines()
    assert "note: as it is" in said
    assert not any("anna" in line for line in said if line.startswith("note: "))


def test_the_table_of_regions_is_short_and_adds_up(tmp_path: Path) -> None:
    """Of 14 regions one has no lesion, the others .1, .2 to 1.3 ml (in all 9.1), every second, from .2 ml on, with a
    lesion of its own (6); one more lesion, of .4 ml, is of a remainder."""
    head = ["subject", "name", "group", "lesion_volume_ml", "load_percent", "n_lesions", "n_lesions_touching"]
    rows = [("a", f"region_{n}", "lobe", f"{n / 10:f}", f"{n:f}", str((n + 1) % 2), "9") for n in range(14)]
    rows[0] = ("a", "region_0", "lobe", "0.000000", "0.000000", "0", "0")
    rows += [("a", "remainder_L", "remainder", "0.400000", "33.000000", "1", "2")]
    rows += [("a", "remainder_R", "remainder", "0.000000", "0.000000", "0", "0")]
    outside = ("a", "outside", "outside", "0.000000", "n/a", "0", "0")
    total = ("a", "total", "total", "9.500000", "5.000000", "7", "7")

    def table(*rows: tuple[str, ...]) -> list[str]:
        (tmp_path / "lesion_load.tsv").write_text("\n".join("\t".join(row) for row in (head, *rows)) + "\n")
        return list(lines(tmp_path, "a"))

    first, *shown, said, counted, rest, rim = table(*rows, outside, total)
    assert first.split() == ["region", "lesion", "ml", "%", "of", "region", "lesions"]
    assert [line.split()[0] for line in shown] == [
        *(f"region_{n}" for n in range(13, 3, -1)), "3", "remainder_L", "total",
    ]  # fmt: skip
    assert shown[0].split() == ["region_13", "1.300", "13.00", "0"]
    assert shown[10].split() == ["3", "further", "regions", "0.600", "1"]  # .1, .2 and .3 ml
    assert shown[11].split() == ["remainder_L", "0.400", "1"]
    assert shown[12].split() == ["total", "9.500", "5.00", "7"]
    ml, n = ([float(line[start:end]) for line in shown] for start, end in ((28, 39), (52, 62)))
    assert (sum(ml[:-1]), sum(n[:-1])) == (pytest.approx(9.5), 7)
    assert said == "1 of 14 regions contain no lesion voxels; lesion_load.tsv lists all 14"
    assert counted.endswith("is counted once, in the region that holds most of it.")
    assert rest.startswith("remainder: white matter that the atlas gives to no region, and lesions of deep grey matter")
    assert rim == "Remainders have no %, as region maps cover them only in part; the total % leaves them out."
    *shown, said, _, beyond = table(*rows[:11], ("a", "outside", "outside", "0.001000", "n/a", "0", "1"), total)
    assert beyond.startswith("outside: lesion voxels in no region")
    assert [line.split()[0] for line in shown[-2:]] == ["outside", "total"]
    assert "further" not in "".join(shown)  # ten regions, each with a row
    assert said == "1 of 11 regions contain no lesion voxels"
    assert "1 further region " in "".join(table(*rows[:12], total))
    own = ("a", "rest_of_the_white_matter_on_the_left", "remainder", "0.400000", "33.000000", "1", "2")
    *shown, said, _, rim = table(rows[1], own, total)
    assert said == "all 1 regions contain lesion voxels"
    assert rim.startswith("Remainders have no %")
    assert len({len(line) for line in shown}) == 1, "columns are aligned"


def test_the_table_of_places_says_how_volumes_and_counts_are_sorted(tmp_path: Path) -> None:
    load = ["subject\tname\tgroup\tlesion_volume_ml\tload_percent\tn_lesions", "a\ttotal\ttotal\t3.0\t\t1"]
    (tmp_path / "lesion_load.tsv").write_text("\n".join(load) + "\n")
    places = ["subject\tplace\tlesion_volume_ml\tn_lesions", "a\tdeep\t2.0\t0", "a\ttotal\t3.0\t1"]
    (tmp_path / "places.tsv").write_text("\n".join(places) + "\n")
    *_, deep, _, last = lines(tmp_path, "a")
    assert deep.split() == ["deep", "2.000", "0"]
    assert last == SORTED


@pytest.mark.usefixtures("fast")
def test_pages_are_of_an_earlier_run_as_long_as_they_show_something_else(
    people: dict[str, Path], tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that was moved, and nothing is done; then the scan is another one, until pages are written."""
    assert command("--flair", people["anna"], "--out-dir", tmp_path / "out") == 0
    take_over(tmp_path / "out" / "report", [], tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "moved")
    for changed in (False, True, True):
        capsys.readouterr()
        assert command("--flair", people["anna"], "--out-dir", tmp_path / "moved") == 0
        assert ("report shows an earlier run, not this one" in capsys.readouterr().err) == changed
        if not changed:
            nib.save(nib.Nifti1Image(scan()[::-1], AFFINE), people["anna"])
    take_over(tmp_path / "moved" / "report", [], tmp_path / "moved")
    assert command("--flair", people["anna"], "--out-dir", tmp_path / "moved") == 0
    assert "report shows an earlier run" not in capsys.readouterr().err


@pytest.mark.usefixtures("fast")
def test_what_is_said_of_one_person(
    people: dict[str, Path], tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Steps in place of a bar; on a T1 alone that few lesions show; models on record as they lie in the package."""
    for modality, times in (("t1", 1), ("flair", 0)):
        out = tmp_path / modality
        assert command(f"--{modality}", people["anna"], "--out-dir", out) == 0
        said = capsys.readouterr()
        assert "case" not in said.err
        assert "%|" not in said.err
        assert "writing tables ..." in said.err.splitlines()
        assert said.err.splitlines().count(f"note: {ONLY_T1.note()}") == times
        (made,) = json.loads((out / "predict.json").read_text())["cases"].values()
        assert made["notes"].count(ONLY_T1.note()) == times
        files = ("regions.zip", "tissue.zip", "tissue_painted.zip", "mean_head.npz", "positions.npz")
        digests = {
            f"yucca_wm:{Path(name).stem}": hashlib.sha256((WEIGHTS / name).read_bytes()).hexdigest() for name in files
        }
        assert made["models"] == digests
        assert made["computed"] == "cpu, float32"
    assert command("--t1", people["anna"], "--out-dir", tmp_path / "quiet", "--quiet") == 0
    assert [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note:")] == []


def test_each_network_says_what_it_finds_once(capsys: pytest.CaptureFixture[str]) -> None:
    regions = SimpleNamespace(locate=lambda x: x + 1, region_logits=lambda x, y: x * y)
    found = _announced(SimpleNamespace(regions=regions, tissue=lambda x: x + 2))  # type: ignore[arg-type]
    with stages_aloud():
        assert [found.regions.locate(1), found.regions.locate(2), found.tissue(3)] == [2, 3, 5]  # type: ignore[arg-type]
        assert found.regions.region_logits(3, 5) == 15  # type: ignore[arg-type]
    assert found.tissue(0) == 2  # type: ignore[arg-type]
    assert capsys.readouterr().err == "finding the brain and its regions ...\nfinding tissue and lesions ...\n"


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("verbose", [True, False])
def test_python_says_how_far_it_is_if_asked(
    verbose: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bring = person.bring_to_one_frame

    def announced(scans: Mapping[str, Any]) -> Frame:
        stage("reading")
        return bring(scans)

    monkeypatch.setattr(person, "bring_to_one_frame", announced)
    yw.predict(flair=scan(), affine=AFFINE, verbose=verbose)
    assert capsys.readouterr().err == "reading ...\n" * verbose


@pytest.mark.usefixtures("fast")
def test_scans_in_memory_are_kept_beside_their_maps(tmp_path: Path) -> None:
    found = yw.predict(flair=scan(), affine=AFFINE, confidence=True)
    found.save(tmp_path)
    assert "<h1>subject: " in (tmp_path / "report" / "index.html").read_text()
    shown = images.load(tmp_path / "frame" / "subject_FLAIR.nii.gz")
    np.testing.assert_array_equal(shown.data, scan())
    said = json.loads((tmp_path / "predict.json").read_text())["cases"]["subject"]["scans"]["FLAIR"]
    assert said == {"file": "FLAIR (array)", "sha256": None, "voxels_sha256": shown.voxels_sha256}
    assert unnamed(tmp_path, ["subject"]) == []
    (tmp_path / "lesions" / "notes.txt").touch()
    assert unnamed(tmp_path, ["subject"]) == ["lesions/notes.txt"]
    assert found.maps["lesions_probability"].get_fdata().max() == pytest.approx(scan().max() / 1000)


def test_what_cannot_be_is_said_before_a_model_is_loaded() -> None:
    with pytest.raises(ValueError, match="give t1, flair or both"):
        yw.predict()
    with pytest.raises(ValueError, match="region_model"):
        yw.predict(t1="T1.nii.gz", names="names.tsv")
    with pytest.raises(yw.InputError, match="no such file"):
        yw.predict(t1="nowhere.nii.gz")
    with pytest.raises(yw.InputError, match=r"T1 \(array\): has no affine"):
        yw.predict(t1=scan())


@pytest.mark.usefixtures("fast")
def test_a_header_that_says_two_things_is_read_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The qform lies 30 mm to the left of the sform: an error, until somebody chooses; by Python and by command."""
    elsewhere = AFFINE.copy()
    elsewhere[0, 3] -= 30
    image = nib.Nifti1Image(scan(), None)
    image.set_sform(AFFINE, 1)
    image.set_qform(elsewhere, 1)
    path = tmp_path / "anna" / "FLAIR.nii.gz"
    path.parent.mkdir()
    nib.save(image, path)
    for name, place in (("sform", 12.0), ("qform", -18.0)):
        found = yw.predict(flair=path, header=name)
        assert found.lesions.affine[0, 3] == pytest.approx(place, abs=1e-3)
        out = tmp_path / name
        words = ["", "--flair", str(path), "--header", name, "--out-dir", str(out), "--no-report"]
        monkeypatch.setattr(sys, "argv", words)
        assert main() == 0
        assert nib.load(out / "lesions" / "anna.nii.gz").affine[0, 3] == pytest.approx(place, abs=1e-3)
    with pytest.raises(yw.InputError, match='say which one to use: header="sform" or header="qform"'):
        yw.predict(flair=path)


@pytest.mark.usefixtures("fast")
def test_scans_in_which_ones_own_model_sees_different_lesions_are_flagged_with_the_packages_regions_too(
    lesion_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On T1 it finds half of the image, on FLAIR nothing; 12 planes of 0.792 ml."""
    real = prediction.write_softmax

    def write_softmax(restored: Any, path: Path) -> Any:
        labels = real(restored, path)
        return (path.parent.name == "T1") * (np.indices(labels.shape)[0] < 12).astype(np.uint8)

    monkeypatch.setattr(prediction, "write_softmax", write_softmax)
    scans = {name: tmp_path / f"{name}.nii.gz" for name in ("t1", "flair")}
    for number, path in enumerate(scans.values()):
        nib.save(nib.Nifti1Image(np.roll(scan(), number, 0), AFFINE), path)
    without_regions = yw.predict(**scans, lesion_model=lesion_model, subject="a")
    said = "lesions differ much between the scans: 9.5 ml on the T1 alone and 0.0 ml on the FLAIR alone; look at both"
    assert [note for note in without_regions.notes if note.startswith(said)]
    found = yw.predict(**scans, lesion_model=lesion_model, region_model="shipped", subject="a")
    assert not [note for note in found.notes if note.startswith(said)]  # a flag says it
    assert "T1 9.5 ml and FLAIR 0.0 ml" in found.flags["modality_disagreement"]
    found.save(tmp_path / "saved", report=False)
    words = [f"--{name}={path}" for name, path in scans.items()]
    words += [f"--lesion-model={lesion_model}", "--region-model=shipped", "--name=a", "--no-report"]
    monkeypatch.setattr(sys, "argv", ["predict", *words, f"--out-dir={tmp_path / 'out'}"])
    assert main() == 0
    for folder in (tmp_path / "saved", tmp_path / "out"):
        total = pd.read_table(folder / "modalities.tsv").iloc[-1]
        assert (total["t1_ml"], total["flair_ml"]) == (pytest.approx(9.504), 0)
        assert "modality_disagreement" in json.loads((folder / "localize.json").read_text())["subjects"]["a"]["flags"]
