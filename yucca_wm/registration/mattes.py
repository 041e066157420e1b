"""Affine registration by Mattes mutual information (SimpleITK), the metric of the published label maps."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from yucca_wm.imaging.images import Image
from yucca_wm.registration.affine import centred
from yucca_wm.registration.smoothed_masks import Blurred, blur

SPACING_MM, SIGMA_MM = 2.0, 1.5
SHRINK = (4, 2, 1)
SMOOTH_MM = (6.0, 3.0, 0.0)
PAD_MM = 50.0
"""Zeros around the atlas: otherwise samples outside it would drop out of the metric, and the transform escape."""


def register(atlas: Image, subject: Image, start: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """4x4 affine, subject world mm -> atlas world mm; masks and start as in `affine.register`."""
    begin = centred(atlas, subject) if start is None else start
    fixed = _to_itk(blur(subject, SPACING_MM, SIGMA_MM))
    moving = _to_itk(blur(atlas, SPACING_MM, SIGMA_MM), int(PAD_MM / SPACING_MM))
    transform = sitk.AffineTransform(begin[:3, :3].ravel().tolist(), begin[:3, 3].tolist())
    size, spacing = np.array(fixed.GetSize()), np.array(fixed.GetSpacing())
    transform.SetCenter((np.array(fixed.GetOrigin()) + spacing * (size - 1) / 2).tolist())
    shifted = begin[:3, :3] @ np.array(transform.GetCenter()) + begin[:3, 3] - np.array(transform.GetCenter())
    transform.SetTranslation(shifted.tolist())
    method = sitk.ImageRegistrationMethod()
    method.SetGlobalDefaultNumberOfThreads(1)  # the order of the sum, and so the result, must not depend on threads
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel(SHRINK)
    method.SetSmoothingSigmasPerLevel(SMOOTH_MM)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=1e-3, numberOfIterations=100, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-8
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    return matrix


def _to_itk(mask: Blurred, pad: int = 0) -> sitk.Image:
    """ITK image whose physical axes are the world's (RAS; only a consistent frame matters here)."""
    image = sitk.GetImageFromArray(np.pad(mask.data, pad).transpose(2, 1, 0))
    image.SetSpacing([mask.spacing_mm] * 3)
    image.SetOrigin((mask.origin_mm - pad * mask.spacing_mm).tolist())
    return image
