"""``python -m yucca_wm.demo.make_study``: lesion masks, region maps, images and participants for the tutorial.

Stylised heads in one space, nothing of anatomy. Patients have more lesions in the regions in front.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from yucca_wm import cli

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPACING_MM = 2.5
SHAPE = (56, 68, 52)
CELLS = 17
"""Number of regions on each side."""

FRONT = (3, 4, 5, 11, 14)
"""Labels of anterior left regions: superior, middle and inferior frontal, orbitofrontal, anterior corona radiata."""


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.Parser("python -m yucca_wm.demo.make_study", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", help="for lesions/, regions/, flair/, participants.tsv, template")
    parser.add_argument("--subjects", type=int, default=40, metavar="N", help="half of them patients (default: 40)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another number, another study (default: 0)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Write the study; returns the exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.subjects < 2:
        parser.error("--subjects is at least 2")
    write_study(Path(args.folder), args.subjects, args.seed)
    print(f"{args.subjects} subjects in {args.folder}")
    return cli.EXIT_OK


def write_study(folder: Path, subjects: int, seed: int = 0) -> None:
    """Write a study of ``subjects``, every second one a patient."""
    import numpy as np

    from yucca_wm.core.files import make_folder
    from yucca_wm.core.tsv import write_tsv
    from yucca_wm.imaging.images import Image, save

    rng = np.random.default_rng(seed)
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = -SPACING_MM * (np.array(SHAPE) - 1) / 2
    head, regions, in_front = _head()
    for kind in ("lesions", "regions", "flair"):
        make_folder(folder / kind)
    save(Image(regions, affine), folder / "template.nii.gz")
    people = []
    for number in range(1, subjects + 1):
        name, patient = f"sub-{number:02d}", number % 2 == 0
        age, sex = int(rng.integers(55, 86)), "FM"[int(rng.integers(2))]
        lesions = _lesions(regions, in_front, rng, patient=patient, age=age)
        flair = 90.0 * head + 25.0 * (regions > 0) + 80.0 * lesions + rng.normal(0, 5, SHAPE)
        save(Image(lesions, affine), folder / "lesions" / f"{name}.nii.gz")
        save(Image(regions, affine), folder / "regions" / f"{name}.nii.gz")
        save(Image(np.maximum(flair, 0).astype(np.int16), affine), folder / "flair" / f"{name}.nii.gz")
        people.append([name, "patient" if patient else "control", str(age), sex])
    write_tsv(folder / "participants.tsv", ("participant_id", "diagnosis", "age", "sex"), people)


def _head() -> tuple[NDArray[np.bool_], NDArray[np.uint8], list[int]]:
    """Head, region labels (1-17 left, 18-34 right, mirrored) and the labels of the anterior regions."""
    import numpy as np

    x, y, z = (np.indices(SHAPE) - (np.array(SHAPE).reshape(3, 1, 1, 1) - 1) / 2) * SPACING_MM
    head = (x / 66) ** 2 + (y / 80) ** 2 + (z / 60) ** 2 < 1
    matter = ((x / 56) ** 2 + (y / 70) ** 2 + (z / 50) ** 2 < 1) & (np.abs(x) > 3)
    matter &= (x / 22) ** 2 + (y / 34) ** 2 + (z / 18) ** 2 > 1  # ventricles
    turn = np.arange(CELLS) * np.pi * (3 - np.sqrt(5))  # points spread evenly over half an ellipsoid
    along = np.linspace(-0.9, 0.9, CELLS)
    around = np.sqrt(1 - along**2)
    seeds = np.stack([38 * around * np.abs(np.cos(turn)) + 8, 58 * along, 40 * around * np.sin(turn)])
    places = np.stack([np.abs(x), y, z])[:, None]
    cell = ((places - seeds[:, :, None, None, None]) ** 2).sum(axis=0).argmin(axis=0)
    from_the_front = [*FRONT, *(label for label in range(1, CELLS + 1) if label not in FRONT)]
    label = np.array(from_the_front)[np.argsort(np.argsort(-seeds[1]))]
    regions = np.where(matter, label[cell] + CELLS * (x > 0), 0).astype(np.uint8)
    return head, regions, [*FRONT, *(number + CELLS for number in FRONT)]


def _lesions(
    regions: NDArray[np.uint8], in_front: list[int], rng: np.random.Generator, *, patient: bool, age: int
) -> NDArray[np.uint8]:
    """Balls of 3 to 6 mm, more of them with age; patients have most of theirs in anterior regions."""
    import numpy as np

    weight = np.isin(regions, in_front) * (5.0 if patient else 0.0) + (regions > 0)
    count = rng.poisson(rng.gamma(8, (0.6 + age / 100) * (4.5 if patient else 2.0) / 1.5))
    places = np.argwhere(weight > 0)
    share = weight[weight > 0] / weight.sum()
    lesions = np.zeros(SHAPE, np.uint8)
    for centre in places[rng.choice(len(places), count, p=share)]:
        near = np.indices((5, 5, 5)).reshape(3, -1) - 2
        near = near[:, (near**2).sum(axis=0) * SPACING_MM**2 < rng.uniform(3, 6) ** 2]
        at = np.clip(centre[:, None] + near, 0, np.array(SHAPE)[:, None] - 1)
        lesions[tuple(at)] = 1
    return lesions


if __name__ == "__main__":
    cli.run(main)
