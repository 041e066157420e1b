"""The challenge's measures equal an independent implementation with SimpleITK's filters, and its conventions hold."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.distance import cdist

from yucca_wm.evaluate.measures import lesion_measures

AFFINES = {
    "3 mm slices": np.array([[-0.96, 0, 0, 10], [0, -0.96, 0, 4], [0, 0, 3, -7], [0, 0, 0, 1.0]]),
    "oblique": np.array([[-0.9, 0.1, 0.2, 0], [0.12, 1.1, -0.5, 0], [0.1, 0.4, 2.6, 0], [0, 0, 0, 1.0]]),
}


def random_pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Blobs of WMH and other pathology in a volume; every tenth prediction, truth or both empty."""
    rng = np.random.default_rng(seed)
    noise = sitk.GetArrayFromImage(
        sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rng.random((24, 26, 12))), 1.5)
    )
    other = np.roll(noise, rng.integers(-2, 3, 3), axis=(0, 1, 2)) + 0.01 * rng.random(noise.shape)
    cut = np.quantile(noise, rng.uniform(0.85, 0.99))
    truth = (noise > cut).astype(np.uint8)
    prediction = (other > cut + 0.01 * rng.uniform(-1, 1)).astype(np.uint8)
    truth[(np.roll(noise, 5, 0) > cut) & (truth == 0)] = 2
    prediction[rng.random(truth.shape) > 0.997] = 1
    if seed % 10 == 7 or seed % 10 == 9:
        prediction[:] = 0
    if seed % 10 == 8 or seed % 10 == 9:
        truth[truth == 1] = 0
    return prediction, truth


def by_simpleitk(prediction: np.ndarray, truth: np.ndarray, affine: np.ndarray) -> dict[str, float | None]:
    """The same measures by image filters, all pairwise distances, and sets of component numbers."""
    true = sitk.GetImageFromArray((truth == 1).astype(np.uint8).T)
    predicted = sitk.GetImageFromArray(((prediction == 1) & (truth != 2)).astype(np.uint8).T)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(true, predicted)
    array = {"true": sitk.GetArrayFromImage(true).T, "predicted": sitk.GetArrayFromImage(predicted).T}
    volume = {name: int(values.sum()) for name, values in array.items()}
    components = {}
    for name, image in (("true", true), ("predicted", predicted)):
        numbered = sitk.GetArrayFromImage(sitk.ConnectedComponent(image, True)).T
        mask = array["predicted" if name == "true" else "true"] > 0
        components[name] = (int(numbered.max()), len(set(numbered[mask].tolist()) - {0}))
    recall = components["true"][1] / components["true"][0] if components["true"][0] else 1.0
    precision = components["predicted"][1] / components["predicted"][0] if components["predicted"][0] else 1.0
    edges = {}
    for name, image in (("true", true), ("predicted", predicted)):
        edge = sitk.GetArrayFromImage(sitk.Subtract(image, sitk.BinaryErode(image, (1, 1, 0)))).T
        edges[name] = np.argwhere(edge) @ affine[:3, :3].T
    h95: float | None = 0.0 if not (volume["true"] or volume["predicted"]) else None
    if volume["true"] and volume["predicted"]:
        apart = cdist(edges["true"], edges["predicted"])
        h95 = float(max(np.percentile(apart.min(0), 95), np.percentile(apart.min(1), 95)))
    both_empty = not (volume["true"] or volume["predicted"])
    difference = 100 * abs(volume["predicted"] - volume["true"]) / volume["true"] if volume["true"] else None
    return {
        "dice": 1.0 if both_empty else overlap.GetDiceCoefficient(),
        "hausdorff95_mm": h95,
        "volume_difference_percent": 0.0 if both_empty else difference,
        "lesion_recall": recall,
        "lesion_f1": 2 * recall * precision / (recall + precision) if recall + precision else 0.0,
    }


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("seed", range(50))
def test_equals_simpleitk(seed: int, affine: np.ndarray) -> None:
    prediction, truth = random_pair(seed)
    measures = lesion_measures(prediction, truth, affine)
    for name, value in by_simpleitk(prediction, truth, affine).items():
        ours = getattr(measures, name)
        assert ours == value if value is None else ours == pytest.approx(value, abs=1e-9), name


def blank() -> np.ndarray:
    return np.zeros((8, 8, 4), np.uint8)


def test_empty_prediction_truth_and_both() -> None:
    mask = blank()
    mask[2:4, 2:4, 1] = 1
    affine = np.eye(4)
    both = lesion_measures(blank(), blank(), affine)
    assert (both.dice, both.hausdorff95_mm, both.volume_difference_percent) == (1.0, 0.0, 0.0)
    assert (both.lesion_recall, both.lesion_f1) == (1.0, 1.0)
    missed = lesion_measures(blank(), mask, affine)
    assert (missed.dice, missed.hausdorff95_mm, missed.volume_difference_percent) == (0.0, None, 100.0)
    assert (missed.lesion_recall, missed.lesion_f1) == (0.0, 0.0)
    invented = lesion_measures(mask, blank(), affine)
    assert (invented.dice, invented.hausdorff95_mm, invented.volume_difference_percent) == (0.0, None, None)
    assert (invented.lesion_recall, invented.lesion_f1) == (1.0, 0.0)


def test_other_pathology_is_left_out() -> None:
    truth, prediction = blank(), blank()
    truth[1:3, 1:3, 1], truth[5:7, 5:7, 1] = 1, 2
    prediction[1:3, 1:3, 1], prediction[5:7, 5:7, 1] = 1, 1
    assert lesion_measures(prediction, truth, np.eye(4)).dice == 1.0
    assert lesion_measures(prediction, truth, np.eye(4), ignore=None).dice < 1.0


def test_lesions_touching_at_a_corner_are_one() -> None:
    truth, prediction = blank(), blank()
    truth[2, 2, 1] = truth[3, 3, 2] = 1
    prediction[2, 2, 1] = 1
    measures = lesion_measures(prediction, truth, np.eye(4))
    assert (measures.lesions_true, measures.lesion_recall, measures.lesion_f1) == (1, 1.0, 1.0)


def test_distance_is_in_mm_and_volume_in_ml() -> None:
    truth, prediction = blank(), blank()
    truth[3, 3, 1], prediction[3, 3, 3] = 1, 1
    measures = lesion_measures(prediction, truth, np.diag([1, 2, 3, 1.0]))
    assert measures.hausdorff95_mm == pytest.approx(6)
    assert measures.volume_true_ml == pytest.approx(0.006)
