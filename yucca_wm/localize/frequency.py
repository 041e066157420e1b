"""A cohort in atlas space: every subject's lesion map there, and the lesion frequency over all subjects."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from yucca_wm import __version__
from yucca_wm.core import images
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import make_folder, sha256, write_json
from yucca_wm.core.images import Image
from yucca_wm.core.tsv import write_tsv
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import Step, Work, only_run_in, run_step
from yucca_wm.localize.atlas_space import Carried, Transforms, carry_lesions
from yucca_wm.localize.columns import TEMPLATE
from yucca_wm.localize.lesions import Settings

FOLDER, FREQUENCY, COUNT = "template", "lesion_frequency.nii.gz", "lesion_count.nii.gz"
COLUMNS = TEMPLATE.header
TABLES = ("template.tsv", "template.json", FREQUENCY, COUNT)

MOST_OUTSIDE = 0.5
"""More of a subject's lesion volume than this outside the template's grid: the transform leads to another space."""


def find_template(given: str) -> Path:
    """The template's path: the labels of the fetched atlas unless one is given."""
    if given:
        return Path(given)
    from yucca_wm.atlas.fetch import cached_atlas

    return cached_atlas()[1]


def forget_frequency(results_dir: Path) -> None:
    """Remove what is of a whole cohort in ``template/``: it is of an earlier run until people are carried again."""
    for name in TABLES:
        (results_dir / FOLDER / name).unlink(missing_ok=True)


@dataclass(frozen=True)
class Localized:
    """A subject that is localized, and the maps that it was localized by."""

    subject: str
    lesions: Path
    regions: Path


def localized_in(results_dir: Path) -> tuple[list[Localized], Settings]:
    """Everybody in the tables of ``results_dir``, and how they were made."""
    summary = json.loads((results_dir / "localize.json").read_text(encoding="utf-8"))
    everybody = [
        Localized(name, Path(about["lesions"]), Path(about["regions"])) for name, about in summary["subjects"].items()
    ]
    return everybody, Settings.stated(summary["settings"])


def carry_cohort(
    results_dir: str | os.PathLike[str],
    template: str | os.PathLike[str],
    transforms: Transforms,
    options: RunOptions | None = None,
    participants: tuple[list[Localized], Settings] | None = None,
) -> tuple[int, dict[str, str]]:
    """Carry the lesions of every subject localized in ``results_dir`` to the template's space, in ``template/`` there.

    Writes ``lesions/<subject>.nii.gz``, and unless this is the participant level ``lesion_count.nii.gz`` (subjects with
    a lesion), ``lesion_frequency.nii.gz`` (their share of all subjects carried), ``template.tsv`` (volumes before and
    after) and ``template.json``.

    template : image in the atlas's world, for its grid (its label map or T1).
    transforms : of `find_transforms`.
    participants : whom, and how their tables were made (default: `localized_in`, which the group level writes).

    Returns how many subjects the frequency is over, and who is not in it (subject -> reason).
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
    step = Step("to template", folder, {**asdict(settings), "template": sha256(template)})
    outcome = run_step(step, work, works, options, threads=True)  # the grid is shared
    if not options.is_whole:
        return len(outcome.results), outcome.failures
    forget_frequency(folder.parent)
    write_tsv(folder / "template.tsv", COLUMNS, ([name, *row] for name, row in outcome.results.items()))
    if outcome.results:
        counts = np.zeros(grid.shape, dtype=np.uint32)
        for name in outcome.results:  # one map in memory, however many subjects
            counts += images.load_labels(maps / f"{name}.nii.gz", {0, 1}).data
        images.save(grid.with_data(counts.astype(np.min_scalar_type(len(works)))), folder / COUNT)
        images.save(grid.with_data((counts / len(outcome.results)).astype(np.float32)), folder / FREQUENCY)
    about = {
        "program": "yucca_wm.localize",
        "version": __version__,
        "template": str(template),
        "template_sha256": sha256(template),
        "transforms": transforms.where,
        "interpolation": "nearest neighbour, at the centre of each template voxel",
        "n_subjects": len(outcome.results),
        "units": {"volume": "ml", "lesion_frequency": "share of subjects (0 to 1)", "lesion_count": "subjects"},
        "columns": TEMPLATE.sidecar(),
        "failures": outcome.failures,
    }
    write_json(folder / "template.json", about)
    return len(outcome.results), outcome.failures


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
    """The fields of ``template.tsv`` after the subject."""
    return [column.text(carried) for column in TEMPLATE.columns]
