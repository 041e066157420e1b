"""Region labels for every subject of a cohort, with one table and one page of pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from yucca_wm.atlas.maps import Atlas, load_atlas
from yucca_wm.cli import report_failures
from yucca_wm.cohort.layouts import check_exists, find_subjects
from yucca_wm.cohort.subject import Subject, derivatives_folder
from yucca_wm.core.columns import Column, Kind, TableForm
from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import sha256, write_json
from yucca_wm.core.regions import Region, RegionTable
from yucca_wm.core.tsv import write_tsv
from yucca_wm.imaging.grids import reordered
from yucca_wm.imaging.images import count_labels, load, load_labels, same_grid
from yucca_wm.jobs.cases import Outcome
from yucca_wm.jobs.not_replaced import Written
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import only_run_in, run_step
from yucca_wm.jobs.run_record import Record
from yucca_wm.jobs.step import Step, Work
from yucca_wm.models.shipped import identities
from yucca_wm.parcellate.case import parcellate
from yucca_wm.parcellate.outputs import in_cohort
from yucca_wm.parcellate.quality import warn_of_doubts
from yucca_wm.parcellate.settings import Settings, Transform

STEP = "parcellate"
SUMMARY = "parcellation.tsv"
PAGE = "parcellation.html"


@dataclass(frozen=True)
class AtlasFiles:
    """Arguments of `yucca_wm.atlas.maps.load_atlas`, in a form that can be sent to every process."""

    wm: Path
    labels: Path
    names: Path | None = None
    wm_labels: tuple[int, ...] | None = None


@cache
def _atlas(files: AtlasFiles) -> Atlas:
    """The atlas, read once per process."""
    return load_atlas(files.wm, files.labels, files.names, files.wm_labels)


def parcellate_cohort(
    root: Path,
    out_dir: Path | None,
    files: AtlasFiles,
    settings: Settings,
    *,
    layout: str = "auto",
    auto_wm: bool = False,
    fill_lesions: bool = True,
    picture: bool = True,
    options: RunOptions | None = None,
) -> int:
    """Parcellate every subject under ``root``; returns the exit code (1 if any subject failed).

    fill_lesions : count a subject's lesions as white matter, if they lie on its grid.

    Subjects already done with the same inputs and settings are kept as they are.
    """
    options = options or RunOptions()
    check_exists(root)
    target = out_dir if out_dir is not None else derivatives_folder(root, "")
    with only_run_in(target, options) as out:
        atlas = _atlas(files)  # a broken atlas is one error, not one for every subject
        subjects = find_subjects(root, layout)
        if not fill_lesions:
            subjects = [replace(subject, lesions=None) for subject in subjects]
        work = partial(_one, files=files, settings=settings, out_dir=out, auto_wm=auto_wm, picture=picture)
        works = {subject.name: _work(subject, out, settings, auto_wm, picture) for subject in subjects}
        digests = {what: sha256(path) for what, path in vars(files).items() if isinstance(path, Path)}
        parameters = {**settings.as_dict(), "atlas": {**digests, "wm_labels": files.wm_labels}, "auto_wm": auto_wm}
        parameters["fill_lesions"] = fill_lesions
        if auto_wm:
            parameters["models"] = identities()
        step = Step(STEP, out, parameters)
        outcome = run_step(step, work, works, options)
        done, concerned = len(outcome.results), len(outcome.results) + len(outcome.failures)
        records = {name: _read(in_cohort(out, name).record) for name in outcome.results}
        edited = _with_edited_maps(records, Written(step, Record(out, STEP)), out, atlas.table)
        if options.is_whole:
            whole = Outcome(records | edited, outcome.failures)
            write_summary(whole, atlas.table, out / SUMMARY)
            if picture:
                from yucca_wm.parcellate.pictures import write_page

                write_page(whole, out / PAGE)
    if edited:
        shown = some_of(edited)
        print(f"note: region maps edited since, whose volumes are those of the map now: {shown}", file=sys.stderr)
    _say_unused({name for name in records if works[name].case.lesions is not None}, records)
    doubtful = warn_of_doubts(records)
    print(f"{done} of {concerned} subjects: {out / SUMMARY if options.is_whole else out}")
    if doubtful:
        shown = some_of(doubtful)
        print(f"registration in doubt in {len(doubtful)} of {done}, look at their pictures: {shown}")
    return report_failures(outcome.failures, concerned)


def _with_edited_maps(
    records: Mapping[str, dict[str, Any]], written: Written, out: Path, table: RegionTable
) -> dict[str, dict[str, Any]]:
    """Records of the subjects whose region map is no longer as it was written, with the volumes of the map as it is."""
    found = {}
    for name, record in records.items():
        path = in_cohort(out, name).regions
        if not written.is_edited(name, path):
            continue
        regions = load_labels(path, {0, *table.indices})
        counts = count_labels(regions.data, max(table.indices))
        volume_ml = {r.name: round(float(counts[r.index]) * regions.voxel_volume_ml, 4) for r in table}
        found[name] = {**record, "volume_ml": volume_ml, "edited": True}
    return found


def _work(subject: Subject, out: Path, settings: Settings, auto_wm: bool, picture: bool) -> Work[Subject]:
    inputs = subject.files("t1", "lesions") if auto_wm else subject.files("wm", "t1", "lesions")
    field = settings.transform is Transform.DEFORMABLE
    return Work(subject, inputs, in_cohort(out, subject.name).expected(field=field, picture=picture))


def _read(record: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(record, f"is damaged ({error})", "remove it, and run again") from error


def _one(
    subject: Subject, *, files: AtlasFiles, settings: Settings, out_dir: Path, auto_wm: bool, picture: bool
) -> None:
    if auto_wm and subject.t1 is None:
        raise InputError(subject.name, "has no T1 to take white matter from")
    if subject.wm is None and not auto_wm:
        remedy = "put a segmentation beside its T1 (pre/wm.nii.gz), or add --wm auto to have it found on the T1"
        raise InputError(subject.name, "has no white-matter segmentation", remedy)
    wm, grid = (None, subject.t1) if auto_wm else (subject.wm, subject.wm)
    lesions = subject.lesions
    if lesions is not None and grid is not None:
        like = load(grid)
        if not same_grid(reordered(load(lesions), like), like):
            lesions = None  # reported at the end
    out = in_cohort(out_dir, subject.name)
    parcellate(_atlas(files), wm, out, settings, subject.t1, lesions=lesions, picture=picture)


def _say_unused(with_lesions: set[str], records: Mapping[str, dict[str, Any]]) -> None:
    names = [name for name, record in records.items() if name in with_lesions and record["inputs"]["lesions"] is None]
    if names:
        shown = some_of(names)
        print(
            f"note: lesions on another grid than the white matter, not counted as part of it, in {len(names)} "
            f"subjects: {shown}",
            file=sys.stderr,
        )


def write_summary(outcome: Outcome[dict[str, Any]], table: RegionTable, path: Path) -> Path:
    """Write one row per subject: the record, volume of every region in ml; failed subjects with their reason."""
    form = summary_form(table)
    rows = {subject: Row(_status(record), record) for subject, record in outcome.results.items()}
    rows |= {subject: Row("failed: " + " ".join(why.split()), None) for subject, why in outcome.failures.items()}
    write_json(path.with_suffix(".json"), form.sidecar())
    return write_tsv(path, form.header, (form.fields(row, subject) for subject, row in rows.items()))


def _status(record: Mapping[str, Any]) -> str:
    edited = ["region map edited: volumes are of the map as it is"] * record.get("edited", False)
    return "; ".join([*record["doubts"], *edited]) or "ok"


@dataclass(frozen=True)
class Row:
    """One subject in ``parcellation.tsv``; record : None if it failed."""

    status: str
    record: dict[str, Any] | None


def _recorded(name: str, description: str, unit: str = "", *, count: bool = False) -> Column[Row]:
    kind = Kind.COUNT if count else Kind.NUMBER
    return Column(name, lambda row: row.record and row.record[name], description, unit, decimals=4, kind=kind)


def _volume_of(region: Region) -> Column[Row]:
    return Column(
        f"{region.name}_ml", lambda row: row.record and row.record["volume_ml"][region.name],
        f"volume of {region.full_name}", "mL", decimals=4, kind=Kind.NUMBER,
    )  # fmt: skip


STATUS: tuple[Column[Row], ...] = (
    Column("status", lambda row: row.status, "`ok`, what is in doubt, or why it failed"),
    _recorded("wm_dice", "Dice overlap of the atlas's white matter, registered, with the subject's"),
    _recorded("wm_volume_ml", "volume of the subject's white matter", "mL"),
    _recorded("lesions_added_ml", "lesion volume counted as white matter that its segmentation lacks", "mL"),
    _recorded("filled_voxels", "voxels with the label of the nearest labelled one", count=True),
    _recorded("unlabelled_voxels", "white-matter voxels without a label", count=True),
    _recorded("folded_voxels", "voxels where the displacement folds over itself", count=True),
)
"""Columns of ``parcellation.tsv`` before those of the regions."""


def summary_form(table: RegionTable) -> TableForm[Row]:
    """``parcellation.tsv`` with a column for every region of ``table``."""
    return TableForm(SUMMARY, (*STATUS, *(_volume_of(region) for region in table)))
