"""What is compared is stated, or guessed only where it is sure; labels that nobody named are refused."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import yucca_wm as yw
from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import regions
from yucca_wm.evaluate.__main__ import main
from yucca_wm.imaging import images

SHAPE = (12, 12, 12)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    images.save(images.Image(data.astype(np.uint16), affine), path)
    return path


def block(start: int, label: int = 1) -> np.ndarray:
    """4 x 4 x 4 voxels (128 mm3) from ``start`` on along the first axis."""
    data = np.zeros(SHAPE)
    data[start : start + 4, 2:6, 2:6] = label
    return data


def all_regions() -> np.ndarray:
    """Labels 1 to 36, 27 voxels each, in three rows."""
    data = np.zeros((36, 9, 6))
    for label in range(1, 37):
        i, j = divmod(label - 1, 3)
        data[3 * i : 3 * i + 3, 3 * j : 3 * j + 3, 1:4] = label
    return data


def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *more: object, pred: object = "pred", gt: object = "gt"
) -> int:
    places = ("--pred", tmp_path / str(pred), "--gt", tmp_path / str(gt), "--out-dir", tmp_path / "out")
    monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, (*places, *more))])
    return main()


def cases(tmp_path: Path) -> list[dict[str, str]]:
    with (tmp_path / "out/cases.tsv").open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def both(tmp_path: Path, pred: np.ndarray, gt: np.ndarray) -> None:
    save(tmp_path / "pred/a.nii.gz", pred)
    save(tmp_path / "gt/a.nii.gz", gt)


@pytest.mark.parametrize(
    "labels",
    [(1, 3), (1, 2), (2,), (255,), (1, 2, 3, 4), (1001, 1035), (5,)],
    ids=["instances", "two kinds", "other pathology", "255", "four instances", "FreeSurfer", "one region"],
)
def test_a_kind_that_is_not_sure_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], labels: tuple[int, ...]
) -> None:
    truth = np.zeros(SHAPE)
    for number, label in enumerate(labels):
        truth[3 * number, 2:6, 2:6] = label
    both(tmp_path, truth.copy(), truth)
    assert run(tmp_path, monkeypatch) == 1
    assert "give --kind lesions" in capsys.readouterr().err
    assert not (tmp_path / "out/cases.tsv").exists()


def test_what_is_sure_is_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both(tmp_path, block(2), block(3))
    assert run(tmp_path, monkeypatch) == 0
    assert float(cases(tmp_path)[0]["dice"]) == pytest.approx(0.75)  # 48 of 64 and 64 voxels
    both(tmp_path, all_regions(), np.where(all_regions() == 7, 0, all_regions()))
    assert run(tmp_path, monkeypatch) == 0
    found = {row["name"]: row["dice"] for row in cases(tmp_path)}
    assert len(found) == 34
    assert [name for name, value in found.items() if value == "0"] == [regions().by_index(7).name]
    capsys.readouterr()


def test_labels_outside_the_table_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = all_regions()
    other[other == 36] = 1001
    both(tmp_path, other, all_regions())
    assert run(tmp_path, monkeypatch) == 1
    assert "not in the region table: 1001" in (said := capsys.readouterr().err)
    assert "--names" in said
    assert not (tmp_path / "out/cases.tsv").exists()


@pytest.mark.parametrize("options", [(), ("--regions",)])
@pytest.mark.parametrize("exchanged", [False, True])
def test_a_lesion_map_and_a_region_map_are_told_apart(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    exchanged: bool,
) -> None:
    pair = [all_regions(), (all_regions() == 7) * 1]
    both(tmp_path, *(pair[::-1] if exchanged else pair))
    assert run(tmp_path, monkeypatch, *options) == 1
    labels = ["label 1", "labels 1, 2, 3, 4, 5, ..."]
    of_truth, of_prediction = labels[::-1] if exchanged else labels
    said = f"gt/a.nii.gz: holds {of_truth}, {tmp_path}/pred/a.nii.gz {of_prediction}: one looks like a lesion map, the"
    assert said in capsys.readouterr().err


def test_lesions_with_a_label_each_are_compared_with_a_mask_and_regions_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """36 x 27 voxels: of 2 mm3 they may be lesions, of 1000 mm3 (972 ml) they may not."""
    labels = np.pad(all_regions(), 1)
    both(tmp_path, labels, (labels > 0) * 1)
    assert run(tmp_path, monkeypatch, "--lesion-labels", "all") == 0
    assert float(cases(tmp_path)[0]["dice"]) == 1
    for folder, data in (("pred", labels), ("gt", (labels > 0) * 1)):
        save(tmp_path / folder / "a.nii.gz", data, np.diag([10.0, 10.0, 10.0, 1.0]))
    capsys.readouterr()
    assert run(tmp_path, monkeypatch, "--lesion-labels", "all") == 1
    assert "compare maps of one kind\n" in capsys.readouterr().err


@pytest.mark.parametrize("options", [(), ("--lesion-labels", "all"), ("--kind", "lesions"), ("--kind", "regions")])
def test_a_scan_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    both(tmp_path, np.random.default_rng(0).integers(1, 500, SHAPE), block(3))
    assert run(tmp_path, monkeypatch, *options) == 1
    assert "pred/a.nii.gz: is a scan, or holds probabilities" in capsys.readouterr().err


@pytest.mark.parametrize(("labels", "named"), [((255,), "255"), ((1, 2, 3, 4), "3, 4")])
def test_lesion_labels_that_nobody_named_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    labels: tuple[int, ...],
    named: str,
) -> None:
    truth = sum(
        block(3 * number, label) * (np.arange(12) % 3 < 2)[:, None, None] for number, label in enumerate(labels)
    )
    both(tmp_path, np.asarray(truth), np.asarray(truth))
    assert run(tmp_path, monkeypatch, "--kind", "lesions") == 1
    assert f"neither counted (1) nor ignored: {named}" in capsys.readouterr().err


def test_lesion_labels_as_in_localize(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prediction 0/255, truth two instances: 64 voxels found, 16 more missed."""
    truth = block(2, 3)
    truth[8, 2:6, 2:6] = 7
    both(tmp_path, block(2, 255), truth)
    assert run(tmp_path, monkeypatch, "--lesion-labels", "all") == 0
    (row,) = cases(tmp_path)
    assert float(row["dice"]) == pytest.approx(2 * 64 / (64 + 80))
    assert (float(row["volume_true_ml"]), float(row["volume_left_out_ml"])) == pytest.approx((0.16, 0))
    assert run(tmp_path, monkeypatch, "--lesion-labels", "255", "3", "--ignore-labels", "7") == 0
    (row,) = cases(tmp_path)
    assert float(row["dice"]) == 1
    assert float(row["volume_left_out_ml"]) == pytest.approx(16 * 0.002)
    said = json.loads((tmp_path / "out/evaluation.json").read_text())["conventions"]
    assert said.startswith("lesion: label 255 and 3; left out: voxels of true label 7;")
    capsys.readouterr()


def test_regions_of_another_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.tsv").write_text("index\tname\n1001\tbankssts\n1035\tinsula\n")
    both(tmp_path, block(2, 1001) + block(7, 1035), block(2, 1001) + block(8, 1035))
    assert run(tmp_path, monkeypatch, "--names", tmp_path / "names.tsv") == 0
    assert {row["name"]: float(row["dice"]) for row in cases(tmp_path)} == {"bankssts": 1, "insula": 0.75}
    capsys.readouterr()


@pytest.mark.parametrize("orientation", ["LPS", "ASR", "PIR", "SAL"])
def test_the_same_place_in_another_orientation_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], orientation: str
) -> None:
    import nibabel as nib
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    both(tmp_path, block(2), block(3))
    path = tmp_path / "pred/a.nii.gz"
    stored = nib.Nifti1Image(np.asarray(nib.load(path).dataobj), AFFINE)
    nib.save(stored.as_reoriented(ornt_transform(io_orientation(AFFINE), axcodes2ornt(tuple(orientation)))), path)
    assert run(tmp_path, monkeypatch) == 0
    assert float(cases(tmp_path)[0]["dice"]) == pytest.approx(0.75)
    capsys.readouterr()


def test_another_grid_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both(tmp_path, block(2), block(3))
    finer = np.kron(block(2), np.ones((1, 1, 2)))
    affine = np.eye(4)
    affine[2, 3] = -0.5
    save(tmp_path / "pred/a.nii.gz", finer, affine)
    assert run(tmp_path, monkeypatch) == 1
    assert "--resample" in capsys.readouterr().err
    assert run(tmp_path, monkeypatch, "--resample") == 0
    assert float(cases(tmp_path)[0]["dice"]) == pytest.approx(0.75)
    capsys.readouterr()


def test_a_prediction_is_not_compared_with_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both(tmp_path, block(2), block(3))
    (tmp_path / "link").symlink_to(tmp_path / "gt")
    for pred in ("gt", "link"):
        with pytest.raises(InputError, match="as prediction and as truth"):
            run(tmp_path, monkeypatch, pred=pred)
    (tmp_path / "pred/a.nii.gz").unlink()
    (tmp_path / "pred/a.nii.gz").symlink_to(tmp_path / "gt/a.nii.gz")
    assert run(tmp_path, monkeypatch) == 1
    assert "is the same file as the truth" in capsys.readouterr().err


def test_maps_go_together_by_the_rule_of_ids_and_all_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("sub-2", "10", "sub-001"):
        save(tmp_path / "gt" / f"{name}.nii.gz", block(3))
    (tmp_path / "gt/9.nii.gz").symlink_to(tmp_path / "gone")
    for name in ("2_lesions", "sub-10", "1", "extra"):
        save(tmp_path / "pred" / f"{name}.nii.gz", block(2))
    assert run(tmp_path, monkeypatch) == 1
    assert [row["subject"] for row in cases(tmp_path)] == ["10", "sub-2"]
    said = capsys.readouterr().err
    assert "sub-001: has no prediction (1 looks like it)" in said
    assert "error: 9: " in said
    assert "note: predictions without a truth: 1, extra" in said


def test_a_truth_with_a_similar_name_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "gt/105465_abWMHmask.nii.gz", block(3))
    save(tmp_path / "pred/105465.nii.gz", block(2))
    with pytest.raises(InputError, match=r"\(for 105465.nii.gz, 105465_abWMHmask.nii.gz is there\)"):
        run(tmp_path, monkeypatch)


def test_region_maps_of_parcellate_are_compared_as_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("WMH_2", "WMH_10"):
        save(tmp_path / f"gt/{name}.nii.gz", all_regions())
        for ending in ("", "_unmasked"):
            save(tmp_path / f"pred/{name}/{name}_regions{ending}.nii.gz", all_regions())
        (tmp_path / f"pred/{name}/{name}_regions.json").write_text("{}")
    assert run(tmp_path, monkeypatch) == 0
    assert list(dict.fromkeys(row["subject"] for row in cases(tmp_path))) == ["WMH_2", "WMH_10"]
    capsys.readouterr()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--kind", "lesions", "--regions"),
        ("--lesions", "--names", "x.tsv"),
        ("--regions", "--lesion-labels", "3"),
        ("--lesion-labels", "all", "3"),
        ("--lesion-labels", "0"),
    ],
)
def test_contradictions_are_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run(tmp_path, monkeypatch, *wrong)
    assert stop.value.code == 2
    capsys.readouterr()


def test_predicted_probabilities_are_cut_at_a_threshold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row of voxels: .2, .5, .9, 0 against 0, 1, 1, 1: from .5 two of three are found, from .1
    three, one of them falsely."""
    grid = np.diag([1.0, 1, 2, 1])
    for what, values, kind in (("pred", (0.2, 0.5, 0.9, 0.0), np.float32), ("gt", (0, 1, 1, 1), np.uint8)):
        (tmp_path / what).mkdir()
        data = np.zeros((6, 6, 6), kind)
        data[1:5, 2, 3] = values
        nib.save(nib.Nifti1Image(data, grid), tmp_path / what / "a.nii.gz")
    words = [f"--pred={tmp_path / 'pred'}", f"--gt={tmp_path / 'gt'}"]
    assert main([*words, f"--out-dir={tmp_path / 'none'}"]) == 1
    assert "is it a probability map? set --threshold, for example to 0.5" in capsys.readouterr().err
    for threshold, dice in (("0.5", 0.8), ("0.1", 2 * 2 / 6)):
        out = tmp_path / threshold
        assert main([*words, f"--out-dir={out}", "--threshold", threshold]) == 0
        content = json.loads((out / "evaluation.json").read_text())
        assert content["cases"][0]["dice"] == pytest.approx(dice)
        assert f"a probability of at least {threshold}" in content["conventions"]
        found = yw.evaluate(tmp_path / "pred/a.nii.gz", tmp_path / "gt/a.nii.gz", threshold=float(threshold))
        assert found["dice"].item() == pytest.approx(dice, rel=1e-5)


@pytest.mark.parametrize(
    "more", [["--threshold", "0"], ["--threshold", ".5", "--regions"], ["--threshold", ".5", "--lesion-labels", "3"]]
)
def test_a_threshold_is_for_lesions_without_labels(more: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--pred=a", "--gt=b", f"--out-dir={tmp_path}", *more])
    assert stopped.value.code == 2
