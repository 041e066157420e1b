"""One person: each model on each scan there is, and on all of them together."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm import images
from yucca_wm.cohort.record import FileState
from yucca_wm.ensemble import store
from yucca_wm.ensemble.merge import Merged, merge
from yucca_wm.errors import InputError
from yucca_wm.tasks.case import check_image
from yucca_wm.tasks.definition import MODALITIES


@dataclass(frozen=True)
class LoadedModel:
    """A model (`yucca_wm.training.model.Model`) and its network on a device."""

    model: Any
    network: Any


@dataclass(frozen=True)
class Options:
    """What to do with every person.

    mirror : average over mirror images (test-time augmentation).
    max_memory_gb : memory that the logits of one image may take; None: no limit.
    confidence : also write how probable each voxel's label is.
    keep_softmax : keep each modality's softmax file.
    soft : also the volumes expected from the softmax files, which are kept.
    """

    mirror: bool = False
    max_memory_gb: float | None = None
    confidence: bool = False
    keep_softmax: bool = False
    soft: bool = False

    @property
    def softmax_stays(self) -> bool:
        return self.keep_softmax or self.soft


@dataclass(frozen=True)
class Case:
    """Scans of one person by modality (of `MODALITIES`), all on one grid."""

    name: str
    scans: Mapping[str, Path] = field(default_factory=dict)


def predict_arrays(
    loaded: LoadedModel, scans: Mapping[str, NDArray[Any]], affine: NDArray[np.float64], options: Options | None = None
) -> Merged:
    """Label map of one person from arrays.

    scans : modality -> image [i, j, k], all on the grid of ``affine`` (voxel index -> world mm).
    options : ``mirror``, ``max_memory_gb`` and ``confidence`` count.

    Raises InputError when the logits do not fit in ``max_memory_gb``.
    """
    nifti = {}
    for modality, data in scans.items():
        nifti[modality] = nib.Nifti1Image(np.asarray(data, dtype=np.float32), affine)
        nifti[modality].set_qform(affine, 1)
        nifti[modality].set_sform(affine, 1)
    with tempfile.TemporaryDirectory() as folder:
        return _predict(loaded, nifti, Path(folder), "case", options or Options())[0]


def alone(out: Path, what: str, modality: str) -> Path:
    """The folder of the label maps that one modality gives by itself: ``lesions_T1``, ``regions_FLAIR``, ..."""
    return out / f"{what}_{modality}"


def outputs(case: Case, models: Iterable[str], out: Path, options: Options) -> list[Path]:
    """The files that `predict_case` leaves."""
    made: list[Path] = []
    for what in models:
        made.append(out / what / f"{case.name}.nii.gz")
        made += [alone(out, what, modality) / f"{case.name}.nii.gz" for modality in case.scans]
        if options.confidence:
            made.append(out / f"{what}_confidence" / f"{case.name}.nii.gz")
        if options.softmax_stays:
            made += [out / f"{what}_softmax" / modality / f"{case.name}.npz" for modality in case.scans]
    return made


def predict_case(case: Case, models: Mapping[str, LoadedModel], out: Path, options: Options) -> dict[str, Any]:
    """Predict one person; write the files of `outputs`, on the scans' grid, for each of ``models`` (what -> model).

    Returns what to note down: the scans and models that were used.

    Raises InputError for a person without scans, a scan that cannot be used, and scans on two grids.
    """
    if not case.scans:
        raise InputError(case.name, "has neither a T1 nor a FLAIR image")
    made = {
        "scans": {
            modality: {"file": str(path), "sha256": FileState.of(path).sha256} for modality, path in case.scans.items()
        },
        "models": {what: loaded.model.identity for what, loaded in models.items()},
        "mirror": options.mirror,
    }
    _remove_outdated(case, models, out, options)
    nifti = {modality: _opened(path) for modality, path in case.scans.items()}
    for what, loaded in models.items():
        with tempfile.TemporaryDirectory(dir=out, prefix=".softmax-") as temporary:
            folder = out / f"{what}_softmax" if options.softmax_stays else Path(temporary)
            merged, by_modality = _predict(loaded, nifti, folder, case.name, options)
        maps: dict[Path, NDArray[Any]] = {alone(out, what, m): labels for m, labels in by_modality.items()}
        if merged.confidence is not None:
            maps[out / f"{what}_confidence"] = merged.confidence
        maps[out / what] = merged.labels
        for kind, data in maps.items():
            kind.mkdir(exist_ok=True)
            images.save(merged.grid.image(data), kind / f"{case.name}.nii.gz")
    return made


def _remove_outdated(case: Case, models: Iterable[str], out: Path, options: Options) -> None:
    """What an earlier run left of a scan that is gone, or with other options, must not pass for this run's."""
    everything = Case(case.name, dict.fromkeys(MODALITIES, Path()))
    possible = outputs(everything, models, out, Options(confidence=True, keep_softmax=True))
    for path in set(possible) - set(outputs(case, models, out, options)):
        path.unlink(missing_ok=True)


def _predict(
    loaded: LoadedModel, nifti: Mapping[str, Any], folder: Path, name: str, options: Options
) -> tuple[Merged, dict[str, NDArray[np.integer[Any]]]]:
    """Predict each modality into a softmax file, as yucca_inference does, and merge them, as yucca_ensemble does.

    Returns what they say together, and the label map of each modality by itself.
    """
    from yucca_wm.training.prediction import about, write_softmax
    from yucca_wm.training.volume import predict_volume

    members = []
    by_modality: dict[str, NDArray[np.integer[Any]]] = {}
    for modality, image in nifti.items():
        restored = predict_volume(
            loaded.network, loaded.model, image, mirror=options.mirror, max_memory_gb=options.max_memory_gb
        )
        restored.about = about(loaded.model.config)
        (folder / modality).mkdir(parents=True, exist_ok=True)
        path = folder / modality / f"{name}.npz"
        by_modality[modality] = write_softmax(restored, path)
        members.append(store.open_softmax(path))
    merged = merge(members, confidence=options.confidence)
    return merged, by_modality if len(members) > 1 else dict.fromkeys(by_modality, merged.labels)


def _opened(path: Path) -> Any:
    """The scan as Yucca reads it, a 3D image. Raises InputError for one that cannot be used."""
    image = check_image(images.load(path))
    nifti: Any = nib.load(path)
    if nifti.ndim > 3:
        nifti = nib.Nifti1Image(image.data, image.affine, nib.Nifti1Header.from_header(image.header))
        nifti.set_filename(path)
    return nifti
