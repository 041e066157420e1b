"""A synthetic cohort on disk, in the WMH challenge's layout, with the truth stored separately.

::

    cohort/training/SiteA/<subject>/pre/T1.nii.gz, pre/FLAIR.nii.gz, pre/T1_seg.nii.gz, wmh.nii.gz
    cohort/test/...
    truth/<subject>/regions.nii.gz         region labels by the true warp
                    template_mm.nii.gz     position of every voxel in the template's world, in mm [i, j, k, 1, 3]
                    truth.json             anatomy, affine, lesion load of every region in ml
    atlas/T1.nii.gz, wm.nii.gz, regions.nii.gz, regions.tsv
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np

from yucca_wm.core.files import atomic_path, make_folder, write_json
from yucca_wm.core.regions import FORM, RegionTable
from yucca_wm.core.tsv import write_tsv
from yucca_wm.demo.anatomy import Anatomy
from yucca_wm.demo.phantom import SITES, Phantom, Site, simulate
from yucca_wm.imaging.images import save
from yucca_wm.jobs.cases import Outcome, run_cases

INFARCT_EVERY = 4
"""One subject in this many has an old infarct (label 2, other pathology)."""


@dataclass(frozen=True)
class Plan:
    """One subject to make. split: ``training`` or ``test``, the challenge's folder names."""

    name: str
    number: int
    split: str
    site: Site
    anatomy: int


def plans(train: int, test: int, anatomies: int = 1, sites: Sequence[Site] = SITES) -> list[Plan]:
    """Subjects ``demo_01``, ``demo_02``, ...: the first ``train`` for training; sites and anatomies in turn."""
    return [
        Plan(
            name=f"demo_{number + 1:02d}",
            number=number,
            split="training" if number < train else "test",
            site=sites[number % len(sites)],
            anatomy=number // len(sites) % anatomies,
        )
        for number in range(train + test)
    ]


def write_cohort(
    subjects: Sequence[Plan],
    anatomies: Sequence[Anatomy],
    cohort: Path,
    truth: Path,
    *,
    seed: int = 0,
    jobs: int | None = 1,
) -> Outcome[Path]:
    """Simulate and write every subject; returns the folder of each (and the reason of any failure)."""
    work = partial(_write_subject, anatomies=tuple(anatomies), cohort=cohort, truth=truth, seed=seed)
    return run_cases(work, {plan.name: plan for plan in subjects}, jobs=jobs, label="subjects")


def write_atlas(anatomy: Anatomy, table: RegionTable, folder: Path) -> None:
    """Write the brain that serves as atlas: T1, cerebral white matter (mask), region labels, their table."""
    make_folder(folder)
    save(anatomy.image(anatomy.t1), folder / "T1.nii.gz")
    save(anatomy.image((anatomy.cerebral_wm > 0.5).astype(np.uint8)), folder / "wm.nii.gz")
    save(anatomy.image(anatomy.regions), folder / "regions.nii.gz")
    write_tsv(folder / FORM.name, FORM.header, map(FORM.fields, table))


def _write_subject(plan: Plan, anatomies: tuple[Anatomy, ...], cohort: Path, truth: Path, seed: int) -> Path:
    infarct = plan.number % INFARCT_EVERY == 1
    phantom = simulate(anatomies[plan.anatomy], plan.site, (seed, plan.number), infarct=infarct)
    folder = make_folder(cohort / plan.split / plan.site.name / plan.name)
    make_folder(folder / "pre")
    save(phantom.t1, folder / "pre" / "T1.nii.gz")
    save(phantom.flair, folder / "pre" / "FLAIR.nii.gz")
    save(phantom.wm, folder / "pre" / "T1_seg.nii.gz")
    save(phantom.lesions, folder / "wmh.nii.gz")
    _write_truth(phantom, plan, make_folder(truth / plan.name))
    return folder


def _write_truth(phantom: Phantom, plan: Plan, folder: Path) -> None:
    save(phantom.regions, folder / "regions.nii.gz")
    vectors = nib.Nifti1Image(phantom.template_mm[:, :, :, None, :], phantom.t1.affine)
    vectors.header.set_intent("vector")
    with atomic_path(folder / "template_mm.nii.gz") as temporary:
        nib.save(vectors, temporary)
    write_json(
        folder / "truth.json",
        {
            "subject": plan.name,
            "split": plan.split,
            "site": plan.site.name,
            "anatomy": phantom.anatomy,
            "affine_subject_to_template_mm": phantom.warp.affine.tolist(),
            "lesion_ml_by_region": {str(label): float(ml) for label, ml in enumerate(phantom.region_load_ml())},
        },
    )
