"""The page of an evaluation: the numbers it tells of, whom it shows, and where prediction and truth differ."""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path

import numpy as np
import pytest

from yucca_wm.evaluate.__main__ import main
from yucca_wm.evaluate.case import Compared, How
from yucca_wm.evaluate.cohort import evaluate
from yucca_wm.evaluate.figures import OUTCOMES, differences, draw_volumes, limits_of_agreement, title_of
from yucca_wm.evaluate.page import chosen_subjects
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image
from yucca_wm.report.scans import OTHER_GRID
from yucca_wm.tasks.definition import Target

DRAWN = "all"
MM = np.diag([2.0, 2.0, 2.0, 1.0])


def save(path: Path, data: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images.save(Image(data, MM), path)


def block(start: int, length: int) -> np.ndarray:
    """``length`` x 5 x 5 voxels of 8 mm3 from ``start``: 0.2 ml for each unit of length."""
    data = np.zeros((30, 12, 12), np.uint8)
    data[start : start + length, 3:8, 3:8] = 1
    return data


def five(here: Path) -> None:
    """Truths of 10 planes (2 ml), predictions of 6 to 14: errors of -0.8, -0.4, 0, 0.4 and 0.8 ml."""
    for number, length in enumerate((6, 8, 10, 12, 14), start=1):
        truth = block(5, 10)
        truth[29, 11, number] = 1  # nobody's is that of another, and this lesion is found in no one
        save(here / "gt" / f"p{number}.nii.gz", truth)
        save(here / "pred" / f"p{number}.nii.gz", block(5, length))
        save(here / "scans" / f"p{number}_FLAIR.nii.gz", scan(number))


def scan(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 10, (30, 12, 12)).astype(np.float32)


def page_of(here: Path) -> str:
    return (here / "out/evaluation.html").read_text(encoding="utf-8")


def test_the_page_says_how_much_is_found_and_how_volumes_agree(tmp_path: Path) -> None:
    """Errors -0.808, -0.408, -0.008, 0.392, 0.792 ml: mean -0.008; SD sqrt((0.64 + 0.16) * 2 / 4) = 0.632 ml."""
    five(tmp_path)
    words = ["--pred", tmp_path / "pred", "--gt", tmp_path / "gt", "--images", tmp_path / "scans"]
    assert main([*map(str, words), "--out-dir", str(tmp_path / "out")]) == 0
    page = page_of(tmp_path)
    assert "5 of 10 true lesions were found" in page
    assert "2.00 ml predicted, 2.01 ml true on average" in page
    assert "differs by -0.01 ml on average (95 % limits of agreement: -1.25 to 1.23 ml)" in page
    rows = list(csv.DictReader((tmp_path / "out/summary.tsv").read_text().splitlines(), delimiter="\t"))
    (error,) = (row for row in rows if row["measure"] == "volume_error_ml")
    assert float(error["mean"]) == pytest.approx(-0.008)
    manifest = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert [row["volume_error_ml"] for row in manifest["cases"]] == pytest.approx(
        [-0.808, -0.408, -0.008, 0.392, 0.792]
    )


def test_lowest_median_and_highest_are_shown_and_pictures_of_others_go(tmp_path: Path) -> None:
    """Dice 2 * 150 / (251 + 150) = .748, .887, .998, .908, .832: lowest p1, p5, p2, then p4 (no median), highest p3."""
    five(tmp_path)
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    shown = {path.stem for path in (tmp_path / "out/figures").iterdir()}
    assert shown == {"p1", "p5", "p2", "p3"}
    for number in "125":
        for folder in ("pred", "gt"):
            (tmp_path / folder / f"p{number}.nii.gz").unlink()
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    assert {path.stem for path in (tmp_path / "out/figures").iterdir()} == {"p3", "p4"}
    assert "limits of agreement:" not in page_of(tmp_path), "two cases have none"


def test_who_is_shown() -> None:
    ranks = chosen_subjects(dict(zip("abcdefg", (0.7, 0.1, None, 0.9, 0.4, 0.2, 0.5), strict=True)))
    assert ranks == {
        "b": "among the lowest", "f": "among the lowest", "e": "among the lowest", "g": "median", "d": "highest"
    }  # fmt: skip
    assert chosen_subjects(dict(zip("abcde", (0.1, 0.2, 0.3, 0.4, 0.5), strict=True))) == {
        "a": "among the lowest", "b": "among the lowest", "c": "median", "e": "highest"
    }  # fmt: skip
    assert chosen_subjects({"a": 0.3, "b": 0.1}) == {"b": "", "a": ""}
    assert chosen_subjects({"a": None}) == {}


def test_what_to_know_first_and_who_failed_is_on_the_page(tmp_path: Path) -> None:
    five(tmp_path)
    (tmp_path / "pred/p3.nii.gz").write_bytes(b"damaged")
    save(tmp_path / "gt/p4.nii.gz", np.zeros((30, 12, 12), np.uint8))
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    page = page_of(tmp_path)
    assert "1 of 5 failed: p3" in page
    assert "the truth has no lesion" in page
    assert "(1 of 4 subjects: p4)" in page


def test_subjects_of_the_training_set_are_named_in_later_runs_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The split is of the table, not of the maps: a subject moved there is compared again, or nobody would know."""
    five(tmp_path)
    table = tmp_path / "cohort.tsv"
    for split in ("test", "train"):
        lines = ["subject\tflair\tlesions\tsplit"]
        lines += [f"p{n}\tscans/p{n}_FLAIR.nii.gz\tgt/p{n}.nii.gz\t{split if n == 2 else 'test'}" for n in range(1, 6)]
        table.write_text("\n".join(lines) + "\n")
        words = ["--pred", tmp_path / "pred", "--cohort", table, "--out-dir", tmp_path / "out"]
        assert main([*map(str, words)]) == 0
        assert ("training set" in capsys.readouterr().err) == (split == "train")
    assert "has seen: 1 of 5 subjects: p2" in page_of(tmp_path)
    assert main([*map(str, words)]) == 0
    assert "has seen: 1 of 5 subjects: p2" in capsys.readouterr().err


def test_differences_by_hand() -> None:
    """One row of voxels: found, of another region, missed, false, not compared, nothing."""
    number = {outcome: label for label, outcome in OUTCOMES.items()}
    wanted = [*map(number.get, ("in both", "another region", "only in the truth", "only in the prediction")), 0, 0]
    true = np.array([3, 3, 3, 0, 9, 0]).reshape(6, 1, 1)
    predicted = np.array([3, 4, 0, 4, 9, 0]).reshape(6, 1, 1)
    maps = Compared(Target.REGIONS, Image(predicted, MM), Image(true, MM), False)
    assert differences(maps, [3, 4]).ravel().tolist() == wanted
    true, predicted = (np.array(row).reshape(4, 1, 1) for row in ([1, 1, 2, 0], [1, 0, 1, 1]))
    maps = Compared(Target.LESIONS, Image(predicted, MM), Image(true, MM), False)
    assert differences(maps, [1]).ravel().tolist() == [*map(number.get, ("in both", "only in the truth")), 0, 4 - 1]


def test_volumes_are_drawn_as_they_are() -> None:
    rows = [
        {"subject": name, "volume_true_ml": true, "volume_pred_ml": found, "volume_error_ml": found - true}
        for name, true, found in (("a", 1.0, 3.0), ("b", 4.0, 3.0))
    ]
    left, right = draw_volumes(rows).axes
    assert np.column_stack(left.lines[-1].get_data()).tolist() == [[1, 3], [4, 3]]
    assert np.column_stack(right.lines[-1].get_data()).tolist() == [[2, 2], [3.5, -1]]
    assert {text.get_text() for text in left.texts} == {"a", "b"}


def test_limits_of_agreement_by_hand() -> None:
    """Errors 0, 0, 0, 0, 5: mean 1, SD sqrt((4 + 16) / 4) = sqrt(5)."""
    assert limits_of_agreement([0, 0, 0, 0, 5]) == pytest.approx((1 - 1.96 * 5**0.5, 1 + 1.96 * 5**0.5))
    assert limits_of_agreement([1, 2, 3, 4]) is None


def test_regions_have_a_page_too(tmp_path: Path) -> None:
    truth = np.arange(30 * 12 * 12).reshape(30, 12, 12) % 37
    drawn = np.where(truth == 5, 6, truth)
    save(tmp_path / "gt/a.nii.gz", truth.astype(np.uint8))
    save(tmp_path / "pred/a.nii.gz", drawn.astype(np.uint8))
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out", how=How(Target.REGIONS))
    page = page_of(tmp_path)
    assert "over 34 regions. Lowest: " in page
    assert "another region" in page
    assert not (tmp_path / "out/volumes.png").exists()


@pytest.mark.parametrize(
    ("column", "said"),
    [("volume_pred_ml", "predicted volume (ml)"), ("hausdorff95_mm", "HD95 (mm)"), ("lesion_f1", "lesion F1")],
)
def test_columns_in_words(column: str, said: str) -> None:
    assert title_of(column) == said


def test_a_page_shows_what_was_compared_and_on_the_scans_that_were_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Added one by one; then the first truth is replaced: its picture would be another map under the old score."""
    five(tmp_path)
    for number in (1, 2):
        words = ["--pred", tmp_path / f"pred/p{number}.nii.gz", "--gt", tmp_path / f"gt/p{number}.nii.gz"]
        words += ["--images", tmp_path / f"scans/p{number}_FLAIR.nii.gz", "--out-dir", tmp_path / "out"]
        assert main([*map(str, words)]) == 0
    scans = json.loads((tmp_path / "out/evaluation.json").read_text())["scans"]
    assert scans == {f"p{n}": str(tmp_path / f"scans/p{n}_FLAIR.nii.gz") for n in (1, 2)}
    assert {path.stem for path in (tmp_path / "out/figures").iterdir()} == {"p1", "p2"}
    save(tmp_path / "gt/p1.nii.gz", block(20, 5))
    words = ["--pred", tmp_path / "pred/p3.nii.gz", "--gt", tmp_path / "gt/p3.nii.gz", "--out-dir", tmp_path / "out"]
    capsys.readouterr()
    assert main([*map(str, words)]) == 0
    said = "maps have changed since they were compared, and are not shown (1 of 3 subjects: p1)"
    assert said in capsys.readouterr().err
    assert said in page_of(tmp_path)
    assert {path.stem for path in (tmp_path / "out/figures").iterdir()} == {"p2", "p3"}


def test_a_scan_on_a_grid_of_its_own_is_noted_and_what_cannot_be_shown_too(tmp_path: Path) -> None:
    """p1: half a voxel off the maps; p2: a mask instead of a scan; p3: the maps' grid with its x axis reversed."""
    for number in (1, 2, 3):
        save(tmp_path / f"gt/p{number}.nii.gz", block(5, 9 + number))
        save(tmp_path / f"pred/p{number}.nii.gz", block(6, 9 + number))
    (tmp_path / "scans").mkdir()
    off, reversed_x = MM.copy(), MM.copy()
    off[0, 3], reversed_x[0] = 1.0, [-2.0, 0, 0, 58.0]
    images.save(Image(scan(0), off), tmp_path / "scans/p1_FLAIR.nii.gz")
    save(tmp_path / "scans/p2_FLAIR.nii.gz", block(3, 4))
    images.save(Image(scan(0), reversed_x), tmp_path / "scans/p3_FLAIR.nii.gz")
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out", scans=tmp_path / "scans")
    page = html.unescape(page_of(tmp_path))
    assert {path.stem for path in (tmp_path / "out/figures").iterdir()} == {"p1", "p3"}
    assert f"p1: {OTHER_GRID}" in page
    assert f"no picture of p2: {tmp_path}/scans/p2_FLAIR.nii.gz" in page
    assert page.count(OTHER_GRID) == 1


def test_the_split_of_a_cohort_is_that_of_now_also_one_by_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    five(tmp_path)
    table = tmp_path / "cohort.tsv"
    for number, trained in ((1, 1), (2, 2)):
        lines = ["subject\tflair\tlesions\tsplit"]
        lines += [
            f"p{n}\tscans/p{n}_FLAIR.nii.gz\tgt/p{n}.nii.gz\t{'train' if n == trained else 'test'}" for n in (1, 2, 3)
        ]
        table.write_text("\n".join(lines) + "\n")
        words = ["--pred", tmp_path / f"pred/p{number}.nii.gz", "--cohort", table, "--out-dir", tmp_path / "out"]
        assert main([*map(str, words)]) == 0
    assert "has seen: 1 of 2 subjects: p2" in capsys.readouterr().err.splitlines()[-1]


def test_what_is_hardly_a_pair_of_lesion_maps_is_doubted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A brain mask (50 x 50 x 20 voxels of 8 mm3: 400 ml) finds all lesions, with a Dice of 0.04; two maps apart have
    Dice 0."""
    brain, far = np.ones((50, 50, 20), np.uint8), np.zeros((50, 50, 20), np.uint8)
    brain[0, 0, 0] = 0
    near = far.copy()
    near[2:12, 2:12, 2:12], far[30:40, 30:40, 5:15] = 1, 1
    for name, pred, truth in (("mask", brain, near), ("apart", near, far), ("good", near, np.roll(near, 1, 0))):
        save(tmp_path / "pred" / f"{name}.nii.gz", pred)
        save(tmp_path / "gt" / f"{name}.nii.gz", truth)
    words = ["--pred", tmp_path / "pred", "--gt", tmp_path / "gt", "--out-dir", tmp_path / "out"]
    assert main([*map(str, words)]) == 0
    err = capsys.readouterr().err
    assert "over 300 ml of lesions: is one map a brain mask? (1 of 3 subjects: mask)" in err
    assert "prediction and truth hardly overlap (Dice under 0.05)" in err
    assert "(2 of 3 subjects: apart, mask)" in err


def test_doubts_of_predict_about_the_scans_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    five(tmp_path)
    (tmp_path / "pred").rename(tmp_path / "lesions")
    notes = {"p2": ("doubtful_scans", "look"), "p3": ("done", "moved")}
    cases = {name: {"scans": {}, "notes": [said], "notes_about": [about]} for name, (about, said) in notes.items()}
    (tmp_path / "predict.json").write_text(json.dumps({"cases": cases}))
    words = ["--pred", tmp_path / "lesions", "--gt", tmp_path / "gt", "--out-dir", tmp_path / "out"]
    assert main([*map(str, words)]) == 0
    assert "predict noted doubts about the scans" in (err := capsys.readouterr().err)
    assert "(1 of 5 subjects: p2)" in err


def test_edited_predictions_are_said_and_are_no_doubt_about_scans(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    five(tmp_path)
    (tmp_path / "pred").rename(tmp_path / "lesions")
    note = {"notes": ["the lesion map was edited after it had been made"], "notes_about": ["doubt"]}
    (tmp_path / "predict.json").write_text(json.dumps({"cases": {"p4": {"lesions_by": "edited", **note}}}))
    words = ["--pred", tmp_path / "lesions", "--gt", tmp_path / "gt", "--out-dir", tmp_path / "out"]
    assert main([*map(str, words)]) == 0
    said = "predictions were edited after predict had made them, and are not its own (1 of 5 subjects: p4)"
    assert said in (err := capsys.readouterr().err)
    assert "noted doubts about the scans" not in err


def test_a_second_label_beyond_the_prediction_is_not_missed(tmp_path: Path) -> None:
    """Other pathology counts in neither map, wherever it lies."""
    truth = block(5, 5)
    truth[25:, 3:6, 3:6] = 2
    save(tmp_path / "gt.nii.gz", truth)
    save(tmp_path / "pred.nii.gz", block(5, 5)[:20])
    outcome = evaluate(
        tmp_path / "pred.nii.gz", tmp_path / "gt.nii.gz", tmp_path / "out", how=How(Target.LESIONS, resample=True)
    )
    (row,) = outcome.results["pred"]
    assert (row["dice"], row["truth_beyond_ml"]) == (1, 0)


def test_the_summary_has_spread_and_median(tmp_path: Path) -> None:
    """Volume errors -0.808, -0.408, -0.008, 0.392, 0.792 ml."""
    five(tmp_path)
    evaluate(tmp_path / "pred", tmp_path / "gt", tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out/summary.tsv").read_text().splitlines(), delimiter="\t"))
    (error,) = (row for row in rows if row["measure"] == "volume_error_ml")
    assert float(error["sd"]) == pytest.approx(0.4**0.5, rel=1e-4)
    assert float(error["median"]) == pytest.approx(-0.008)
