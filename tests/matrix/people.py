"""Three tiny people in every layout, with T1, FLAIR or both, and all that any option may ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from yucca_wm.cohort.subject import regions_path
from yucca_wm.core.images import Image
from yucca_wm.ensemble import codec, store
from yucca_wm.ensemble.probabilities import Grid
from yucca_wm.models.segment import Segmentation
from yucca_wm.scan import Frame
from yucca_wm.scan.read import read_scan

from ..test_chains import AFFINE, SHAPE, labels, save, white_matter

LAYOUTS = ("wmh", "bids", "table")
SCANS: dict[str, tuple[str, ...]] = {"T1": ("T1",), "FLAIR": ("FLAIR",), "both": ("T1", "FLAIR")}
NUMBERS = ("2", "10", "11")
VOXEL_ML = 0.512
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


def segment(_: object, scans: Mapping[str, Image]) -> Segmentation:
    """In place of the networks: reads labels and lesions in the grey values of `scan`."""
    grey = np.asarray(next(iter(scans.values())).data)
    lesions = (grey >= LESION).astype(np.uint8)
    regions = (grey.astype(int) % LESION // STEP).astype(np.uint8)
    tissue = (regions > 0).astype(np.uint8)
    tissue[9:11, 11:13, 8:10], tissue[0] = 4, 2  # lateral ventricles and cortex
    return Segmentation(lesions, regions, tissue, lesions.astype(np.float32), 1200.0)


def one_frame(scans: Mapping[str, Path], header: str | None = None) -> Frame:
    """In place of the registration of a person's scans, which lie on one grid."""
    images = {modality: read_scan(path, header) for modality, path in scans.items()}
    return Frame(images, list(images)[-1], {}, [])


def cohort(root: Path, layout: str, scans: Sequence[str], *, regions: bool) -> Path:
    """Write a cohort; returns what names it."""
    rows = ["subject\twm\tlesions\t" + "\t".join(map(str.lower, scans))]
    for number in NUMBERS:
        name = named(layout, number)
        if layout == "wmh":
            home = root / "training/Site" / number
            made = {"wm": home / "pre/wm.nii.gz", "lesions": home / "wmh.nii.gz"}
            made |= {scan: home / f"pre/{scan}.nii.gz" for scan in scans}
        elif layout == "bids":
            derived = root / "derivatives/tool" / name / "anat"
            made = {"wm": derived / f"{name}_label-WM_mask.nii.gz"}
            made["lesions"] = derived / f"{name}_label-lesion_mask.nii.gz"
            ends = {"T1": "T1w", "FLAIR": "FLAIR"}
            made |= {scan: root / name / "anat" / f"{name}_{ends[scan]}.nii.gz" for scan in scans}
        else:
            made = {what: root / what / f"{number}.nii.gz" for what in ("wm", "lesions", *scans)}
            rows.append("\t".join([name, *(str(path.relative_to(root)) for path in made.values())]))
        wm = white_matter()
        wm[tuple(np.argwhere(wm)[int(number)])] = 0  # nobody's is that of another
        save(made["wm"], wm)
        save(made["lesions"], lesions_of(number).astype(np.uint8))
        for modality in scans:
            save(made[modality], scan(number, modality))
    place = root
    if layout == "table":
        place = root / "people.tsv"
        place.write_text("\n".join(rows) + "\n")
    for number in NUMBERS if regions else ():
        save(regions_path(place, named(layout, number)), labels())
    return place


def odds_and_ends(here: Path) -> None:
    """Folders of maps by name, tables, softmax files and models' cards."""
    rng = np.random.default_rng(0)
    moved = AFFINE.copy()
    moved[0, 3] = 4
    for number in NUMBERS:
        name = f"P{number}"
        save(here / f"maps/lesions/{name}.nii.gz", lesions_of(number).astype(np.uint8))
        save(here / f"maps/truth/{name}.nii.gz", np.roll(lesions_of(number), 1, 0).astype(np.uint8))
        save(here / f"maps/regions/{name}.nii.gz", labels())
        save(here / f"maps/drawn/{name}.nii.gz", np.roll(labels(), 1, 1))
        save(here / f"maps/scans/{name}_FLAIR.nii.gz", scan(number))
        shifted = here / f"maps/moved/{name}.nii.gz"
        shifted.parent.mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(lesions_of(number).astype(np.uint8), moved), shifted)
        for folder in ("T1", "FLAIR", "few"):
            place = here / "softmax" / folder
            place.mkdir(parents=True, exist_ok=True)
            if folder != "few" or number == NUMBERS[0]:
                logits = 2 * rng.standard_normal((3, *SHAPE))
                store.write_array(place / f"{name}.npz", codec.softmax(logits), Grid(SHAPE, AFFINE))
    save(here / "atlas_wm.nii.gz", white_matter())
    save(here / "atlas_labels.nii.gz", labels())
    save(here / "atlas_tissue.nii.gz", white_matter() * 3)
    save(here / "jhu.nii.gz", np.arange(1, 131, dtype=np.int16).reshape(13, 10, 1))
    rows = [f"{index}\tregion {index}\t{index}" for index in range(1, 131)]
    (here / "names.tsv").write_text("\n".join(["index\tname\tjhu_ids", *rows]) + "\n")
    (here / "card.md").write_text("# A card\n")
    groups(here)


def groups(here: Path) -> None:
    """Loads and participants of 24 people, one of them flagged."""
    rng = np.random.default_rng(1)
    loads, people = (
        ["subject\tname\tgroup\tload_percent\tlesion_volume_ml"],
        ["participant_id\tgroup\tscore\tage\tsite"],
    )
    for number in range(24):
        name = f"P{number}"
        loads += [f"{name}\tregion {k}\tlobar\t{rng.exponential():.3f}\t1" for k in range(4)]
        loads.append(f"{name}\ttotal\ttotal\t1\t4")
        level = rng.choice(["case", "control"])
        people.append(f"{name}\t{level}\t{rng.normal():.2f}\t{rng.integers(50, 80)}\t{number % 2 + 1}")
    (here / "loads").mkdir()
    (here / "loads/lesion_load.tsv").write_text("\n".join(loads) + "\n")
    flags = {f"P{number}": {"flags": {"high_outside": "x"} if number == 3 else {}} for number in range(24)}
    (here / "loads/localize.json").write_text(str({"subjects": flags, "failures": {}}).replace("'", '"'))
    (here / "participants.tsv").write_text("\n".join(people) + "\n")


def coarse_model(folder: Path, classes: int, dimensions: str, seed: int) -> Path:
    """A tiny untrained network for voxels of 8 mm."""
    import torch

    from ..predict.conftest import make_version_folder

    made = make_version_folder(folder, classes, dimensions, seed)
    path = made / "checkpoints/best.ckpt"
    checkpoint: Any = torch.load(path, weights_only=False)
    checkpoint["hyper_parameters"]["config"]["plans"]["target_spacing"] = [8.0, 8.0, 8.0]
    torch.save(checkpoint, path)
    return made
