"""Three tiny people in every layout, with T1, FLAIR or both, and all that any option may ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from yucca_wm.cohort.subject import regions_path
from yucca_wm.ensemble import codec, store
from yucca_wm.ensemble.probabilities import Grid
from yucca_wm.imaging.images import Image
from yucca_wm.models.segment import Segmentation
from yucca_wm.parcellate import transfer
from yucca_wm.parcellate.settings import Settings
from yucca_wm.parcellate.transfer import Registration
from yucca_wm.scan import Frame
from yucca_wm.scan.read import read_scan

from ..test_chains import AFFINE, SHAPE, labels, save, white_matter

LAYOUTS = ("wmh", "bids", "table")
SCANS: dict[str, tuple[str, ...]] = {"T1": ("T1",), "FLAIR": ("FLAIR",), "both": ("T1", "FLAIR")}
BIDS_LABELS, BIDS_ENDS = {"wm": "WM", "lesions": "lesion"}, {"T1": "T1w", "FLAIR": "FLAIR"}
NUMBERS = ("2", "10", "11")
VOXEL_ML = 0.064
STEP = 20
"""Grey values between neighbouring labels in a scan; LESION is added in lesions."""

LESION = 1000


def named(layout: str, number: str) -> str:
    """What a layout calls a person."""
    return {"wmh": "WMH_{}", "bids": "sub-{}", "table": "P{}"}[layout].format(number)


def lesions_of(number: str) -> np.ndarray:
    return (np.random.default_rng(int(number)).random(SHAPE) < 0.05) & (white_matter() > 0)


def scan(number: str, modality: str = "FLAIR") -> np.ndarray:
    """A scan in which the stand-in for the networks can read what there is."""
    noise = np.random.default_rng([int(number), len(modality)]).integers(0, STEP, SHAPE)
    return (labels().astype(np.int16) * STEP + LESION * lesions_of(number) + noise).astype(np.int16)


def tissue() -> np.ndarray:
    """White matter, lateral ventricles in it and cortex at a face."""
    tissue = (labels() > 0).astype(np.uint8)
    tissue[9:11, 11:13, 8:10], tissue[0] = 4, 2
    return tissue


def segment(_: object, scans: Mapping[str, Image]) -> Segmentation:
    """In place of the networks: reads labels and lesions in the grey values of `scan`."""
    grey = np.asarray(next(iter(scans.values())).data)
    lesions = (grey >= LESION).astype(np.uint8)
    regions = (grey.astype(int) % LESION // STEP).astype(np.uint8)
    return Segmentation(lesions, regions, tissue(), lesions.astype(np.float32), 1200.0)


def one_frame(scans: Mapping[str, Path]) -> Frame:
    """In place of the registration of a person's scans, which lie on one grid."""
    images = {modality: read_scan(path) for modality, path in scans.items()}
    return Frame(images, list(images)[-1], {}, [])


REGISTERED: dict[tuple[object, ...], Registration] = {}


def register(atlas_wm: Image, subject_wm: Image, settings: Settings) -> Registration:
    """Registration of white matter, once for each way of it: people differ by one voxel."""
    key = (atlas_wm.data.tobytes(), subject_wm.affine.tobytes(), settings.transform, settings.metric, settings.init)
    if key not in REGISTERED:
        REGISTERED[key] = transfer.register(atlas_wm, subject_wm, settings)
    return REGISTERED[key]


def files(root: Path, layout: str, scans: Sequence[str], number: str) -> dict[str, Path]:
    """Where a layout keeps what there is of a person: wm, lesions, scans."""
    name = named(layout, number)
    if layout == "wmh":
        home = root / "training/Site" / number
        return {"wm": home / "pre/wm.nii.gz", "lesions": home / "wmh.nii.gz"} | {
            scan: home / f"pre/{scan}.nii.gz" for scan in scans
        }
    if layout == "bids":
        derived = root / "derivatives/tool" / name / "anat"
        made = {what: derived / f"{name}_label-{label}_mask.nii.gz" for what, label in BIDS_LABELS.items()}
        return made | {scan: root / name / "anat" / f"{name}_{BIDS_ENDS[scan]}.nii.gz" for scan in scans}
    return {what: root / what / f"{name}.nii.gz" for what in ("wm", "lesions", *scans)}


def cohort(root: Path, layout: str, scans: Sequence[str], *, regions: bool) -> Path:
    """Write a cohort; returns what names it."""
    rows = ["subject\twm\tlesions\t" + "\t".join(map(str.lower, scans))]
    for number in NUMBERS:
        made = files(root, layout, scans, number)
        wm = white_matter()
        wm[tuple(np.argwhere(wm)[int(number)])] = 0  # nobody's is that of another
        save(made["wm"], wm)
        save(made["lesions"], lesions_of(number).astype(np.uint8))
        for modality in scans:
            save(made[modality], scan(number, modality))
        rows.append("\t".join([named(layout, number), *(str(path.relative_to(root)) for path in made.values())]))
    place = root
    if layout == "table":
        place = root / "people.tsv"
        place.write_text("\n".join(rows) + "\n")
    for number in NUMBERS if regions else ():
        save(regions_path(place, named(layout, number)), labels())
    return place


def atlas(here: Path) -> None:
    """Atlases, tables of regions and a model's card."""
    save(here / "atlas_wm.nii.gz", white_matter())
    save(here / "atlas_labels.nii.gz", labels())
    save(here / "jhu.nii.gz", np.arange(1, 131, dtype=np.int16).reshape(13, 10, 1))
    rows = [f"{index}\tregion {index}\t{index}" for index in range(1, 131)]
    (here / "names.tsv").write_text("\n".join(["index\tname\tjhu_ids", *rows]) + "\n")
    rows = [f"{index}\tregion {index}" for index in range(1, 37)]
    (here / "regions.tsv").write_text("\n".join(["index\tname", *rows]) + "\n")
    (here / "card.md").write_text("# A card\n")


def maps(here: Path, layout: str) -> None:
    """Folders of maps named as a layout names people, softmax files, and tables of 24 people."""
    rng = np.random.default_rng(0)
    moved = AFFINE.copy()
    moved[0, 3] = 2
    for number in NUMBERS:
        name = named(layout, number)
        lesions = lesions_of(number).astype(np.uint8)
        made = {
            "lesions": lesions, "probabilities": 0.9 * lesions.astype(np.float32), "regions": labels(),
            "truth": np.roll(lesions, 1, 0), "drawn": np.roll(labels(), 1, 1), "tissue": tissue(),
            "ventricles": (tissue() == 4).astype(np.uint8),
        }  # fmt: skip
        for what, data in made.items():
            save(here / what / f"{name}.nii.gz", data)
        for modality in SCANS["both"]:
            save(here / modality / f"{name}_{modality}.nii.gz", scan(number, modality))
        shifted = here / "moved" / f"{name}.nii.gz"
        shifted.parent.mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(lesions, moved), shifted)
        for folder, classes in (("T1", 3), ("FLAIR", 3), ("few", 3), ("lesions", 3), ("regions", 37)):
            place = here / "softmax" / folder
            place.mkdir(parents=True, exist_ok=True)
            if folder != "few" or number == NUMBERS[0]:
                logits = 2 * rng.standard_normal((classes, *SHAPE))
                store.write_array(place / f"{name}.npz", codec.softmax(logits), Grid(SHAPE, AFFINE))
    study(here, layout)


def study(here: Path, layout: str) -> None:
    """Loads and participants of 24 people, one of them flagged."""
    rng = np.random.default_rng(1)
    loads = ["subject\tname\tgroup\tload_percent\tlesion_volume_ml"]
    rows = ["participant_id\tgroup\tscore\tage\tsite"]
    for number in range(24):
        name = named(layout, str(number))
        loads += [f"{name}\tregion {k}\tlobar\t{rng.exponential():.3f}\t1" for k in range(4)]
        loads.append(f"{name}\ttotal\ttotal\t1\t4")
        level = rng.choice(["case", "control"])
        rows.append(f"{name}\t{level}\t{rng.normal():.2f}\t{rng.integers(50, 80)}\t{number % 2 + 1}")
    (here / "loads").mkdir()
    (here / "loads/lesion_load.tsv").write_text("\n".join(loads) + "\n")
    flagged = {named(layout, str(n)): {"flags": {"high_outside": "x"} if n == 3 else {}} for n in range(24)}
    (here / "loads/localize.json").write_text(json.dumps({"subjects": flagged, "failures": {}}))
    (here / "participants.tsv").write_text("\n".join(rows) + "\n")


def coarse_model(folder: Path, classes: int, dimensions: str, seed: int) -> Path:
    """A tiny untrained network for voxels of 4 mm."""
    import torch

    from ..predict.conftest import make_version_folder

    made = make_version_folder(folder, classes, dimensions, seed)
    path = made / "checkpoints/best.ckpt"
    checkpoint: Any = torch.load(path, weights_only=False)
    checkpoint["hyper_parameters"]["config"]["plans"]["target_spacing"] = [4.0, 4.0, 4.0]
    torch.save(checkpoint, path)
    return made
