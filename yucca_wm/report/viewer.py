"""The slice view one can click through: nilearn's viewer, whole in one HTML string."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.images import Image


def slice_viewer(background: Image, labelled: NDArray[Any], colors: dict[int, str]) -> str:
    """HTML document with three linked slices: lesions by region (label -> ``#rrggbb``) over ``background``."""
    import nibabel as nib
    from matplotlib.colors import ListedColormap
    from nilearn import plotting

    largest = max(colors, default=1)
    cmap = ListedColormap([colors.get(label, "#bbbbbb") for label in range(1, largest + 1)], name="regions")
    lesions = nib.Nifti1Image(labelled.astype(np.float32), background.affine)
    under = nib.Nifti1Image(background.data.astype(np.float32), background.affine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        view = plotting.view_img(
            lesions, bg_img=under, cmap=cmap, threshold=0.5, vmin=0.5, vmax=largest + 0.5, symmetric_cmap=False,
            colorbar=False, resampling_interpolation="nearest", black_bg=True, annotate=True, opacity=0.8,
        )  # fmt: skip
    page = re.sub(r"<link\b[^>]*>", "", view.get_standalone())  # its icon would be fetched from the network
    return re.sub(r"(?<=-)[0-9a-f]{32}\b", "slices", page)  # random: equal results shall give equal pages
