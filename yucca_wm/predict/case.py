"""One person: both models on each modality there is, merged."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm import images
from yucca_wm.ensemble import store
from yucca_wm.ensemble.merge import Merged, merge
from yucca_wm.errors import InputError


@dataclass(frozen=True)
class LoadedModel:
    """A model (`yucca_wm.training.model.Model`) and its network on a device."""

    model: Any
    network: Any


@dataclass(frozen=True)
class Options:
    """mirror : test-time augmentation. max_memory_gb : memory that the logits may take. confidence : write maps of it.

    keep_softmax : keep each modality's softmax file.
    """

    mirror: bool = False
    max_memory_gb: float | None = None
    confidence: bool = False
    keep_softmax: bool = False


@dataclass(frozen=True)
class Case:
    """Scans of one person by modality (``T1``, ``FLAIR``)."""

    name: str
    scans: Mapping[str, Path] = field(default_factory=dict)


def predict_arrays(
    loaded: LoadedModel, scans: Mapping[str, NDArray[Any]], affine: NDArray[np.float64], options: Options | None = None
) -> Merged:
    """Label map of one person from arrays.

    scans : modality -> image [i, j, k], all on the grid of ``affine`` (voxel index -> world mm).
    """
    nifti = {}
    for modality, data in scans.items():
        nifti[modality] = nib.Nifti1Image(np.asarray(data, dtype=np.float32), affine)
        nifti[modality].set_qform(affine, 1)
        nifti[modality].set_sform(affine, 1)
    with tempfile.TemporaryDirectory() as folder:
        return _merged(loaded, nifti, Path(folder), "case", options or Options())


def outputs(case: Case, models: Iterable[str], out: Path, options: Options) -> list[Path]:
    """The files that `predict_case` leaves."""
    made = [out / what / f"{case.name}.nii.gz" for what in models]
    if options.confidence:
        made += [out / f"{what}_confidence" / f"{case.name}.nii.gz" for what in models]
    if options.keep_softmax:
        made += [out / f"{what}_softmax" / m / f"{case.name}.npz" for what in models for m in case.scans]
    return made


def predict_case(case: Case, models: Mapping[str, LoadedModel], out: Path, options: Options) -> dict[str, Any]:
    """Predict one person; write ``<what>/<case>.nii.gz`` for each of ``models`` (what -> model).

    Returns what to note down: the scans and models that were used.
    """
    if not case.scans:
        raise InputError(case.name, "has neither a T1 nor a FLAIR image")
    made = {
        "scans": {modality: {"file": str(path), "sha256": _sha256(path)} for modality, path in case.scans.items()},
        "models": {what: loaded.model.identity for what, loaded in models.items()},
        "mirror": options.mirror,
    }
    nifti = {modality: _opened(path) for modality, path in case.scans.items()}
    for what, loaded in models.items():
        with tempfile.TemporaryDirectory(dir=out, prefix=".softmax-") as temporary:
            folder = out / f"{what}_softmax" if options.keep_softmax else Path(temporary)
            merged = _merged(loaded, nifti, folder, case.name, options)
        for kind, data in ((what, merged.labels), (f"{what}_confidence", merged.confidence)):
            if data is not None:
                (out / kind).mkdir(exist_ok=True)
                images.save(merged.grid.image(data), out / kind / f"{case.name}.nii.gz")
    return made


def _merged(loaded: LoadedModel, nifti: Mapping[str, Any], folder: Path, name: str, options: Options) -> Merged:
    """Predict each modality into a softmax file, as yucca_inference does, and merge them, as yucca_ensemble does."""
    from yucca_wm.training.prediction import about, write_softmax
    from yucca_wm.training.volume import predict_volume

    members = []
    for modality, image in nifti.items():
        restored = predict_volume(
            loaded.network, loaded.model, image, mirror=options.mirror, max_memory_gb=options.max_memory_gb
        )
        restored.about = about(loaded.model.config)
        (folder / modality).mkdir(parents=True, exist_ok=True)
        path = folder / modality / f"{name}.npz"
        write_softmax(restored, path)
        members.append(store.open_softmax(path))
    return merge(members, confidence=options.confidence)


def _opened(path: Path) -> Any:
    images.load(path)  # says clearly what is wrong with a file that cannot be used
    return nib.load(path)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
