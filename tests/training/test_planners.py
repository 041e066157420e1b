"""Plans: axial slices, intensities of every volume or of all, and predictions that come back where they belong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from yucca_wm.imaging.images import Image, save

TASK = "Task902_Wedge"
SHAPE, SPACING_MM = (20, 26, 10), (1.5, 1.0, 3.0)


def wedge(value: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A volume without any symmetry, brighter for a larger ``value``."""
    x, y, z = np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij")
    return (value * (1.0 + x + 3 * y + 7 * z) * ((x > 1) & (y > 2) & (z > 0))).astype(np.float32)


@pytest.fixture
def raw_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RAW_DATA", "PREPROCESSED_DATA", "MODELS", "RESULTS"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"YUCCA_{name}", str(tmp_path / name))
    base = tmp_path / "RAW_DATA" / TASK
    affine = np.diag([-SPACING_MM[0], SPACING_MM[1], SPACING_MM[2], 1.0])  # left to right reversed
    for folder in ("imagesTr", "labelsTr", "imagesTs"):
        (base / folder).mkdir(parents=True)
    for index, brightness in enumerate((1, 20)):
        image = wedge(brightness)
        save(Image(image, affine), base / "imagesTr" / f"wedge{index}_000.nii.gz")
        save(Image((image > 100 * brightness).astype(np.uint8), affine), base / "labelsTr" / f"wedge{index}.nii.gz")
    from yucca.pipeline.task_conversion.utils import generate_dataset_json

    folders = (str(base / "imagesTr"), str(base / "imagesTs"))
    labels = {0: "background", 1: "wedge"}
    generate_dataset_json(str(base / "dataset.json"), *folders, modalities=("T1",), labels=labels, dataset_name=TASK)
    return tmp_path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "depth", "own"),
    [
        ("YuccaPlanner_Volume", 9, True),
        ("YuccaPlanner_Volume_1mm", 27, True),
        ("YuccaPlanner_Volume_3mm", 9, True),
        ("YuccaPlanner_1mm", 27, False),
        ("YuccaPlanner_FLAIR", 9, False),
    ],
)
def test_axial_slices_and_intensities(raw_task: Path, name: str, depth: int, own: bool) -> None:
    from yucca.pipeline.preprocessing.YuccaPreprocessor import YuccaPreprocessor

    from yucca_wm.training.planners import axial

    planner = getattr(axial, name)(TASK)
    planner.plan()
    planner.preprocess()
    folder = raw_task / "PREPROCESSED_DATA" / TASK / name
    dark, bright = (np.load(folder / f"wedge{index}.npy") for index in (0, 1))
    assert dark.shape[1] == depth, "the first axis of a volume is the axial one"
    assert np.allclose(dark[0], bright[0], atol=1e-4) is own

    plans = folder / f"{name}_plans.json"
    assert json.loads(plans.read_text())["plans_name"] == name
    preprocessor = YuccaPreprocessor(str(plans))
    path = raw_task / "RAW_DATA" / TASK / "imagesTr" / "wedge0_000.nii.gz"
    data, properties = preprocessor.preprocess_case_for_inference([str(path)], patch_size=(16, 16, 16))
    assert data.shape[2] >= depth
    intensity = torch.cat([data, data], 1).float()  # stands for the logits of two classes
    back, _ = preprocessor.reverse_preprocessing(intensity, properties, num_classes=2)
    kept = np.flip(wedge(1), 0)  # Yucca works in RAS and turns back when saving
    inside = kept > 0
    least = 0.94 if name.endswith("_3mm") else 0.98  # three voxels in one, in the plane, blur the wedge's edges
    assert np.corrcoef(np.asarray(back)[0, 0][inside], kept[inside])[0, 1] > least
