"""One person: each model on each scan there is, and on all of them together."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm.cohort.ids import person, person_of_scan
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import make_folder
from yucca_wm.ensemble import store
from yucca_wm.ensemble.merge import Merged, merge
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image
from yucca_wm.jobs.run_record import FileState
from yucca_wm.localize.inputs.records import By
from yucca_wm.models.shipped import identities as shipped_identities
from yucca_wm.predict import shipped
from yucca_wm.predict.person import Case, Options, alone, by_shipped
from yucca_wm.predict.registered import fetched
from yucca_wm.scan import Frame, bring_to_one_frame
from yucca_wm.scan.done import TWO_PEOPLE
from yucca_wm.scan.read import read_scan
from yucca_wm.tasks.case import check_image

if TYPE_CHECKING:
    from yucca_wm.models.segment import Networks


@dataclass(frozen=True)
class LoadedModel:
    """A model (`yucca_wm.training.model.Model`) and its network on a device."""

    model: Any
    network: Any


@dataclass(frozen=True)
class Predicted:
    """What was found in one person.

    maps : name of a map's folder (``lesions``, ``regions_T1``, ``tissue``, ...) -> the map.
    frame : the scans as they were seen. made : what to note down: the scans and models that were used, and what was not
    sure.
    """

    case: Case
    maps: dict[str, Image]
    frame: Frame
    made: dict[str, Any]


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


def predict_case(
    case: Case,
    models: Mapping[str, LoadedModel],
    out: Path,
    options: Options,
    networks: Callable[[], Networks] | None = None,
) -> dict[str, Any]:
    """Predict one person as `predict_person`, and write the files of `outputs`; returns what to note down."""
    predicted = predict_person(case, models, options, networks, out)
    write_predicted(predicted, out)
    return predicted.made


def predict_person(
    case: Case,
    models: Mapping[str, LoadedModel],
    options: Options,
    networks: Callable[[], Networks] | None = None,
    folder: Path | None = None,
) -> Predicted:
    """Predict one person with each of ``models`` (what -> model), and with the models that come with this package if
    ``options`` say so.

    networks : gives those models' networks; asked when the scans have been checked.
    folder : where softmax files go (if they are kept, as `outputs` has them); None: a temporary folder.

    Raises InputError for a person without scans, a scan that cannot be used, and scans that are no pair.
    """
    if not case.scans:
        raise case.problem or InputError(case.name, "has neither a T1 nor a FLAIR image")
    made = {
        "scans": {
            modality: {
                "file": images.name_of(scan),
                "sha256": FileState.of(scan).sha256 if isinstance(scan, Path) else None,
            }
            for modality, scan in case.scans.items()
        },
        "models": identities(models, options),
        "mirror": options.mirror,
        "lesions_by": _by(shipped.LESIONS, models, options),
        "regions_by": _by(shipped.REGIONS, models, options),
    }
    frame = _frame(case, options)
    like = _other_space(case, frame, options)
    notes = [*_two_people(case), *frame.notes]
    maps: dict[str, Image] = {}
    if options.shipped:
        assert networks is not None
        atlas = fetched() if options.registered else None
        found = shipped.segment_person(
            frame, networks(), by_shipped(models), like=like, confidence=options.confidence, atlas=atlas
        )
        maps = found.maps
        notes += found.notes
        if found.registration is not None:
            made["registration"] = found.registration
    maps |= _maps_of(models, case.name, frame, folder, options, like)
    return Predicted(case, maps, frame, made | {"notes": notes})


def _two_people(case: Case) -> list[str]:
    """A note where the names of a T1 and a FLAIR (``sub-...``) are those of two people."""
    files = {modality: images.file_of(scan) for modality, scan in case.scans.items()}
    names = {modality: person_of_scan(file) or "" for modality, file in files.items() if file}
    people = {modality.lower(): person(name) for modality, name in names.items() if name.startswith("sub-")}
    return [TWO_PEOPLE.format(**people)] if len(set(people.values())) > 1 else []


def _by(what: str, models: Mapping[str, LoadedModel], options: Options) -> By | None:
    """What finds lesions, or regions; None: nothing."""
    if what in models:
        return By.OWN
    if not options.shipped:
        return None
    return By.ATLAS if options.registered and what == shipped.REGIONS else By.NETWORK


def identities(models: Mapping[str, LoadedModel], options: Options) -> dict[str, str]:
    """The models in use: what a given one finds -> SHA-256 of its weights; ``yucca_wm:NAME`` -> SHA-256 of the file of
    one that comes with this package; ``atlas:FILE`` -> SHA-256 of a file of the atlas."""
    own = {what: loaded.model.identity for what, loaded in models.items()}
    come_along = shipped_identities() if options.shipped else {}
    atlas = {f"atlas:{name}": digest for name, digest in fetched().digests.items()} if options.registered else {}
    return own | {f"yucca_wm:{name}": digest for name, digest in come_along.items()} | atlas


def write_predicted(predicted: Predicted, out: Path) -> None:
    """Write the maps, and how the scans were laid on each other."""
    name = predicted.case.name
    for folder, image in predicted.maps.items():
        images.save(image, make_folder(out / folder) / f"{name}.nii.gz")
    found = predicted.maps.get("tissue", predicted.maps.get("regions"))
    shipped.save_frame(name, predicted.case.scans, predicted.frame, out, found)


def _frame(case: Case, options: Options) -> Frame:
    """The person's scans on one grid. What is to be seen by given models alone need not be a head, and stays as it is
    where it is on one grid."""
    if not options.shipped and not any(isinstance(path, Path) and path.is_dir() for path in case.scans.values()):
        loaded = {m: check_image(images.load(path)) for m, path in case.scans.items()}
        first, *others = loaded.values()
        if all(images.same_grid(first, other) for other in others):
            notes = [f"{modality}: {note}" for modality, image in loaded.items() for note in image.header_notes]
            return Frame(loaded, list(loaded)[-1], {}, notes)
    return bring_to_one_frame(case.scans)


def _other_space(case: Case, frame: Frame, options: Options) -> Image | None:
    """The scan on whose grid the maps are wanted, if that is not the frame's own."""
    wanted = options.space.upper()
    if wanted == frame.reference or wanted not in case.scans:
        return None
    return read_scan(case.scans[wanted])


def _maps_of(
    models: Mapping[str, LoadedModel],
    name: str,
    frame: Frame,
    out: Path | None,
    options: Options,
    like: Image | None,
) -> dict[str, Image]:
    """What ``models`` find: the maps of all scans together and of each by itself, named by their folders."""
    maps: dict[str, Image] = {}
    nifti = {modality: _as_nifti(image) for modality, image in frame.images.items()} if models else {}
    for what, loaded in models.items():
        with tempfile.TemporaryDirectory(dir=out, prefix=".softmax-") as temporary:
            folder = out / f"{what}_softmax" if out is not None and options.softmax_stays else Path(temporary)
            merged, by_modality = _predict(loaded, nifti, folder, name, options)
        found: dict[str, NDArray[Any]] = {alone(what, modality): labels for modality, labels in by_modality.items()}
        if merged.confidence is not None:
            found[f"{what}_confidence"] = merged.confidence
        found[what] = merged.labels
        maps |= {kind: shipped.carried(merged.grid.image(data), frame, like) for kind, data in found.items()}
    return maps


def _predict(
    loaded: LoadedModel, nifti: Mapping[str, Any], folder: Path, name: str, options: Options
) -> tuple[Merged, dict[str, NDArray[np.integer[Any]]]]:
    """Predict each modality into a softmax file, as yucca_inference does, and merge them, as yucca_ensemble does.

    Returns what they say together, and the label map of each modality by itself.
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
    """The scan as Yucca reads it: its own file where it is that, which keeps every byte of what the chain sees."""
    nifti: Any = nib.load(image.path) if image.path and image.path.is_file() else None  # not a folder of DICOM slices
    if nifti is not None and nifti.shape == image.shape and np.array_equal(nifti.affine, image.affine):
        return nifti
    header = None if image.header is None else nib.Nifti1Header.from_header(image.header)
    made = nib.Nifti1Image(image.data, image.affine, header)
    if image.path:
        made.set_filename(str(image.path))
    return made
