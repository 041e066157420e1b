from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.evaluate.__main__ import main
from yucca_wm.evaluate.case import How
from yucca_wm.evaluate.cohort import evaluate
from yucca_wm.evaluate.figures import draw_measures
from yucca_wm.evaluate.measures import lesion_measures
from yucca_wm.evaluate.page import _lesions_in_words
from yucca_wm.evaluate.tables import LESION_CASES, LESION_COLUMNS, REGION_COLUMNS, mean_with_interval, summarise
from yucca_wm.imaging import images
from yucca_wm.jobs.lock import hold
from yucca_wm.jobs.options import RunOptions
from yucca_wm.tasks.definition import Target

DRAWN = ("test_lesion_folder", "test_tables_of_an_earlier_run_stay_where_all_fail")


def save(path: Path, data: np.ndarray, affine: np.ndarray | None = None) -> None:
    path.parent.mkdir(exist_ok=True)
    images.save(images.Image(data.astype(np.uint8), np.eye(4) if affine is None else affine), path)


def lesions(start: int) -> np.ndarray:
    data = np.zeros((12, 12, 6))
    data[start : start + 4, 2:6, 1:4] = 1
    return data


def test_lesion_folder(tmp_path: Path) -> None:
    for name, shift in (("a", 0), ("b", 1), ("c", 0)):
        save(tmp_path / "gt" / f"{name}.nii.gz", lesions(2))
        if name != "c":
            save(tmp_path / "pred" / f"{name}.nii.gz", lesions(2 + shift))
    outcome = evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert outcome.failures == {"c": "has no prediction"}
    rows = list(csv.DictReader((tmp_path / "out" / "cases.tsv").read_text().splitlines(), delimiter="\t"))
    assert [(row["subject"], float(row["dice"])) for row in rows] == [("a", 1.0), ("b", 0.75)]
    summary = json.loads((tmp_path / "out" / "evaluation.json").read_text())["summary"]
    assert summary[0]["mean"] == pytest.approx(0.875)
    assert summary[0]["low95"] is None, "two cases have no interval"
    before = (tmp_path / "out" / "evaluation.png").read_bytes(), (tmp_path / "out" / "summary.tsv").read_bytes()
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert before == (
        (tmp_path / "out" / "evaluation.png").read_bytes(),
        (tmp_path / "out" / "summary.tsv").read_bytes(),
    )


def test_only_what_changed_is_compared_again_and_two_runs_at_once_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        save(tmp_path / "gt" / f"{name}.nii.gz", lesions(2))
        save(tmp_path / "pred" / f"{name}.nii.gz", lesions(2))
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    compared: list[int] = []

    def counted(*arguments: np.ndarray) -> object:
        compared.append(1)
        return lesion_measures(*arguments)

    monkeypatch.setattr("yucca_wm.evaluate.case.lesion_measures", counted)
    save(tmp_path / "pred" / "b.nii.gz", lesions(3))
    outcome = evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert [rows[0]["dice"] for rows in outcome.results.values()] == [1.0, 0.75]
    assert len(compared) == 1
    with hold(tmp_path / "out" / ".lock", "the first run"), pytest.raises(InputError, match="another run is writing"):
        evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")


def test_tables_of_an_earlier_run_stay_where_all_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("gt", "pred"):
        save(tmp_path / folder / "a.nii.gz", lesions(2))
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    files = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*") if path.name != "run_record.jsonl"}
    drawn = {f"{name}.{suffix}" for name in ("evaluation", "volumes", "a") for suffix in ("png", "svg")}
    assert {path.name for path in files} == {"cases.tsv", "summary.tsv", "evaluation.json", "evaluation.html", *drawn}
    (tmp_path / "pred" / "a.nii.gz").rename(tmp_path / "pred" / "b.nii.gz")
    (tmp_path / "gt" / "a.nii.gz").rename(tmp_path / "gt" / "b.nii.gz")
    (tmp_path / "pred" / "b.nii.gz").write_bytes(b"damaged")
    outcome = evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert (outcome.results, list(outcome.failures)) == ({}, ["b"])
    assert "removed" not in capsys.readouterr().err
    assert {path: path.read_bytes() for path in files} == files


def test_kinds_that_are_mixed_leave_the_tables_of_an_earlier_run(tmp_path: Path) -> None:
    for folder in ("gt", "pred"):
        save(tmp_path / folder / "a.nii.gz", lesions(2))
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    before = (tmp_path / "out/cases.tsv").read_bytes()
    for folder in ("gt", "pred"):
        save(tmp_path / folder / "b.nii.gz", np.arange(12 * 12 * 6).reshape(12, 12, 6) % 37)
    with pytest.raises(InputError, match="holds lesion maps and region maps"):
        evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert (tmp_path / "out/cases.tsv").read_bytes() == before


def test_regions_mean_over_regions_then_over_cases(tmp_path: Path) -> None:
    truth = lesions(2) * 5 + lesions(7) * 22
    save(tmp_path / "gt.nii.gz", truth)
    save(tmp_path / "pred.nii.gz", np.where(truth == 22, 0, truth))
    outcome = evaluate(tmp_path / "pred.nii.gz", tmp_path / "gt.nii.gz", tmp_path / "out", kind=Target.REGIONS)
    assert len(outcome.results["pred"]) == 34
    summary = json.loads((tmp_path / "out" / "evaluation.json").read_text())["summary"]
    assert summary[0]["region"] == "all regions"
    assert summary[0]["mean"] == pytest.approx(0.5)


def test_lesions_are_not_scored_against_regions(tmp_path: Path) -> None:
    save(tmp_path / "lesions.nii.gz", lesions(2))
    save(tmp_path / "regions.nii.gz", lesions(2) * 5)
    for first, second in (("lesions", "regions"), ("regions", "lesions")):
        outcome = evaluate(tmp_path / f"{first}.nii.gz", tmp_path / f"{second}.nii.gz", tmp_path / "out")
        assert "lesion map" in outcome.failures[first]
    save(tmp_path / "same.nii.gz", lesions(2) * 5)
    assert evaluate(
        tmp_path / "same.nii.gz", tmp_path / "regions.nii.gz", tmp_path / "out", kind=Target.LESIONS
    ).failures


def test_another_grid_is_a_failure_of_that_case(tmp_path: Path) -> None:
    save(tmp_path / "gt" / "a.nii.gz", lesions(2))
    save(tmp_path / "pred" / "a.nii.gz", lesions(2), np.diag([-1, 1, 1, 1.0]))
    assert "affines differ" in evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out").failures["a"]


def test_nothing_in_common(tmp_path: Path) -> None:
    save(tmp_path / "gt" / "a.nii.gz", lesions(2))
    save(tmp_path / "pred" / "b.nii.gz", lesions(2))
    with pytest.raises(InputError, match="same names"):
        evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")


def test_only_what_is_written_is_said_to_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """First a region map for lesions, then the right one: of one subject."""
    save(tmp_path / "gt" / "a.nii.gz", lesions(2))
    save(tmp_path / "pred" / "a.nii.gz", lesions(2) * 9)
    words = [f"--{name}={tmp_path / name}" for name in ("pred", "gt")] + [
        "--lesions",
        "--out-dir",
        str(tmp_path / "out"),
    ]
    assert main(words) == 1
    assert capsys.readouterr().out == f"no subject could be compared: no tables in {tmp_path / 'out'}\n"
    assert not (tmp_path / "out" / "cases.tsv").exists()
    save(tmp_path / "pred" / "a.nii.gz", lesions(2))
    assert main(words) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"open {tmp_path / 'out' / 'evaluation.html'}"
    assert said[0].split() == ["dice", "1,", "1", "subject"]


def test_mean_leaves_out_undefined_values() -> None:
    assert mean_with_interval([None, 2.0]).mean == 2.0
    assert mean_with_interval([None]).cases == 0
    same = mean_with_interval([1.0] * 5)
    assert (same.low, same.high) == (1.0, 1.0)
    few = mean_with_interval([1.0, 2.0, 3.0, 4.0, None])
    assert (few.mean, few.low, few.high, few.cases) == (2.5, None, None, 4)


def test_intervals_of_means_by_hand() -> None:
    """1 to 5: standard error sqrt(2.5 / 5), t(4) at .975 is 2.776445. A share ends at 1."""
    found = mean_with_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776445 * np.sqrt(0.5)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=1e-6)
    assert mean_with_interval([0.5, 1, 1, 1, 1], 0, 1).high == 1


def test_sessions_of_a_person_are_one_in_means() -> None:
    """Person 1 has Dice .2 at three sessions, four others .6: their mean is .52, not .4; five people, not seven."""
    shares = {"sub-1_ses-1": 0.2, "sub-1_ses-2": 0.1, "sub-1_ses-3": 0.3, **{f"sub-{n}": 0.6 for n in (2, 3, 4, 5)}}
    cases = [{"subject": name, **dict.fromkeys(LESION_COLUMNS, dice)} for name, dice in shares.items()]
    dice = next(row for row in summarise(cases, Target.LESIONS) if row["measure"] == "dice")
    assert (dice["mean"], dice["cases"], dice["sd"]) == pytest.approx(
        (0.52, 5, np.std([0.2, 0.6, 0.6, 0.6, 0.6], ddof=1))
    )
    volumes = [
        {**case, "lesions_true": 1, "volume_pred_ml": pred, "volume_true_ml": 1.0, "volume_error_ml": pred - 1}
        for case, pred in zip(cases, [3.0, 3.0, 3.0, 1.0, 1.0, 1.0, 1.0], strict=True)
    ]
    said = _lesions_in_words(volumes, summarise(volumes, Target.LESIONS))[1]
    assert said.startswith("Volume: 1.40 ml predicted, 1.00 ml true on average; the prediction differs by +0.40 ml")
    spread = 1.96 * np.std([2.0, 0, 0, 0, 0], ddof=1)
    assert f"limits of agreement: {0.4 - spread:.2f} to {0.4 + spread:.2f} ml" in said
    regions = [{"subject": name, "name": "a", **dict.fromkeys(REGION_COLUMNS, dice)} for name, dice in shares.items()]
    for row in summarise(regions, Target.REGIONS):
        assert (row["mean"], row["cases"]) == pytest.approx((0.52, 5))


def three(here: Path) -> None:
    """Cases 2, 9 and 10: predictions 0, 1 and 2 voxels beside a truth 4 voxels wide (Dice 1, 0.75 and 0.5)."""
    for name, shift in (("2", 0), ("9", 1), ("10", 2)):
        true = lesions(2)
        true[11, 11, int(name) % 5] = int(name) > 2  # nobody's is that of another
        save(here / "gt" / f"{name}.nii.gz", true)
        save(here / "pred" / f"{name}.nii.gz", lesions(2 + shift))


def one(here: Path, name: str, **more: Any) -> Any:
    return evaluate(here / f"pred/{name}.nii.gz", here / f"gt/{name}.nii.gz", here / "out", **more)


def test_one_pair_at_a_time_adds_up_to_what_folders_give(tmp_path: Path) -> None:
    """48 of 48 voxels, 36 of 48 and 49, 24 of 48 and 49; in natural order whatever came first."""
    three(tmp_path)
    for name in ("10", "2", "9"):
        outcome = one(tmp_path, name)
    assert [rows[0]["dice"] for rows in outcome.results.values()] == pytest.approx([1, 72 / 97, 48 / 97])
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "all")
    for table in ("cases.tsv", "summary.tsv"):
        assert (tmp_path / "out" / table).read_bytes() == (tmp_path / "all" / table).read_bytes()


def test_a_pair_that_fails_leaves_the_others_and_stays_in_the_account(tmp_path: Path) -> None:
    three(tmp_path)
    one(tmp_path, "2")
    (tmp_path / "pred/9.nii.gz").write_bytes(b"damaged")
    assert list(one(tmp_path, "9").failures) == ["9"]
    assert list(one(tmp_path, "10").failures) == []
    content = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert [row["subject"] for row in content["cases"]] == ["2", "10"]
    assert list(content["failed"]) == ["9"]


def test_a_pair_is_not_added_to_what_was_compared_otherwise(tmp_path: Path) -> None:
    three(tmp_path)
    one(tmp_path, "2")
    with pytest.raises(InputError, match="holds 2, done with other settings"):
        one(tmp_path, "9", how=How(Target.LESIONS, resample=True))
    for folder in ("regions", "drawn"):
        save(tmp_path / folder / "9.nii.gz", np.arange(12 * 12 * 6).reshape(12, 12, 6) % 37)
    with pytest.raises(InputError, match="holds subjects with lesion maps and with region maps"):
        evaluate(tmp_path / "regions/9.nii.gz", tmp_path / "drawn/9.nii.gz", tmp_path / "out")
    assert "2\t1\t" in (tmp_path / "out/cases.tsv").read_text()


def test_another_case_of_the_same_name_does_not_take_the_place(tmp_path: Path) -> None:
    three(tmp_path)
    one(tmp_path, "2")
    save(tmp_path / "elsewhere/2.nii.gz", lesions(4))
    pair = tmp_path / "elsewhere/2.nii.gz", tmp_path / "gt/2.nii.gz"
    with pytest.raises(InputError, match=r"elsewhere/2.nii.gz: is called 2, as .*pred/2.nii.gz was"):
        evaluate(*pair, tmp_path / "out")
    forced = evaluate(*pair, tmp_path / "out", run=RunOptions(force=True))
    assert forced.results["2"][0]["dice"] == 0.5


def test_folders_renew_and_name_who_is_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    three(tmp_path)
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert "removed" not in capsys.readouterr().err
    for folder in ("pred", "gt"):
        (tmp_path / folder / "9.nii.gz").unlink()
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert "out: 9" in capsys.readouterr().err


def test_maps_that_are_there_twice_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A prediction copied from its truth, one truth of two people; maps without lesions are alike rightly."""
    three(tmp_path)
    for name in ("20", "21"):
        for folder in ("gt", "pred"):
            save(tmp_path / folder / f"{name}.nii.gz", np.zeros((12, 12, 6)))
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert "2: prediction and truth are the same, byte for byte" in (said := capsys.readouterr().err)
    assert said.count("byte for byte") == 1
    shutil.copy(tmp_path / "gt/9.nii.gz", tmp_path / "gt/10.nii.gz")
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert "note: 9, 10 have the same truth, byte for byte" in capsys.readouterr().err


def test_the_figure_has_means_units_and_whole_scales() -> None:
    """Of .2 and .8 the mean is .5; shares span 0 to 1, whatever the values."""
    rows = [{"subject": "a", "dice": 0.2, "hausdorff95_mm": 4.0}, {"subject": "b", "dice": 0.8, "hausdorff95_mm": None}]
    scores, distances = draw_measures(rows, ("dice", "hausdorff95_mm")).axes
    assert [axis.get_xlabel() for axis in (scores, distances)] == ["Dice", "HD95 (mm)"]
    assert scores.lines[-1].get_xdata() == pytest.approx([0.5])
    assert scores.get_xlim() == pytest.approx((-0.03, 1.03))


@pytest.mark.parametrize("kind", ["lesions", "regions"])
def test_what_lies_beyond_the_other_map_is_said(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """10 x 10 x 3 voxels of 3 mm3 (0.9 ml) each inside and outside a slab of 25 planes: Dice 1 of what can be compared,
    and with files exchanged 2 / 3. Neither said that half of one map was not in the other."""
    spacing, slab = np.diag([1, 1, 3, 1.0]), np.diag([1, 1, 3, 1.0])
    slab[2, 3] = 45
    both = np.zeros((40, 40, 40))
    both[20:30, 20:30, 20:23] = both[5:15, 5:15, 5:8] = 1
    inside = both.copy()
    inside[5:15] = 0
    for first, second, dice, said in (
        (both, inside[..., 15:], 1.0, "prediction lies beyond the field of view of the truth, and is not compared"),
        (inside[..., 15:], both, 2 / 3, "truth lies beyond the field of view of the prediction, and counts as missed"),
    ):
        pair = {"pred": first, "gt": second}
        for name, data in pair.items():
            save(tmp_path / name / "a.nii.gz", data, spacing if data.shape[2] == 40 else slab)
        words = [f"--pred={tmp_path / 'pred'}", f"--gt={tmp_path / 'gt'}", f"--{kind}", "--resample"]
        assert main([*words, f"--out-dir={tmp_path / 'out'}"]) == 0
        assert f"part of the {said}: up to 0.90 ml (1 of 1 subject: a)" in capsys.readouterr().err
        rows = list(csv.DictReader((tmp_path / "out/cases.tsv").read_text().splitlines(), delimiter="\t"))
        assert float(rows[0]["dice"]) == pytest.approx(dice, abs=1e-5)


def test_rows_of_other_columns_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in localize: rows kept from before a column was added would lack it."""
    for folder in ("gt", "pred"):
        save(tmp_path / folder / "a.nii.gz", lesions(2))
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    compared: list[int] = []
    monkeypatch.setattr(
        "yucca_wm.evaluate.case.lesion_measures", lambda *given: compared.append(1) or lesion_measures(*given)
    )
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert compared == []
    form = replace(LESION_CASES, columns=LESION_CASES.columns[:-1])
    monkeypatch.setattr("yucca_wm.evaluate.cohort.LESION_CASES", form)
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert compared == [1]
