"""Voxels of a lesion map that count as lesion, in masks, maps of several lesion types, instance or probability maps."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from yucca_wm.core.errors import InputError, NotWholeNumbersError, UnknownLabelsError
from yucca_wm.imaging.labels import OTHER_PATHOLOGY
from yucca_wm.imaging.reading import spelled

if TYPE_CHECKING:  # options are read by ``--help``, too
    import numpy as np
    from numpy.typing import NDArray

    from yucca_wm.imaging.images import Image

ALL = "all"
"""Instead of lesion labels: every label that is not ignored (instance maps, annotated maps)."""

OVERSHOOT = 0.05
"""Interpolation may leave probabilities this far below 0 or above 1."""


@dataclass(frozen=True)
class LesionLabels:
    """counted : labels that are lesion; None: all but the ignored. ignored : labels that may occur and do not count.
    threshold : lowest probability at which a voxel of a probability map is lesion; None: maps hold labels."""

    counted: tuple[int, ...] | None = (1,)
    ignored: tuple[int, ...] = (OTHER_PATHOLOGY,)
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise ValueError("the threshold of a probability lies between 0 and 1")
        if self.threshold is not None and self.counted != (1,):
            raise ValueError("a probability map that is cut at a threshold has no other lesion label than 1")

    @property
    def known(self) -> set[int] | None:
        """All labels that a map may hold; None: any."""
        return None if self.counted is None else {0, *self.counted, *self.ignored}

    def among(self, classes: Iterable[int]) -> tuple[int, ...]:
        """The labels that count, if ``classes`` are all the labels there are."""
        if self.counted is not None:
            return self.counted
        return tuple(label for label in classes if label and label not in self.ignored)

    def load(self, path: str | os.PathLike[str] | Image) -> Image:
        """Read a lesion map (or take one already read); a probability map becomes labels 0 and 1.

        Raises InputError as `yucca_wm.imaging.images.load_labels`, for a scan, for labels that are neither counted nor
        ignored, and for fractions without a threshold or a threshold without fractions.
        """
        from yucca_wm.imaging import images
        from yucca_wm.imaging.kinds import refuse_scan

        if self.threshold is not None:
            return _cut(images.load(path), self.threshold)
        try:
            labels = images.load_labels(path)
            refuse_scan(labels)
            return images.labels_of(labels, self.known)
        except NotWholeNumbersError as error:
            raise probability_map(path, error) from None
        except UnknownLabelsError as error:
            counted = ", ".join(map(str, self.counted or ()))
            problem = error.problem.replace("not in the table", f"neither counted ({counted}) nor ignored")
            raise InputError(error.path, problem, name_labels()) from None

    def lesion(self, labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask of the voxels that count as lesion, same shape as ``labels``."""
        import numpy as np

        if self.counted is None:
            return (labels > 0) & ~np.isin(labels, self.ignored)
        return labels == self.counted[0] if len(self.counted) == 1 else np.isin(labels, self.counted)

    def left_out(self, labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask of the voxels whose label does not count, same shape as ``labels``."""
        import numpy as np

        ignored = set(self.ignored) - set(self.counted or ())
        return labels == ignored.pop() if len(ignored) == 1 else np.isin(labels, list(ignored))


def name_labels() -> str:
    """Remedy for labels that are neither counted nor ignored."""
    counted, ignored = spelled("--lesion-labels", "lesion_labels="), spelled("--ignore-labels", "ignored_labels=")
    return f"name them with {counted} ({ALL}: every label) or {ignored}"


def _cut(image: Image, threshold: float) -> Image:
    low, high = float(image.data.min()), float(image.data.max())
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
        option = spelled("--threshold", "threshold=")
        problem = f"holds values from {low:.3g} to {high:.3g}: {option} is for probabilities from 0 to 1"
        raise InputError(image.name, problem, f"leave out {option} for label maps; rescale probabilities to 0..1")
    return replace(image, data=(image.data >= threshold).astype("uint8"))


def probability_map(source: str | os.PathLike[str] | Image, error: NotWholeNumbersError) -> InputError:
    """The ``error`` that a lesion map holds fractions; if they lie between 0 and 1, with a threshold as the remedy."""
    from yucca_wm.imaging import images

    image = images.load(source)
    low, high = float(image.data.min()), float(image.data.max())
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
        return error
    option = spelled("--threshold", "threshold=")
    return InputError(error.path, f"{error.problem}: is it a probability map?", f"set {option}, for example to 0.5")
