"""Which registrations are doubted: real white matter unchanged, and degraded in ways that users meet.

    python benchmarks/doubt.py --data DIR [--every N] [--first N] [--kinds NAME ...] [--json]

DIR is the folder with ``atlas``, ``real`` and ``wmh_region_labels``. Every white-matter mask is registered unchanged
("whole"), and that result is the truth for its degraded copies: the distance of labels from it, in mm, is reported with
whether the registration was refused or doubted. Bounds were set with all whole masks in view, and with degraded copies
of the people in SEEN; those of all other people had no part in them and are reported separately.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.atlas.maps import Atlas, load_atlas
from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image, load, load_labels
from yucca_wm.parcellate.case import Beside, judge
from yucca_wm.parcellate.quality import MIN_T1_CONTRAST, check_whole, doubts, t1_contrast
from yucca_wm.parcellate.settings import Interpolation, Settings
from yucca_wm.parcellate.transfer import Registration, carry, register
from yucca_wm.parcellate.white_matter import WhiteMatter, check_sides
from yucca_wm.registration.smoothed_masks import centre_mm
from yucca_wm.registration.warp import Warp

KINDS = {
    "whole": "as it is",
    "cerebellum": "cerebellum and brainstem left in",
    "one side": "the right hemisphere is missing",
    "no lower half": "everything below the middle is missing",
    "no upper half": "everything above the middle is missing",
    "turned": "the result turned by 35 degrees about x: a local optimum",
    "mirrored, sides known": "header mirrored, the map tells left from right",
    "mirrored": "header mirrored, the map does not tell: cannot be seen",
    "another's, T1 given": "white matter of somebody else, registered to this person, beside this person's T1",
}
SIDE_PAIR = (44, 45)
BELOW_BRAIN = (35, 38, 39, 40, 41, 71, 72, 73)
"""Labels of brainstem and cerebellum in ``oasis_nc`` and ``nichart``."""

JHU_BELOW = (28, 29, 30, 31, 32, 50, 63, 64, 65)
"""The same in the left half of JHU-MNI Type-II; those on the right are 65 higher."""

SEEN = ("1000", "1012", "Subj1", "Subj15", "WMH_1", "WMH_102", "WMH_150", "WMH_158", "WMH_3", "WMH_52")
WRONG_MM = 5.0
"""Labels that are further off than this on average are wrong."""

SHARES = (("", "cases"), ("unseen_", "unseen"), ("wrong_", "wrong"))
MOST_FLAGGED, LEAST_CAUGHT = 0.0, 0.95


@dataclass(frozen=True)
class Person:
    """wm : white matter; below : cerebellum and brainstem; labels : the map it was taken from."""

    name: str
    group: str
    wm: Image
    below: NDArray[np.bool_] | None
    beside: Beside
    labels: Image


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, metavar="DIR", type=Path)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th person only")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="begin with the N-th (from 0) of each group")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    options = parser.parse_args()
    folder = options.data / "atlas"
    atlas = load_atlas(folder / "36_labels_merged_only_WM.nii.gz", folder / "36_labels_merged.nii.gz")
    type2 = load_labels(folder / "JHU_MNI_SS_WMPM_Type-II.nii.gz")
    below = type2.with_data(np.isin(type2.data, [*JHU_BELOW, *(label + 65 for label in JHU_BELOW)]).astype(np.uint8))
    rows: list[dict[str, Any]] = []
    other: tuple[Person, NDArray[np.float64]] | None = None
    for person in people(options.data, options.every, options.first):
        whole = register(atlas.wm, person.wm, Settings())
        for kind in options.kinds:
            if (row := tried(kind, person, whole, atlas, below, other)) is not None:
                rows.append({"person": person.name, "group": person.group, "kind": kind, **row})
                print("  ".join(str(value) for value in rows[-1].values()), flush=True)
        other = person, whole.warp.matrix
    figures = summary(rows)
    failed = failures(figures)
    for line in failed:
        print(f"below the bar: {line}")
    if options.json:
        print(json.dumps({"pass": not failed, "figures": figures, "rows": rows}))
    return 1 if failed else 0


def people(data: Path, every: int, first: int) -> Iterator[Person]:
    """Yield, from each group, the person at position ``first`` and every N-th after it."""
    for path in sorted((data / "real" / "oasis_nc").glob("*_labels.nii.gz"))[first::every]:
        t1 = load(path.with_name(path.name.replace("_labels", "_T1")))
        yield _labelled(path.name.split("_")[0], "oasis_nc", load_labels(path), SIDE_PAIR, t1)
    for path in sorted((data / "real" / "nichart").glob("*/DLMUSE.nii.gz"))[first::every]:
        t1 = load(path.with_name("T1.nii.gz"))
        yield _labelled(path.parent.name, "nichart", load_labels(path), tuple(range(81, 96)), t1)
    for group in ("Train", "Test"):
        for path in sorted((data / "wmh_region_labels" / group).glob("*.nii.gz"))[first::every]:
            labels = load_labels(path)
            wm = labels.with_data((labels.data > 0).astype(np.uint8))
            yield Person(path.name.removesuffix(".nii.gz"), group, wm, None, Beside(regions=labels), labels)


def _labelled(name: str, group: str, labels: Image, white: tuple[int, ...], t1: Image) -> Person:
    wm = labels.with_data(np.isin(labels.data, white).astype(np.uint8))
    return Person(name, group, wm, np.isin(labels.data, BELOW_BRAIN), Beside(t1), labels)


def tried(
    kind: str,
    person: Person,
    whole: Registration,
    atlas: Atlas,
    below: Image,
    other: tuple[Person, NDArray[np.float64]] | None,
) -> dict[str, Any] | None:
    """Result for one person's white matter, degraded by ``kind``; None if that cannot be made."""
    if kind == "another's, T1 given":
        return _another(person, whole, other)
    wm = spoilt(kind, person, whole.warp, atlas, below)
    if wm is None:
        return None
    begin = time.process_time()
    try:
        if kind == "mirrored, sides known":
            right, left = (np.mean(np.nonzero(person.labels.data == label), axis=1) for label in SIDE_PAIR)
            check_sides(WhiteMatter(wm, "", right, left), wm.affine)
        check_whole(atlas.wm, wm)
    except InputError as error:
        return {"caught": True, "refused": True, "why": error.problem}
    if kind == "whole":
        found = whole
    elif kind == "turned":
        found = Registration(Warp(whole.warp.matrix @ _turned(person.wm)))
    else:
        found = register(atlas.wm, wm, Settings())
    spoilt_mask = kind not in ("whole", "turned")
    beside = Beside() if spoilt_mask else person.beside  # detected without other images
    fit = judge(atlas, wm, found, carry(atlas.labels, wm, found.warp, Interpolation.NEAREST), beside)
    said = doubts(found.warp.matrix, fit)
    row: dict[str, Any] = {"caught": bool(said), "refused": False, "off_mm": round(off_mm(whole, found, person.wm), 1)}
    row |= {"least_part": round(min(fit.parts.values()), 3), "agreeing": fit.agreeing}
    row |= {key: value for key, value in fit.as_dict().items() if key not in ("parts", "starts", "agreeing")}
    return row | {"why": "; ".join(said), "cpu_s": round(time.process_time() - begin, 1)}


def spoilt(kind: str, person: Person, warp: Warp, atlas: Atlas, below: Image) -> Image | None:
    """White matter in the form in which a user would give it."""
    wm = person.wm
    if kind in ("whole", "turned"):
        return wm
    if kind.startswith("mirrored"):
        if ("known" in kind) != (person.group == "oasis_nc"):
            return None
        return Image(wm.data, np.diag([-1.0, 1, 1, 1]) @ wm.affine)
    if kind == "cerebellum":
        extra = person.below
        if extra is None:
            extra = carry(below, wm, warp, Interpolation.NEAREST) > 0
        return wm.with_data((extra | (wm.data > 0)).astype(np.uint8))
    axis, above = {"one side": (0, False), "no lower half": (2, True), "no upper half": (2, False)}[kind]
    at = np.tensordot((warp.matrix @ wm.affine)[axis, :3], np.indices(wm.shape), 1) + (warp.matrix @ wm.affine)[axis, 3]
    middle = centre_mm(atlas.wm)[axis]
    return wm.with_data((wm.data * ((at >= middle) == above)).astype(np.uint8))


def _another(
    person: Person, whole: Registration, other: tuple[Person, NDArray[np.float64]] | None
) -> dict[str, Any] | None:
    """The previous person's white matter, brought to this one through the atlas: aligned as well as possible."""
    if person.beside.t1 is None or other is None or other[0].group != person.group:
        return None
    to_other = np.linalg.inv(other[1]) @ whole.warp.matrix
    carried = carry(other[0].wm, person.wm, Warp(to_other), Interpolation.NEAREST)
    contrast = t1_contrast(person.wm.with_data(carried), person.beside.t1)
    caught = contrast is not None and contrast < MIN_T1_CONTRAST
    return {"caught": caught, "refused": False, "t1_contrast": round(contrast or 0.0, 3)}


def _turned(wm: Image) -> NDArray[np.float64]:
    """Rotation by 35 degrees about world x around the centre of the white matter, 4x4."""
    angle, centre = np.radians(35), centre_mm(wm)
    turn = np.eye(4)
    turn[1, 1] = turn[2, 2] = np.cos(angle)
    turn[2, 1], turn[1, 2] = np.sin(angle), -np.sin(angle)
    turn[:3, 3] = centre - turn[:3, :3] @ centre
    return turn


def off_mm(whole: Registration, found: Registration, wm: Image) -> float:
    """Mean distance between the positions to which two affines map the whole white matter."""
    points = wm.affine[:3, :3] @ np.array(np.nonzero(wm.data))[:, ::50] + wm.affine[:3, 3:]
    difference = whole.warp.points_mm(points) - found.warp.points_mm(points)
    return float(np.linalg.norm(difference, axis=0).mean())


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For every kind: number, number detected; the same for people not in SEEN, and where labels end up wrong."""
    figures = []
    print("\nkind                       refused or doubted   not seen: caught   labels wrong: caught")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        wrong = [row for row in own if row.get("off_mm", 0) > WRONG_MM]
        figure: dict[str, Any] = {"kind": kind, "cases": len(own), "caught": sum(row["caught"] for row in own)}
        figure |= {"refused": sum(row["refused"] for row in own)}
        figure |= {"wrong": len(wrong), "wrong_caught": sum(row["caught"] for row in wrong)}
        unseen = [row for row in own if row["person"] not in SEEN]
        figure |= {"unseen": len(unseen), "unseen_caught": sum(row["caught"] for row in unseen)}
        figures.append(figure)
        shares = [f"{figure[f'{of}caught']} of {figure[of_all]}" for of, of_all in SHARES]
        print(f"{kind:27}{shares[0]:21}{shares[1]:19}{shares[2]}   ({KINDS[kind]})")
    return figures


def failures(figures: list[dict[str, Any]]) -> list[str]:
    """Bars that are not met, in words."""
    found = []
    for figure in figures:
        kind, share = figure["kind"], figure["caught"] / figure["cases"]
        if kind == "whole" and share > MOST_FLAGGED:
            found.append(f"{figure['caught']} of {figure['cases']} good registrations doubted")
        elif kind not in ("whole", "mirrored") and share < LEAST_CAUGHT:
            found.append(f"{kind}: {figure['caught']} of {figure['cases']} caught")
    return found


if __name__ == "__main__":
    sys.exit(main())
