"""A small localized cohort with images to show it on."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.localize.__main__ import main
from yucca_wm.localize.atlas_space import carry_cohort
from yucca_wm.parcellate.transforms import find_transforms


def as_of_predict(root: Path, name: str, results: Path) -> Path:
    """A copy of ``root``/``name`` with the maps of ``root`` in it, where predict would have written them."""
    shutil.copytree(root / name, results)
    for kind in ("lesions", "regions", "tissue"):
        if (root / kind).is_dir():
            shutil.copytree(root / kind, results / kind)
    manifest = results / "localize.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(f"{root}/", f"{results}/"), encoding="utf-8")
    return results


@pytest.fixture(scope="session")
def localized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with lesions/, regions/, flair/ and results/ of the subjects a<b>, empty and left."""
    folder = tmp_path_factory.mktemp("cohort")
    affine = np.diag([-2.0, -2.0, 4.0, 1.0])  # LPS, as scanners write
    affine[:3, 3] = (40, 44, -20)
    labels = np.zeros((40, 44, 12), dtype=np.uint8)
    for label in range(1, 37):
        row, side = (label - 1) % 18, int(label in (*range(18, 35), 36))
        j, k = 4 + 6 * (row % 6), 1 + 3 * (row // 6)
        i = 6 if side else 22  # low array index is the right of the subject
        labels[i : i + 12, j : j + 5, k : k + 3] = label
    rng = np.random.default_rng(0)
    lesions = {name: np.zeros_like(labels) for name in ("a<b>", "empty", "left")}
    lesions["left"][25:28, 10:30, 4:7] = 1
    for corner in rng.integers(4, 30, (20, 3)):
        lesions["a<b>"][corner[0] : corner[0] + 3, corner[1] : corner[1] + 3, corner[2] % 10 : corner[2] % 10 + 2] = 1
    for name, mask in lesions.items():
        flair = (labels > 0) * 80.0 + mask * 60.0 + rng.normal(0, 4, labels.shape)
        for kind, data in (("lesions", mask), ("regions", labels), ("flair", flair.astype(np.float32))):
            (folder / kind).mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(data, affine), folder / kind / f"{name}.nii.gz")
    maps = ["--lesions", str(folder / "lesions"), "--regions", str(folder / "regions")]
    assert main([*maps, "--out-dir", str(folder / "results"), "--jobs", "1"]) == 0
    carry_cohort(folder / "results", folder / "regions" / "left.nii.gz", find_transforms("none"))
    return folder
