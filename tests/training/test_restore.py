"""The way back to the image's grid equals Yucca's own, for every orientation, transposition and resampling."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch
from yucca.functional.preprocessing import preprocess_case_for_inference, reverse_preprocessing
from yucca.functional.utils.nib_utils import reorient_nib_image

from yucca_wm.ensemble.probabilities import Grid
from yucca_wm.training.restore import RestoredLogits

CLASSES = 3


def scan(codes: str, spacing: tuple[float, float, float]) -> nib.Nifti1Image:
    rng = np.random.default_rng(1)
    data = np.zeros((13, 16, 11), np.float32)
    data[2:12, 1:14, 3:9] = rng.random((10, 13, 6)) + 1
    image = nib.Nifti1Image(data, np.diag([*spacing, 1.0]) + np.array([[0, 0, 0, n] for n in (-20, 7, 3, 0)]))
    image.set_qform(image.affine, 1)
    image.set_sform(image.affine, 1)
    return reorient_nib_image(image, "RAS", codes)


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "ASL"])
@pytest.mark.parametrize("transpose", [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]])
@pytest.mark.parametrize("target_spacing", [None, [1.3, 0.8, 1.1]])
def test_equals_yuccas_way_back(
    codes: str, transpose: list[int], target_spacing: list[float] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yucca.functional.preprocessing.verify_orientation_is_LR_PA_IS", lambda _: True)
    image = scan(codes, (1.0, 1.2, 0.9))
    backward = [transpose.index(axis) for axis in range(3)]
    data, properties = preprocess_case_for_inference(
        crop_to_nonzero=True,
        images=[image],
        intensities=[{"mean": 1.0, "std": 1.0}],
        normalization_scheme=["standardize"],
        patch_size=(16, 8, 20),
        target_size=None,
        target_spacing=target_spacing,
        target_orientation="RAS",
        transpose_forward=transpose,
    )
    logits = torch.from_numpy(np.random.default_rng(2).standard_normal((1, CLASSES, *data.shape[2:]))).float()
    expected, _ = reverse_preprocessing(True, logits, dict(properties), CLASSES, transpose, backward)
    affine = properties["nifti_metadata"]["affine"]
    expected = np.stack(
        [reorient_nib_image(nib.Nifti1Image(one, affine), "RAS", codes).get_fdata() for one in expected[0]]
    )

    restored = RestoredLogits(logits[0], properties, transpose, Grid.of_nifti(image))
    (i0, i1), (j0, j1), (k0, k1) = restored.box
    assert restored.planes(0, i1 - i0).shape == (CLASSES, i1 - i0, j1 - j0, k1 - k0)
    whole = np.zeros_like(expected)
    for lo in range(i0, i1, 3):
        hi = min(lo + 3, i1)
        whole[:, lo:hi, j0:j1, k0:k1] = restored.planes(lo - i0, hi - i0).numpy()
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    np.testing.assert_array_equal(restored.labels(), whole.argmax(axis=0))

    from_properties = RestoredLogits(logits[0], properties, transpose)
    assert from_properties.grid.shape == image.shape
    np.testing.assert_allclose(from_properties.grid.affine, image.affine, atol=1e-5)


def test_a_diverged_network_is_an_error() -> None:
    image = scan("RAS", (1.0, 1.0, 1.0))
    properties = {
        "nifti_metadata": {"affine": image.affine, "header": None, "reoriented": False},
        "uncropped_shape": image.shape,
        "resampled_transposed_shape": image.shape,
        "padding": [0] * 6,
    }
    logits = torch.zeros(CLASSES, *image.shape)
    logits[1, 5, 5, 5] = torch.nan
    with pytest.raises(ValueError, match="not a number"):
        RestoredLogits(logits, properties).labels()
