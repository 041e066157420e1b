"""One command for one person gives what the chain of Yucca's commands gives, with one modality or two."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from nibabel import orientations
from scipy import ndimage

import yucca_wm as yw
from yucca_wm.core.errors import InputError
from yucca_wm.core.predictions import prediction_record
from yucca_wm.core.regions import regions
from yucca_wm.ensemble import store
from yucca_wm.ensemble.folders import merge_folders
from yucca_wm.imaging import images
from yucca_wm.jobs.options import RunOptions
from yucca_wm.localize.__main__ import main as localize
from yucca_wm.predict.__main__ import main
from yucca_wm.predict.case import Case, Options
from yucca_wm.predict.choice import LESIONS, REGIONS
from yucca_wm.predict.cohort import predict_cohort
from yucca_wm.predict.own_models import LoadedModel, _as_nifti, check_classes, load, predict_arrays
from yucca_wm.report.folder import take_over
from yucca_wm.scan.air import with_air_at_zero
from yucca_wm.training import prediction
from yucca_wm.training.model import load_model

from ..results_page import unnamed

Scan = Callable[..., Path]


def chain(model_path: Path, scans: dict[str, Path], out: Path) -> Path:
    """What yucca_inference --save_softmax and yucca_ensemble run under our fixes, on Yucca's preprocessor."""
    from yucca.pipeline.preprocessing.YuccaPreprocessor import YuccaPreprocessor

    model = load_model(model_path)
    plans = {**model.plans, "dataset_properties": {"intensities": model.plans["intensities"]}}
    (out / "plans.json").write_text(json.dumps(plans))
    preprocessor = YuccaPreprocessor(str(out / "plans.json"))
    module = SimpleNamespace(
        model=model.network(), patch_size=model.patch_size, num_classes=model.n_classes, config=model.config,
        transpose_forward=model.transpose, sliding_window_overlap=0.5, test_time_augmentation=False,
        sliding_window_prediction=True,
    )  # fmt: skip
    for modality, path in scans.items():
        (out / modality).mkdir()
        data, properties = preprocessor.preprocess_case_for_inference([str(path)], model.patch_size)
        batch = {"data": data, "data_properties": properties, "data_paths": [str(path)], "case_id": "a"}
        assert prediction.can_predict(module, batch)
        with torch.inference_mode():
            said = prediction.predict_step(module, batch)
        prediction.save_prediction(said["logits"], out / modality / "a", save_softmax=True)
    merge_folders([out / modality for modality in scans], out / "merged")
    return out / "merged" / "a.nii.gz"


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines(), delimiter="\t"))


def lesion_volumes_ml(out: Path, modality: str) -> list[str]:
    """By one modality alone: in regions 1 to 36, outside, in total; lesions of one voxel (1.65 mm3) do not count."""
    lesions = images.load(out / f"lesions_{modality}" / "a.nii.gz")
    regions = images.load(out / f"regions_{modality}" / "a.nii.gz").data
    numbers, _ = ndimage.label(lesions.data == 1, np.ones((3, 3, 3)))
    counted = (numbers > 0) & (np.bincount(numbers.ravel())[numbers] > 1)
    voxels = [int((counted & (regions == label)).sum()) for label in (*range(1, 37), 0)]
    return [f"{count * lesions.voxel_volume_mm3 / 1000:.6f}" for count in (*voxels, sum(voxels))]


@pytest.mark.parametrize("used", [("T1",), ("FLAIR",), ("T1", "FLAIR")])
def test_command_gives_the_chains_label_maps_and_says_what_it_used(
    used: tuple[str, ...], scan: Scan, lesion_model: Path, region_model: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    scans = {modality: scan(f"{modality}", seed) for seed, modality in enumerate(used)}
    command = ["predict", "--name", "a", "--out-dir", str(tmp_path / "out")]
    command += ["--lesion-model", str(lesion_model), "--region-model", str(region_model)]
    for modality, path in scans.items():
        command += [f"--{modality.lower()}", str(path)]
    command += ["--no-report"] if len(used) == 1 else []
    monkeypatch.setattr(sys, "argv", command)
    assert main() == 0
    for what, model in (("lesions", lesion_model), ("regions", region_model)):
        (tmp_path / what).mkdir()
        expected = chain(model, scans, tmp_path / what)
        assert (tmp_path / "out" / what / "a.nii.gz").read_bytes() == expected.read_bytes()
        assert len(np.unique(images.load(expected).data)) > 1
        for modality in used:
            alone = expected if len(used) == 1 else tmp_path / what / modality / "a.nii.gz"
            assert (tmp_path / "out" / f"{what}_{modality}" / "a.nii.gz").read_bytes() == alone.read_bytes()
    flags = json.loads((tmp_path / "out" / "localize.json").read_text())["subjects"]["a"]["flags"]
    assert table(tmp_path / "out" / "predictions.tsv") == [
        {"subject": "a", "used": "+".join(used), "lesions_by": "own model", "regions_by": "own model",
         "flags": ", ".join(flags), "failed": "n/a"}
    ]  # fmt: skip
    assert "sides_swapped" in flags
    assert (tmp_path / "out" / "lesion_load.tsv").is_file()
    side_by_side = table(tmp_path / "out" / "modalities.tsv")
    assert [row["region_id"] for row in side_by_side] == [*map(str, range(1, 37)), "0", "-1"]
    for modality in ("T1", "FLAIR"):
        found = [row[f"{modality.lower()}_ml"] for row in side_by_side]
        assert found == (lesion_volumes_ml(tmp_path / "out", modality) if modality in used else ["n/a"] * 38)
    assert float(side_by_side[-1]["ensemble_ml"]) > 0
    if len(used) == 1:
        assert all(row["ensemble_ml"] == row[f"{used[0].lower()}_ml"] for row in side_by_side)
    page = tmp_path / "out" / "report" / "index.html"
    assert page.is_file() == (len(used) == 2)
    assert unnamed(tmp_path / "out", ["a"]) == []
    if page.is_file():
        assert "FLAIR.nii.gz" in page.read_text()  # what lesions are shown on
        assert "side by side" in page.read_text()
        assert (tmp_path / "out" / "heat_map.png").is_file()
    given = {modality.lower(): nib.load(path) for modality, path in scans.items()}
    found = yw.predict(**given, lesion_model=lesion_model, region_model=region_model, subject="a")
    assert found.tissue is None
    saved = found.save(tmp_path / "saved", report=False)
    names = ["lesion_load.tsv", "lesions.tsv", "modalities.tsv", "predictions.tsv", "heat_map.png"]
    names += [f"{what}/a.nii.gz" for what in found.maps]
    assert len(names) == 5 + 2 + 2 * len(used)
    for name in names:
        assert (saved / name).read_bytes() == (tmp_path / "out" / name).read_bytes(), name


def test_soft_volumes_are_of_the_scans_of_this_run(
    scan: Scan, lesion_model: Path, region_model: Path, tmp_path: Path
) -> None:
    """Of both scans, and without the FLAIR's softmax once there is no FLAIR any more; the table says so."""
    models = {LESIONS: load(lesion_model, "cpu"), REGIONS: load(region_model, "cpu")}
    scans = {"T1": scan("T1", 0), "FLAIR": scan("FLAIR", 1)}
    out = tmp_path / "out"
    for used in (("T1", "FLAIR"), ("T1",)):
        case = Case("a", {modality: scans[modality] for modality in used})
        assert not predict_cohort([case], models, out, Options(soft=True)).failures
        files = sorted((out / "lesions_softmax").glob("*/a.npz"))
        assert [path.parent.name for path in files] == sorted(used)
        assert {path.parent.name for path in out.glob("regions_*/a.nii.gz")} == {f"regions_{name}" for name in used}
        probabilities = np.mean([store.open_softmax(path).read(0, 26) for path in files], axis=0)
        expected = (probabilities[1] / np.maximum(probabilities.sum(axis=0), 1e-9)).sum() * 1.65 / 1000
        assert float(table(out / "lesion_load_soft.tsv")[-1]["expected_ml"]) == pytest.approx(expected, rel=1e-4)
        assert (table(out / "modalities.tsv")[-1]["flair_ml"] == "n/a") == ("FLAIR" not in used)
    assert not predict_cohort([case], models, out, Options()).failures
    assert (out / "lesions_softmax" / "T1" / "a.npz").is_file()  # nothing was due
    assert not (out / "lesion_load_soft.tsv").exists()


def test_disagreeing_scans_are_flagged(
    scan: Scan, lesion_model: Path, region_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """One person of two has lesions on T1 where FLAIR has none."""
    models = {LESIONS: load(lesion_model, "cpu"), REGIONS: load(region_model, "cpu")}
    real = prediction.write_softmax

    def write_softmax(restored: Any, path: Path) -> Any:
        labels = real(restored, path)
        if restored.n_classes > 3:
            return labels
        has_lesions = path.stem == "same" or path.parent.name == "T1"
        return has_lesions * (np.indices(labels.shape)[0] < 13).astype(np.uint8)

    monkeypatch.setattr(prediction, "write_softmax", write_softmax)
    scans = {"T1": scan("T1", 0), "FLAIR": scan("FLAIR", 1)}
    predict_cohort([Case("apart", scans), Case("same", scans)], models, tmp_path / "out", Options())
    rows = {row["subject"]: row for row in table(tmp_path / "out" / "modalities.tsv") if row["name"] == "total"}
    assert {name: row["disagree"] for name, row in rows.items()} == {"apart": "yes", "same": "no"}
    assert float(rows["apart"]["flair_ml"]) == 0
    assert "1 of 2 subjects (apart): T1 and FLAIR disagree on where lesions are" in capsys.readouterr().err


def test_a_model_is_shown_no_scan_of_a_kind_that_it_was_not_trained_on(
    scan: Scan, version_folder: Callable[..., Path], region_model: Path, tmp_path: Path
) -> None:
    """Lesions of a model of FLAIR alone are those of the FLAIR alone, with a T1 as without; regions are of both."""
    of_flair = version_folder(tmp_path / "flair_model" / "version_0", 3, "2D", 1, channel="FLAIR MRI")
    t1, flair = scan("T1", 0), scan("FLAIR", 1)
    people = {"alone": f"n/a\t{flair}", "both": f"{t1}\t{flair}", "no_flair": f"{t1}\tn/a"}
    lines = "\n".join(f"{name}\t{scans}" for name, scans in people.items())
    (tmp_path / "cohort.tsv").write_text(f"subject\tt1\tflair\n{lines}\n")
    out = tmp_path / "out"
    words = [f"--lesion-model={of_flair}", f"--region-model={region_model}", "--no-report"]
    assert main([f"--cohort={tmp_path / 'cohort.tsv'}", *words, f"--out-dir={out}", "--soft"]) == 1
    assert (out / "lesions" / "both.nii.gz").read_bytes() == (out / "lesions" / "alone.nii.gz").read_bytes()
    assert images.load(out / "lesions" / "both.nii.gz").data.any()
    assert (out / "regions" / "both.nii.gz").read_bytes() != (out / "regions" / "alone.nii.gz").read_bytes()
    found = sorted(str(path.relative_to(out)) for path in out.glob("*_*/**/both.n*"))
    assert found == [
        "lesions_FLAIR/both.nii.gz", "lesions_softmax/FLAIR/both.npz", "regions_FLAIR/both.nii.gz",
        "regions_T1/both.nii.gz", "regions_softmax/FLAIR/both.npz", "regions_softmax/T1/both.npz",
    ]  # fmt: skip
    totals = [row for row in table(out / "modalities.tsv") if row["name"] == "total"]
    assert [(row["t1_ml"], row["flair_ml"] == row["ensemble_ml"]) for row in totals] == [("n/a", True)] * 2
    assert "n/a" not in {row["expected_ml"] for row in table(out / "lesion_load_soft.tsv")}
    account = json.loads((out / "predict.json").read_text())
    made = account["cases"]["both"]
    assert made["shown"] == {"lesions": ["FLAIR"]}
    assert "lesions were found on the FLAIR alone: the given model was not trained on any T1" in made["notes"]
    assert "shown" not in account["cases"]["alone"]
    said = f"{load(of_flair, 'cpu').model.path}: was trained on FLAIR, but there is only a T1"
    assert account["failed"] == {"no_flair": f"{said}; give the FLAIR, or another model"}
    assert not any("other_scans" in row["flags"] for row in table(out / "predictions.tsv"))
    assert [row["used"] for row in table(out / "predictions.tsv")] == ["FLAIR", "T1+FLAIR", "n/a"]

    in_memory = yw.predict(nib.load(t1), nib.load(flair), lesion_model=of_flair, region_model=region_model)
    np.testing.assert_array_equal(in_memory.lesions.dataobj, nib.load(out / "lesions" / "both.nii.gz").dataobj)
    assert "lesions_T1" not in in_memory.maps
    yw.predict(t1, flair, lesion_model=of_flair, subject="a").save(tmp_path / "lesions_only")
    assert table(tmp_path / "lesions_only" / "predictions.tsv")[0]["used"] == "FLAIR"
    assert not (in_memory.save(tmp_path / "saved") / "lesions_T1").exists()
    own = load(of_flair, "cpu")
    arrays = {"T1": np.asarray(nib.load(t1).dataobj), "FLAIR": np.asarray(nib.load(flair).dataobj)}
    of_arrays = predict_arrays(own, arrays, nib.load(flair).affine)
    np.testing.assert_array_equal(of_arrays.labels, images.load(out / "lesions" / "both.nii.gz").data)
    with pytest.raises(InputError, match="was trained on FLAIR, but there is only a T1"):
        predict_arrays(own, {"T1": arrays["T1"]}, nib.load(t1).affine)


def test_the_record_of_a_map_is_that_of_its_own_last_run(
    scan: Scan, lesion_model: Path, region_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``a`` gets a T1 and is predicted alone: ``predict.json`` is still that of the cohort before. Then ``b`` is called
    ``c``: its old maps stay, and whose scans they are of is known."""
    out, t1, flairs = tmp_path / "out", scan("t1", 0), [scan("flair_a", 1), scan("flair_b", 2)]

    def run(*words: str, b: str = "b", t1_of_a: Path | str = "n/a") -> None:
        table = f"subject\tt1\tflair\na\t{t1_of_a}\t{flairs[0]}\n{b}\tn/a\t{flairs[1]}\n"
        (tmp_path / "cohort.tsv").write_text(table)
        models = [f"--lesion-model={lesion_model}", f"--region-model={region_model}"]
        assert main([f"--cohort={tmp_path / 'cohort.tsv'}", *models, f"--out-dir={out}", "--no-report", *words]) == 0

    def flags() -> dict[str, list[str]]:
        localized = tmp_path / "localized"
        words = [f"--lesions={out / 'lesions'}", f"--regions={out / 'regions'}", f"--out-dir={localized}", "--force"]
        assert localize(words) == 0
        return {
            name: list(one["flags"])
            for name, one in json.loads((localized / "localize.json").read_text())["subjects"].items()
        }

    run("--participant-label", "a")
    assert capsys.readouterr().out == "1 of 1 done; no tables yet: run with --level group next\n"
    run()
    assert prediction_record(out / "lesions" / "a.nii.gz").lesions_on == ("FLAIR",)
    assert not any("other_scans" in own for own in flags().values())
    run("--participant-label", "a", t1_of_a=t1)
    assert "predict.json are still those of an earlier run: run with --level group next" in capsys.readouterr().out
    assert json.loads((out / "predict.json").read_text())["cases"]["a"]["scans"].keys() == {"FLAIR"}
    assert prediction_record(out / "lesions" / "a.nii.gz").lesions_on == ("T1", "FLAIR")
    assert "other_scans" in flags()["b"]
    run(b="c", t1_of_a=t1)
    assert json.loads((out / "predict.json").read_text())["cases"].keys() == {"a", "c"}
    assert ["same_scan" in own for own in flags().values()] == [False, True, True]


@pytest.fixture
def region_only(region_model: Path) -> dict[str, LoadedModel]:
    return {REGIONS: load(region_model, "cpu")}


def test_arrays_in_arrays_out(
    scan: Scan, region_model: Path, region_only: dict[str, LoadedModel], tmp_path: Path
) -> None:
    path = scan("T1", 0)
    image = nib.load(path)
    arrays = predict_arrays(region_only[REGIONS], {"T1": np.asarray(image.dataobj)}, image.affine)
    (tmp_path / "chain").mkdir()
    expected = images.load(chain(region_model, {"T1": path}, tmp_path / "chain")).data
    np.testing.assert_array_equal(arrays.labels, expected)


@pytest.mark.parametrize("codes", ["LPS", "PIR", "SAL"])
def test_orientation_in_the_file_does_not_change_the_labels(codes: str, scan: Scan, lesion_model: Path) -> None:
    model = load(lesion_model, "cpu")
    ras: Any = nib.as_closest_canonical(nib.load(scan("T1", 0)))
    moves = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(codes))
    stored = ras.as_reoriented(moves)
    expected = predict_arrays(model, {"T1": np.asarray(ras.dataobj)}, ras.affine)
    found = predict_arrays(model, {"T1": np.asarray(stored.dataobj)}, stored.affine)
    assert "".join(nib.aff2axcodes(found.grid.affine)) == codes
    assert found.grid.shape == stored.shape
    np.testing.assert_allclose(found.grid.affine, stored.affine)
    assert len(np.unique(expected.labels)) > 1
    np.testing.assert_array_equal(found.labels, orientations.apply_orientation(expected.labels, moves))


def test_one_bad_case_does_not_stop_the_others_and_a_second_run_does_only_what_is_new(
    scan: Scan, region_only: dict[str, LoadedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(scan("whole", 3).read_bytes()[:200])
    moved = scan("moved", 4, np.diag([-1.0, -1.1, 1.5, 1]))
    cases = [
        Case("broken", {"T1": broken}),
        Case("none", {}),
        Case("shifted", {"T1": scan("t1", 1), "FLAIR": moved}),
        Case("good", {"T1": scan("t1", 1)}),
    ]
    outcome = predict_cohort(cases, region_only, tmp_path / "out", Options())
    assert list(outcome.results) == ["good"]
    assert "broken.nii.gz" in outcome.failures["broken"]
    assert "neither a T1 nor a FLAIR" in outcome.failures["none"]
    assert "less than a head" in outcome.failures["shifted"]  # scans that are apart are registered: a ball is no head
    first = (tmp_path / "out" / "regions" / "good.nii.gz").read_bytes()

    counted: list[str] = []
    real = prediction.predict_logits
    monkeypatch.setattr(
        "yucca_wm.training.prediction.predict_logits", lambda *a, **k: counted.append("x") or real(*a, **k)
    )
    cases[-2] = Case("shifted", {"T1": scan("t1", 1)})
    predict_cohort(cases, region_only, tmp_path / "out", Options())
    assert len(counted) == 1
    scan("t1", 9)
    predict_cohort(cases, region_only, tmp_path / "out", Options(), RunOptions(participants=("good",)))
    assert len(counted) == 2
    assert (tmp_path / "out" / "regions" / "good.nii.gz").read_bytes() != first


def test_where_nobody_can_be_predicted_finished_results_stay(
    scan: Scan, region_only: dict[str, LoadedModel], tmp_path: Path
) -> None:
    """The scans of everybody there have become unreadable: maps, tables, and what a second run would not do again."""
    out = tmp_path / "out"
    cases = [Case(name, {"T1": scan(name, number)}) for number, name in enumerate(("ben", "carla"))]
    done = predict_cohort(cases, region_only, out, Options(confidence=True))
    assert list(done.results) == ["ben", "carla"]
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and "record" not in path.name}
    assert {path.parent.name for path in before} >= {"regions", "regions_T1", "regions_confidence", "out"}
    good = {path: path.read_bytes() for case in cases for path in case.files.values()}
    for path in good:
        path.write_bytes(b"unreadable")
    failed = predict_cohort(cases, region_only, out, Options())
    assert (failed.results, list(failed.failures)) == ({}, ["ben", "carla"])
    after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and "record" not in path.name}
    assert after == before
    next(iter(good)).write_bytes(good[next(iter(good))])
    renewed = predict_cohort(cases, region_only, out, Options())
    assert (list(renewed.results), list(renewed.failures)) == (["ben"], ["carla"])
    assert not (out / "regions/carla.nii.gz").exists()
    assert list(json.loads((out / "predict.json").read_text())["cases"]) == ["ben"]


def test_models_in_each_others_place_are_refused(region_model: Path) -> None:
    with pytest.raises(InputError, match="37 classes: not a model of lesions"):
        check_classes({LESIONS: load(region_model, "cpu")})


def test_regions_have_the_names_that_the_model_knows_them_by(
    scan: Scan, lesion_model: Path, version_folder: Callable[..., Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Its left is the built-in table's right."""
    table_of, other = regions().names, regions().mirrored()
    called = {0: "background"} | {label: table_of[other[label]] for label in table_of}
    changed = sum(called[label] != name for label, name in table_of.items())
    labels = {str(label): name for label, name in called.items()}
    region_model = version_folder(tmp_path / "model", 37, "3D", seed=2, labels=labels)
    names = tmp_path / "names.tsv"
    names.write_text("index\tname\n" + "".join(f"{label}\t{name}\n" for label, name in called.items()))
    command = ["predict", "--t1", str(scan("T1", 0)), "--name", "a", "--no-report", "--out-dir", str(tmp_path / "out")]
    command += ["--lesion-model", str(lesion_model), "--region-model", str(region_model)]
    maps = [tmp_path / "out" / what / "a.nii.gz" for what in ("lesions", "regions")]
    refused = f"calls label 1 parietal_R, the region table parietal_L ({changed} labels with other names); give the"
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(yw.InputError, match=re.escape(refused)):
        main()
    with pytest.raises(yw.InputError, match=re.escape(refused)):
        yw.predict(t1=tmp_path / "T1.nii.gz", lesion_model=lesion_model, region_model=region_model)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(sys, "argv", [*command, "--names", str(names)])
    as_trained = names.read_text()
    for text in (as_trained.replace(called[3], "drei"), as_trained):
        names.write_text(text)
        assert main() == 0
        said = capsys.readouterr().err
        noted = f"the region model calls label 3 {called[3]}, the region table drei (1 label with other names)"
        assert (noted in said) == (text != as_trained)
        assert ("report shows an earlier run" in said) == (text == as_trained)
        take_over(tmp_path / "out" / "report", [], tmp_path / "out")
    assert table(tmp_path / "out" / "lesion_load.tsv")[0]["name"] == "parietal_R"
    with pytest.raises(yw.InputError, match=r"regions/a.nii.gz: calls label \d+ \w+, the region table .*names="):
        yw.localize(*maps)
    assert yw.localize(*maps, names=names).loads["name"].iloc[0] == "parietal_R"


@pytest.mark.parametrize(
    "arguments",
    [[], ["--t1", "a", "--input", "b"], ["--t1", "a", "--soft"], ["--t1", "a", "--lesion-model", "b", "--soft"]],
)
def test_usage(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["predict", "--out-dir", "x", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2


def test_a_model_of_ones_own_sees_the_scan_as_it_was_prepared(tmp_path: Path) -> None:
    """Not the file again where the scan was moved onto another of the same grid, or its air (1000) brought to 0."""
    affine = np.diag([1.0, 1, 3, 1])
    stored = np.random.default_rng(0).integers(1000, 1200, (20, 20, 10)).astype(np.int16)
    stored[:, :4] = 1000
    nib.save(nib.Nifti1Image(stored, affine), tmp_path / "T1.nii.gz")
    scan = images.load(tmp_path / "T1.nii.gz")
    np.testing.assert_array_equal(_as_nifti(scan).get_fdata(), stored)
    shift = np.eye(4)
    shift[0, 3] = 7
    moved = _as_nifti(images.resample(scan, scan, order=1, to_image=shift)).get_fdata()
    np.testing.assert_array_equal(moved[:13], stored[7:])
    assert not moved[13:].any()
    shifted, notes = with_air_at_zero(scan)
    assert len(notes) == 1
    np.testing.assert_allclose(_as_nifti(shifted).get_fdata(), stored - 1000.0, atol=1e-4)


@pytest.mark.parametrize("name", ["T1.mgz", "T1.hdr", "T1.nii"])
def test_a_model_of_ones_own_is_given_what_yucca_reads(name: str, tmp_path: Path) -> None:
    data = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    kind = {"mgz": nib.MGHImage, "hdr": nib.Nifti1Pair, "nii": nib.Nifti1Image}[name.rpartition(".")[2]]
    nib.save(kind(data, np.diag([1.0, 1, 3, 1])), tmp_path / name)
    given = _as_nifti(images.load(tmp_path / name))
    assert type(given) is nib.Nifti1Image
    np.testing.assert_array_equal(given.get_fdata(), data)
    np.testing.assert_array_equal(given.affine, np.diag([1.0, 1, 3, 1]))


def test_what_was_read_does_not_change_with_its_file(tmp_path: Path) -> None:
    """Of a file that is not compressed, too."""
    path = tmp_path / "T1.nii"
    nib.save(nib.Nifti1Image(np.ones((8, 8, 8), np.int16), np.eye(4)), path)
    scan = images.load(path)
    with path.open("r+b") as stream:
        stream.seek(352)
        stream.write(b"\x07\x00" * 512)
    assert (images.load(path).data == 7).all()
    assert (scan.data == 1).all()
