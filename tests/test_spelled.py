"""What to do about an error is said in the words of who asked: flags to a command, keywords to a program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import yucca_wm as yw
from yucca_wm.imaging.reading import OPTION, Headers, reading

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
ONE = np.zeros((6, 6, 6), np.uint8)
ONE[2:4, 2:4, 2:4] = 1


def other_grid(folder: Path) -> None:
    yw.localize(save(folder / "lesions.nii.gz", 2 * AFFINE), save(folder / "regions.nii.gz", AFFINE))


def no_ventricle(_: Path) -> None:
    yw.localize(ONE, np.full_like(ONE, 3), ventricles=0 * ONE, affine=AFFINE)


def atlas_of_other_labels(folder: Path) -> None:
    files = {f"atlas_{what}": save(folder / f"{what}.nii.gz", AFFINE, 99) for what in ("wm", "labels")}
    yw.parcellate(wm=ONE, affine=AFFINE, **files)


def no_such_column(_: Path) -> None:
    row = {"subject": "a", "name": "x", "group": "association", "load_percent": 1.0, "lesion_volume_ml": 1.0}
    loads = pd.DataFrame([row, row | {"name": "total", "group": "total"}])
    people = pd.DataFrame({"participant_id": ["a"], "age": [60]})
    yw.associate(loads, people, "age", categorical=["site"])


def save(path: Path, affine: np.ndarray, label: int = 1) -> Path:
    import nibabel as nib

    nib.save(nib.Nifti1Image(ONE * np.uint8(label), affine), path)
    return path


@pytest.mark.parametrize(
    ("mistake", "flag", "keyword"),
    [
        (other_grid, "or use --resample", "or use resample=True"),
        (no_ventricle, "leave --ventricles out", "leave ventricles out"),
        (atlas_of_other_labels, "your own table with --names", "your own table with names="),
        (no_such_column, "--categorical site is not a column", "categorical=['site'] is not a column"),
    ],
)
def test_flags_to_a_command_and_keywords_to_a_program(
    mistake: Callable[[Path], None], flag: str, keyword: str, tmp_path: Path
) -> None:
    """`yucca_wm.predict` reads headers as its own keyword says, which makes it no command."""
    for form in ("", 'header="{}"'):
        with reading(Headers(None, form)), pytest.raises(yw.InputError) as error:
            mistake(tmp_path)
        assert keyword in str(error.value)
        assert "--" not in str(error.value)
    for form in (OPTION, f'YUCCA_WM_CONVERT="{OPTION}"'):
        with reading(Headers(None, form)), pytest.raises(yw.InputError) as error:
            mistake(tmp_path)
        assert flag in str(error.value)
