"""Carry lesions to atlas space, for one subject, and map their frequency in a cohort.

Every voxel of the template takes the value of the subject's voxel that contains its centre (nearest neighbour). Linear
interpolation cut at one half would shrink thin or small lesions: a lesion of one voxel keeps a fifth of its volume, and
one a voxel thick is lost wherever it lies between two samples. Nearest neighbour preserves volumes in expectation, and
averaging over subjects makes the frequency map smooth. Gains and losses are written for each subject."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm import __version__
from yucca_wm.cohort.visits import ANOTHER_SESSION, further_sessions
from yucca_wm.core.columns import Column, TableForm, identity
from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import make_folder, sha256, write_json
from yucca_wm.core.tsv import write_tsv
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import only_run_in, run_step
from yucca_wm.jobs.step import Step, Work
from yucca_wm.localize.measures.flags import found_on_t1
from yucca_wm.localize.measures.lesions import Settings, counted_lesions
from yucca_wm.localize.summary import MANIFEST, Summary
from yucca_wm.parcellate.transforms import Transforms
from yucca_wm.registration.warp import Warp, to_subject


@dataclass(frozen=True)
class Carried:
    """One subject's lesions in atlas space.

    lesions : 0/1 [i, j, k] on the template's grid.
    lesion_ml : volume in the subject's space, by the same rule as in the tables.
    transformed_ml : the same volume, with each voxel scaled by the transform's local change of volume.
    outside_ml : the part of it outside the template's grid.
    template_ml : volume of the map; differs from ``transformed_ml - outside_ml`` by sampling only.
    """

    lesions: Image
    lesion_ml: float
    transformed_ml: float
    outside_ml: float
    template_ml: float


TEMPLATE = TableForm[Carried](
    "template.tsv",
    (
        Column("lesion_volume_ml", lambda row: row.lesion_ml, "lesion volume in the subject's own space", "mL"),
        Column(
            "transformed_volume_ml", lambda row: row.transformed_ml,
            "the same, stretched as the registration stretches it", "mL", "brains differ in size",
        ),
        Column("outside_template_ml", lambda row: row.outside_ml, "the part outside the template's grid", "mL"),
        Column(
            "template_volume_ml", lambda row: row.template_ml, "lesion volume in the map", "mL",
            "it differs from transformed - outside by sampling only",
        ),
    ),
)  # fmt: skip


def carry_lesions(lesions: Image, template: Image, warp: Warp, settings: Settings) -> Carried:
    """Carry the lesions that the tables count to the grid of ``template``.

    Parameters
    ----------
    lesions : Image
        Lesion map [i, j, k] of a subject.
    template : Image
        Any image in the atlas's world, for its grid.
    warp : Warp
        Subject world mm -> atlas world mm.
    settings : Settings
        Settings of the tables.

    Returns
    -------
    Carried
        Lesion map on the template's grid, and volumes in ml.

    Raises
    ------
    YuccaWMError
        The transform has no inverse.
    """
    voxel_ml = lesions.voxel_volume_ml
    found = counted_lesions(lesions, settings).voxels.T
    carried = np.zeros(template.shape, dtype=np.uint8)
    if not found.size:
        return Carried(template.with_data(carried), 0.0, 0.0, 0.0, 0.0)
    kept = np.zeros(lesions.shape, dtype=bool)
    kept[tuple(found)] = True
    centres = _apply(lesions.affine, found)
    volumes_ml = voxel_ml * _stretch(warp, centres)
    in_template = _apply(np.linalg.inv(template.affine), warp.points_mm(centres))
    inside = np.logical_and.reduce(
        [(x > -0.5) & (x < n - 0.5) for x, n in zip(in_template, template.shape, strict=True)]
    )
    near = _candidates(lesions, found, template, warp)
    points = to_subject(warp, _apply(template.affine, near))
    index = np.floor(_apply(np.linalg.inv(lesions.affine), points) + 0.5).astype(np.intp)
    known = np.logical_and.reduce([(i >= 0) & (i < n) for i, n in zip(index, lesions.shape, strict=True)])
    carried[tuple(near[:, known])] = kept[tuple(index[:, known])]
    return Carried(
        lesions=template.with_data(carried),
        lesion_ml=found.shape[1] * voxel_ml,
        transformed_ml=float(volumes_ml.sum()),
        outside_ml=float(volumes_ml[~inside].sum()),
        template_ml=int(carried.sum()) * template.voxel_volume_ml,
    )


def _candidates(lesions: Image, found: NDArray[np.intp], template: Image, warp: Warp) -> NDArray[np.intp]:
    """[3, n] template voxels that a lesion voxel may cover: those around its corners, and all between them."""
    to_index = np.linalg.inv(template.affine)
    centre = _apply(to_index, warp.points_mm(_apply(lesions.affine, found)))
    reach = np.zeros(3)
    for corner in product((-0.5, 0.5), repeat=3):
        there = _apply(to_index, warp.points_mm(_apply(lesions.affine, found + np.array(corner)[:, None])))
        reach = np.maximum(reach, np.abs(there - centre).max(axis=1))
    margin = np.ceil(reach).astype(int) + 1
    low = np.maximum(np.floor(centre.min(axis=1)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(centre.max(axis=1)).astype(int) + margin + 1, template.shape)
    if (high <= low).any():
        return np.zeros((3, 0), dtype=np.intp)
    # centres up to ``margin`` outside the grid still cover voxels at its border: mark them there
    box = np.zeros(high - low, dtype=np.uint8)
    reached = np.logical_and.reduce(
        [(c > a - m) & (c < b + m) for c, a, b, m in zip(centre, low, high, margin, strict=True)]
    )
    marked = np.rint(centre[:, reached]).astype(int) - low[:, None]
    box[tuple(np.clip(marked, 0, np.array(box.shape)[:, None] - 1))] = 1
    spread = ndimage.maximum_filter(box, size=tuple(2 * margin + 1), mode="constant")
    return np.array(np.nonzero(spread)) + low[:, None]


def _stretch(warp: Warp, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """[points] ratio of atlas volume to subject volume at ``points_mm`` [3, points], subject world."""
    whole = abs(float(np.linalg.det(warp.matrix[:3, :3])))
    if warp.field is None:
        return np.full(points_mm.shape[1], whole)
    index = _apply(np.linalg.inv(warp.field.affine), points_mm)
    local = ndimage.map_coordinates(warp.field.jacobian(), index, output=np.float64, order=1, mode="constant", cval=1.0)
    return np.asarray(whole * local)


def _apply(affine: NDArray[np.floating[Any]], points: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(affine[:3, :3] @ points + affine[:3, 3:])


STEP = "to template"
FOLDER, FREQUENCY, COUNT = "template", "lesion_frequency.nii.gz", "lesion_count.nii.gz"
ABOUT = "template.json"
"""Record of the maps of the whole cohort beside them."""

TABLES = (TEMPLATE.name, ABOUT, FREQUENCY, COUNT)

MOST_OUTSIDE = 0.5
"""With a larger share of a subject's lesion volume outside the template's grid, the transform leads elsewhere."""


def forget_frequency(results_dir: Path) -> None:
    """Remove the files of the whole cohort in ``template/``, which are outdated until subjects are carried again.
    Without ``template.json`` beside them, they are not from this package, and stay."""
    if (results_dir / FOLDER / ABOUT).is_file():
        for name in TABLES:
            (results_dir / FOLDER / name).unlink(missing_ok=True)


def find_template(given: str) -> Path:
    """Path of the template: the given one, else the labels of the fetched atlas."""
    if given:
        return Path(given)
    from yucca_wm.atlas.fetch import cached_atlas

    return cached_atlas("name a template after --to-template")[1]


@dataclass(frozen=True)
class Localized:
    """A localized subject and its maps."""

    subject: str
    lesions: Path
    regions: Path


def localized_in(results_dir: Path) -> tuple[list[Localized], Settings]:
    """All subjects in the tables of ``results_dir``, and the settings of these tables."""
    summary = Summary.read(results_dir)
    if summary is None:
        raise InputError(results_dir, f"holds no {MANIFEST}", "localize first")
    summary = summary.with_maps_in(results_dir)
    everybody = [
        Localized(name, Path(about["lesions"]), Path(about["regions"])) for name, about in summary.subjects.items()
    ]
    try:
        return everybody, summary.settings
    except (KeyError, TypeError) as error:
        raise InputError(results_dir / MANIFEST, f"states no settings ({error})", "localize again") from error


def carry_cohort(
    results_dir: str | os.PathLike[str],
    template: str | os.PathLike[str],
    transforms: Transforms,
    options: RunOptions | None = None,
    participants: tuple[list[Localized], Settings] | None = None,
) -> tuple[int, dict[str, str]]:
    """Carry the lesions of every subject localized in ``results_dir`` to the template's space, in ``template/`` there.

    Writes ``lesions/<subject>.nii.gz``, and unless this is the participant level (or no subject can be carried)
    ``lesion_count.nii.gz`` (number of subjects with a lesion), ``lesion_frequency.nii.gz`` (their share, 0 to 1, of all
    subjects carried, one session of each person), ``template.tsv`` (volumes before and after) and ``template.json``.

    template : image in the atlas's world, for its grid (its label map or T1).
    transforms : from `find_transforms`.
    participants : subjects, and the settings of their tables (default: `localized_in`, which reads the results of the
        group level).

    Returns the number of subjects in the frequency map, and subject -> reason for those missing from it.
    """
    options = replace(options or RunOptions(), participants=())
    with only_run_in(Path(results_dir) / FOLDER, options) as folder:
        everybody, settings = participants or localized_in(folder.parent)
        return _carry_into(folder, template, transforms, options, everybody, settings)


def _carry_into(
    folder: Path,
    template: str | os.PathLike[str],
    transforms: Transforms,
    options: RunOptions,
    everybody: list[Localized],
    settings: Settings,
) -> tuple[int, dict[str, str]]:
    grid = images.load(template)
    maps = make_folder(folder / "lesions")
    works = {}
    for one in everybody:
        inputs = {"lesions": one.lesions, **transforms.inputs(one.subject, one.regions)}
        works[one.subject] = Work(one, inputs, [maps / f"{one.subject}.nii.gz"])
    work = partial(_carry, grid=grid, transforms=transforms, settings=settings, folder=maps)
    step = Step(STEP, folder, {**asdict(settings), "template": sha256(template), "columns": identity([TEMPLATE])})
    outcome = run_step(step, work, works, options, threads=True)  # the grid is shared
    if not options.is_whole:
        return len(outcome.results), outcome.failures
    forget_frequency(folder.parent)
    if not outcome.results:
        return 0, outcome.failures
    write_tsv(folder / TEMPLATE.name, TEMPLATE.header, ([name, *row] for name, row in outcome.results.items()))
    summary = Summary.read(folder.parent)
    further = further_sessions(outcome.results, found_on_t1(summary.flags) if summary else ())
    counted = [name for name in outcome.results if name not in further]
    if further:
        print(f"note: not in the frequency map, {ANOTHER_SESSION}: {some_of(further)}", file=sys.stderr)
    counts = np.zeros(grid.shape, dtype=np.uint32)
    for name in counted:  # one map in memory, however many subjects
        counts += images.load_labels(maps / f"{name}.nii.gz", {0, 1}).data
    images.save(grid.with_data(counts.astype(np.min_scalar_type(len(works)))), folder / COUNT)
    images.save(grid.with_data((counts / len(counted)).astype(np.float32)), folder / FREQUENCY)
    about = {
        "program": "yucca_wm.localize",
        "version": __version__,
        "template": str(template),
        "template_sha256": sha256(template),
        "transforms": transforms.where,
        "interpolation": "nearest neighbour, at the centre of each template voxel",
        "n_subjects": len(counted),
        "left_out": further,
        "units": {"volume": "ml", "lesion_frequency": "share of subjects (0 to 1)", "lesion_count": "subjects"},
        "columns": TEMPLATE.sidecar(),
        "failures": outcome.failures,
    }
    write_json(folder / ABOUT, about)
    return len(counted), outcome.failures


def _carry(case: Localized, grid: Image, transforms: Transforms, settings: Settings, folder: Path) -> list[str]:
    lesions = settings.labels.load(case.lesions)
    carried = carry_lesions(lesions, grid, transforms.warp(case.subject, case.regions), settings)
    if carried.outside_ml > MOST_OUTSIDE * carried.transformed_ml:
        share = 100 * carried.outside_ml / carried.transformed_ml
        problem = f"{share:.0f} % of the lesion volume lands outside {grid.name}"
        raise InputError(case.subject, problem, "give the template that the transforms lead to")
    images.save(carried.lesions, folder / f"{case.subject}.nii.gz")
    return volumes(carried)


def volumes(carried: Carried) -> list[str]:
    """Fields of ``template.tsv`` after the subject."""
    return [column.text(carried) for column in TEMPLATE.columns]
