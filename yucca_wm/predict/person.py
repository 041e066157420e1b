"""Predict one subject: each model on each scan alone, and on all scans together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import make_folder
from yucca_wm.core.modality import MODALITIES
from yucca_wm.core.notes import Note, recorded
from yucca_wm.core.predictions import SHOWN, By
from yucca_wm.core.regions import regions
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.kinds import refuse_flat
from yucca_wm.jobs.run_record import FileState
from yucca_wm.models.shipped import identities as shipped_identities
from yucca_wm.predict import shipped
from yucca_wm.predict.case import Case, Options, alone, by_shipped
from yucca_wm.predict.choice import LESIONS, REGIONS, TISSUE
from yucca_wm.predict.frame_files import save_frame
from yucca_wm.predict.own_models import LoadedModel, check_scans, maps_of
from yucca_wm.predict.registered import fetched
from yucca_wm.scan import Frame, bring_to_one_frame
from yucca_wm.scan.names import name_notes
from yucca_wm.scan.notes import APART, NOT_SHOWN

if TYPE_CHECKING:
    from yucca_wm.models.segment import Networks


@dataclass(frozen=True)
class Predicted:
    """Results of one subject.

    maps : name of a map's folder (``lesions``, ``regions_T1``, ``tissue``, ...) -> the map.
    frame : the scans as the networks saw them. made : the record: scans and models used, and notes. in_frame : False if
    the maps are on the grid of a scan as it was before registration. names : folder of a region map -> the names that
    its labels have for the model which found them.
    """

    case: Case
    maps: dict[str, Image]
    frame: Frame
    made: dict[str, Any]
    in_frame: bool = True
    names: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


def predict_case(
    case: Case,
    models: Mapping[str, LoadedModel],
    out: Path,
    options: Options,
    networks: Callable[[], Networks] | None = None,
) -> dict[str, Any]:
    """Predict one subject with `predict_person`, and write the files of `outputs`; returns the record."""
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
    """Predict one subject with each of ``models`` (`LESIONS` or `REGIONS` -> model), and with the models that come with
    this package if ``options`` say so.

    networks : returns the networks of the package's models; called after the scans have been checked.
    folder : folder for softmax files (if kept, under the names in `outputs`); None: a temporary folder.

    Raises InputError for a subject without scans, a scan that cannot be used, and scans that do not fit each other.
    """
    if not case.scans:
        raise case.problem or InputError(case.name, "has neither a T1 nor a FLAIR image")
    check_scans(models.values(), case.scans)
    used = identities(models, options)  # fails before any long computation
    frame = _frame(case, options)
    made: dict[str, Any] = {
        "scans": {
            modality: {
                "file": str(scan.absolute()) if isinstance(scan, Path) else images.name_of(scan),
                "sha256": FileState.of(scan).sha256 if isinstance(scan, Path) else None,
                "voxels_sha256": frame.own.get(modality, frame.images[modality]).voxels_sha256,
            }
            for modality, scan in case.scans.items()
        },
        "models": used,
        "mirror": options.mirror,
        "lesions_by": _by(LESIONS, models, options),
        "regions_by": _by(REGIONS, models, options),
    }
    like = _other_space(case, frame, options)
    files = {modality: file for modality, scan in case.scans.items() if (file := images.file_of(scan))}
    notes = [*name_notes(files), *frame.notes]
    for what, loaded in models.items():
        seen = list(loaded.of(case.scans))
        if unseen := [modality for modality in case.scans if modality not in seen]:
            made.setdefault(SHOWN, {})[what] = seen
            notes.append(NOT_SHOWN.note(what=what, seen=" and ".join(seen), unseen=" and ".join(unseen)))
    maps: dict[str, Image] = {}
    if options.shipped:
        assert networks is not None
        atlas = fetched() if options.registered else None
        made["computed"] = networks().computed
        found = shipped.segment_person(
            frame, networks(), by_shipped(models), like=like, confidence=options.confidence, atlas=atlas
        )
        maps = found.maps
        notes += found.notes
        if found.registration is not None:
            made["registration"] = found.registration
    maps |= maps_of(models, case.name, frame, folder, options, like)
    if REGIONS not in maps:  # with regions, T1 and FLAIR are compared in each of them (`modality_disagreement`)
        notes += _disagreement(maps)
    in_frame = like is None or not frame.transforms
    return Predicted(case, maps, frame, made | recorded(notes), in_frame, _names(models))


def _disagreement(maps: Mapping[str, Image]) -> list[Note]:
    """A note if a model of one's own finds very different volumes of lesions on two scans."""
    from yucca_wm.localize.measures.flags import modalities_apart

    by_scan = {modality: maps[alone(LESIONS, modality)] for modality in MODALITIES if alone(LESIONS, modality) in maps}
    volumes_ml = {name: float((image.data == 1).sum()) * image.voxel_volume_ml for name, image in by_scan.items()}
    if len(volumes_ml) < 2 or not modalities_apart([[volume] for volume in volumes_ml.values()]):
        return []
    said = " and ".join(f"{volume:.1f} ml on the {name} alone" for name, volume in volumes_ml.items())
    return [APART.note(volumes=said)]


def _names(models: Mapping[str, LoadedModel]) -> dict[str, dict[int, str]]:
    """Folder of each region map -> label -> name; none for a model that stores no names."""
    if REGIONS not in models:
        return {REGIONS: regions().names}
    return dict.fromkeys([REGIONS, *(alone(REGIONS, m) for m in MODALITIES)], models[REGIONS].model.region_names)


def _by(what: str, models: Mapping[str, LoadedModel], options: Options) -> By | None:
    """What segments lesions or regions; None: nothing."""
    if what in models:
        return By.OWN
    if not options.shipped:
        return None
    return By.ATLAS if options.registered and what == REGIONS else By.NETWORK


def identities(models: Mapping[str, LoadedModel], options: Options) -> dict[str, str]:
    """The models in use: `LESIONS` or `REGIONS` -> SHA-256 of a given model's weights and settings; ``yucca_wm:NAME``
    -> SHA-256 of the file of one of the package's models; ``atlas:FILE`` -> SHA-256 of a file of the atlas."""
    own = {what: loaded.model.identity for what, loaded in models.items()}
    come_along = shipped_identities() if options.shipped else {}
    atlas = {f"atlas:{name}": digest for name, digest in fetched().digests.items()} if options.registered else {}
    return own | {f"yucca_wm:{name}": digest for name, digest in come_along.items()} | atlas


def write_predicted(predicted: Predicted, out: Path) -> None:
    """Write the maps and the alignment of the scans."""
    name = predicted.case.name
    for folder, image in predicted.maps.items():
        images.save(image, make_folder(out / folder) / f"{name}.nii.gz", predicted.names.get(folder))
    found = predicted.maps.get(TISSUE, predicted.maps.get(REGIONS))
    save_frame(name, predicted.case.scans, predicted.frame, out, found if predicted.in_frame else None)


def _frame(case: Case, options: Options) -> Frame:
    """The subject's scans on one grid. For given models alone the image need not be a head: scans already on one grid
    are left as they are."""
    if not options.shipped and not any(isinstance(path, Path) and path.is_dir() for path in case.scans.values()):
        loaded = {m: images.load(path) for m, path in case.scans.items()}
        for image in loaded.values():
            refuse_flat(image)
        first, *others = loaded.values()
        if all(images.same_grid(first, other) for other in others):
            notes = [Note(note).on(modality) for modality, image in loaded.items() for note in image.header_notes]
            return Frame(loaded, list(loaded)[-1], {}, notes)
    return bring_to_one_frame(case.scans)


def _other_space(case: Case, frame: Frame, options: Options) -> Image | None:
    """The scan that defines the grid of the maps, if that is not the frame's own grid."""
    wanted = options.space.upper()
    if wanted == frame.reference or wanted not in case.scans:
        return None
    return frame.own.get(wanted, frame.images[wanted])
