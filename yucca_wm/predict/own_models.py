"""The user's own models: loading, checks, and prediction from one subject's scans, each alone and all together."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm.cohort.region_record import compare_names
from yucca_wm.core.errors import InputError
from yucca_wm.core.modality import MODALITIES
from yucca_wm.core.regions import RegionTable
from yucca_wm.ensemble import store
from yucca_wm.ensemble.merge import Merged, merge
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.reading import spelled
from yucca_wm.predict.case import Options, alone
from yucca_wm.predict.choice import LESIONS, REGIONS
from yucca_wm.scan import Frame

Scan = TypeVar("Scan")


@dataclass(frozen=True)
class LoadedModel:
    """A model (`yucca_wm.training.model.Model`) and its network on a device."""

    model: Any
    network: Any

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities whose scans it is shown: those it was trained on, or all if that is not known."""
        return self.model.modalities or MODALITIES

    def of(self, scans: Mapping[str, Scan]) -> dict[str, Scan]:
        """Those of the scans (by modality) that it is shown."""
        return {modality: scan for modality, scan in scans.items() if modality in self.modalities}


def load(model: str | os.PathLike[str], device: str) -> LoadedModel:
    """A model and its network on ``device`` (auto, cpu, cuda or mps)."""
    from yucca_wm.core.hardware import choose_device
    from yucca_wm.training.model import load_model

    loaded = load_model(model)
    return LoadedModel(loaded, loaded.network(choose_device(device, loaded.config["model_dimensions"])))


def check_classes(models: Mapping[str, LoadedModel]) -> None:
    """Raise InputError if a model with many classes is given for lesions, or one with few for regions."""
    for what, loaded in models.items():
        few = loaded.model.n_classes <= 3
        if few != (what == LESIONS):
            raise InputError(
                loaded.model.path,
                f"has {loaded.model.n_classes} classes: not a model of {what}",
                f"check {spelled('--lesion-model and --region-model', 'lesion_model and region_model')}",
            )


def shown(models: Mapping[str, LoadedModel]) -> dict[str, tuple[str, ...]]:
    """`LESIONS` or `REGIONS` -> modalities whose scans the given model is shown."""
    return {what: loaded.modalities for what, loaded in models.items()}


def check_scans(models: Iterable[LoadedModel], scans: Mapping[str, Any]) -> None:
    """Raise InputError if a model was trained on no modality of which there is a scan."""
    for loaded in models:
        if not loaded.of(scans):
            wanted, there = " or ".join(loaded.modalities), " and a ".join(scans)
            problem = f"was trained on {wanted}, but there is only a {there}"
            raise InputError(loaded.model.path, problem, f"give the {wanted}, or another model")


def check_region_names(models: Mapping[str, LoadedModel], table: RegionTable) -> list[str]:
    """Compare the names of the region model's classes, if there is one, with those in the table: `compare_names`."""
    loaded = models.get(REGIONS)
    return compare_names(str(loaded.model.path), "region model", loaded.model.region_names, table) if loaded else []


def predict_arrays(
    loaded: LoadedModel, scans: Mapping[str, NDArray[Any]], affine: NDArray[np.float64], options: Options | None = None
) -> Merged:
    """Label map of one subject from arrays.

    Parameters
    ----------
    loaded : LoadedModel
        Model and network.
    scans : mapping of str to ndarray, shape (i, j, k)
        Modality -> intensities, all on the grid of ``affine``; those the model was not trained on are left out.
    affine : ndarray, float, shape (4, 4)
        Voxel index -> world mm (RAS+).
    options : Options, optional
        Only ``mirror``, ``max_memory_gb`` and ``confidence`` are used.

    Returns
    -------
    Merged
        Labels [i, j, k] on that grid, and their confidence if requested.

    Raises
    ------
    InputError
        The model was trained on other modalities; the logits do not fit in ``max_memory_gb``.
    """
    check_scans([loaded], scans)
    nifti = {}
    for modality, data in loaded.of(scans).items():
        nifti[modality] = nib.Nifti1Image(np.asarray(data, dtype=np.float32), affine)
        nifti[modality].set_qform(affine, 1)
        nifti[modality].set_sform(affine, 1)
    with tempfile.TemporaryDirectory() as folder:
        return _predict(loaded, nifti, Path(folder), "case", options or Options())[0]


def maps_of(
    models: Mapping[str, LoadedModel],
    name: str,
    frame: Frame,
    out: Path | None,
    options: Options,
    like: Image | None,
) -> dict[str, Image]:
    """Folder name -> map of each model, from all scans that it is shown together and from each of them alone."""
    maps: dict[str, Image] = {}
    nifti = {modality: _as_nifti(image) for modality, image in frame.images.items()} if models else {}
    for what, loaded in models.items():
        with tempfile.TemporaryDirectory(dir=out, prefix=".softmax-") as temporary:
            folder = out / f"{what}_softmax" if out is not None and options.softmax_stays else Path(temporary)
            merged, by_modality = _predict(loaded, loaded.of(nifti), folder, name, options)
        found: dict[str, NDArray[Any]] = {alone(what, modality): labels for modality, labels in by_modality.items()}
        if merged.confidence is not None:
            found[f"{what}_confidence"] = merged.confidence
        found[what] = merged.labels
        maps |= {kind: frame.to_space(merged.grid.image(data), like) for kind, data in found.items()}
    return maps


def _predict(
    loaded: LoadedModel, nifti: Mapping[str, Any], folder: Path, name: str, options: Options
) -> tuple[Merged, dict[str, NDArray[np.integer[Any]]]]:
    """Predict each modality into a softmax file, as yucca_inference does, and merge them, as yucca_ensemble does.

    Returns the merged result, and modality -> label map [i, j, k] of that modality alone.
    """
    from yucca_wm.training.prediction import about, predict_volume, write_softmax

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


def _as_nifti(image: Image) -> Any:
    """The scan as Yucca reads it: from its own file if that is unchanged, so that the networks see every byte of it."""
    nifti: Any = nib.load(image.path) if image.path and image.path.is_file() else None  # not a folder of DICOM slices
    if type(nifti) is not nib.Nifti1Image:  # Yucca reads no other format
        nifti = None
    if nifti is not None and nifti.shape == image.shape and np.array_equal(nifti.affine, image.affine):
        stored = np.asarray(nifti.dataobj).astype(image.data.dtype, copy=False)
        if np.array_equal(stored, image.data):  # not moved onto a scan of the same grid, nor shifted so that air is 0
            return nifti
    header = None if image.header is None else nib.Nifti1Header.from_header(image.header)
    made = nib.Nifti1Image(image.data, image.affine, header)
    if image.path:
        made.file_map["image"].filename = str(image.path)  # for messages; `set_filename` insists on .nii
    return made
