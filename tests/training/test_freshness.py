from __future__ import annotations

import os
from pathlib import Path

import pytest

from yucca_wm.training.unfinished import dataset_of_unfinished, is_finished


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "best.ckpt").touch()
    os.utime(tmp_path / "best.ckpt", (100, 100))
    for name, time in (
        ("new.nii.gz", 200),
        ("new.npz", 200),
        ("old.nii.gz", 50),
        ("old.npz", 50),
        ("bare.nii.gz", 200),
    ):
        (out / name).touch()
        os.utime(out / name, (time, time))
    return out


@pytest.mark.parametrize(
    ("case", "softmax", "finished"),
    [
        ("new", True, True),
        ("old", False, False),
        ("bare", False, True),
        ("bare", True, False),
        ("absent", False, False),
    ],
)
def test_finished_means_there_complete_and_newer_than_the_model(
    folder: Path, case: str, softmax: bool, finished: bool
) -> None:
    assert is_finished(folder, case, ".nii.gz", [folder.parent / "best.ckpt"], softmax) is finished


def test_yuccas_test_dataset_gives_what_is_left_to_do(folder: Path, tmp_path: Path) -> None:
    from yucca.modules.data.datasets.YuccaDataset import YuccaTestDataset

    images = tmp_path / "images"
    images.mkdir()
    for case in ("new", "old", "bare"):
        (images / f"{case}_000.nii.gz").touch()
        os.utime(images / f"{case}_000.nii.gz", (10, 10))
    (folder / ".new.tmp-abcd1234.nii.gz").write_bytes(b"half of a file")

    def cases(*, softmax: bool, overwrite: bool = False) -> list[str]:
        build = dataset_of_unfinished(YuccaTestDataset, checkpoint=str(tmp_path / "best.ckpt"), softmax=softmax)
        dataset = build(
            str(images),
            pred_save_dir=str(folder),
            overwrite_predictions=overwrite,
            suffix="nii.gz",
            pred_include_cases=None,
        )
        return [dataset[index]["case_id"] for index in range(len(dataset))]

    assert cases(softmax=False) == ["old"]
    assert cases(softmax=True) == ["bare", "old"]
    assert cases(softmax=True, overwrite=True) == ["bare", "new", "old"]
    assert not list(folder.glob(".*"))
    os.utime(images / "new_000.nii.gz")
    (images / "new_b_000.nii.gz").touch()  # another case
    assert cases(softmax=False) == ["new", "new_b", "old"], "its scan is newer than its map"
