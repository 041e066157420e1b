from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from yucca_wm.core import images
from yucca_wm.core.errors import InputError
from yucca_wm.evaluate.case import Kind
from yucca_wm.evaluate.cohort import evaluate
from yucca_wm.evaluate.measures import lesion_measures
from yucca_wm.evaluate.tables import mean_with_interval
from yucca_wm.jobs.lock import hold


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
    assert summary[0]["low95"] == pytest.approx(0.75)
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


def test_no_table_of_an_earlier_run_is_left_where_all_fail(tmp_path: Path) -> None:
    for folder in ("gt", "pred"):
        save(tmp_path / folder / "a.nii.gz", lesions(2))
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    (tmp_path / "pred" / "a.nii.gz").write_bytes(b"damaged")
    assert list(evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out").failures) == ["a"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["run_record.jsonl"]


def test_regions_mean_over_regions_then_over_cases(tmp_path: Path) -> None:
    truth = lesions(2) * 5 + lesions(7) * 22
    save(tmp_path / "gt.nii.gz", truth)
    save(tmp_path / "pred.nii.gz", np.where(truth == 22, 0, truth))
    outcome = evaluate(tmp_path / "pred.nii.gz", tmp_path / "gt.nii.gz", tmp_path / "out", kind=Kind.REGIONS)
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
    assert evaluate(tmp_path / "same.nii.gz", tmp_path / "regions.nii.gz", tmp_path / "out", kind=Kind.LESIONS).failures


def test_another_grid_is_a_failure_of_that_case(tmp_path: Path) -> None:
    save(tmp_path / "gt" / "a.nii.gz", lesions(2))
    save(tmp_path / "pred" / "a.nii.gz", lesions(2), np.diag([-1, 1, 1, 1.0]))
    assert "affines differ" in evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out").failures["a"]


def test_nothing_in_common(tmp_path: Path) -> None:
    save(tmp_path / "gt" / "a.nii.gz", lesions(2))
    save(tmp_path / "pred" / "b.nii.gz", lesions(2))
    with pytest.raises(InputError, match="same names"):
        evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")


def test_mean_leaves_out_undefined_values() -> None:
    assert mean_with_interval([None, 2.0]).mean == 2.0
    assert mean_with_interval([None]).cases == 0
    same = mean_with_interval([1.0, 1.0, 1.0])
    assert (same.low, same.high) == (1.0, 1.0)
