"""All subjects of a folder: localized in parallel, written as tables, a summary and a heat map."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.core.files import make_folder, natural_key, write_json
from yucca_wm.core.images import name_of
from yucca_wm.core.regions import RegionTable
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import Step, Work, only_run_in, run_step
from yucca_wm.jobs.run_record import Record
from yucca_wm.localize.bids import Derivative, check_names, remove_subjects
from yucca_wm.localize.case import CaseResult, localize_files
from yucca_wm.localize.companions import CompanionPlaces
from yucca_wm.localize.earlier import Earlier
from yucca_wm.localize.heatmap import draw_heat_map, save_figure
from yucca_wm.localize.inputs import Inputs, folder_inputs
from yucca_wm.localize.maps import write_map
from yucca_wm.localize.pairs import Maps, Pair
from yucca_wm.localize.parts import Part, Parts, write_outputs
from yucca_wm.localize.places import PLACES
from yucca_wm.localize.settings import Settings
from yucca_wm.localize.tables import (
    FORM_OF_TABLES,
    OPTIONAL_TABLES,
    REGIONS,
    Table,
    number,
    sidecar_name,
    tables_of,
    tsv_lines,
    write_regions,
)
from yucca_wm.localize.tables import PLACES as PLACES_TABLE


def localize_cohort(
    lesions: str | os.PathLike[str],
    regions: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    table: RegionTable,
    settings: Settings,
    *,
    ventricles: str | os.PathLike[str] | None = None,
    maps: bool = False,
    bids: bool = False,
    companions: CompanionPlaces | None = None,
    options: RunOptions | None = None,
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Localize every subject and write ``lesion_load.tsv``, ``lesion_load_wide.tsv``, ``lesions.tsv``,
    ``regions.tsv`` (the region table), ``localize.json`` and ``heat_map.png``/``.svg`` to ``out_dir``.

    maps : also write ``maps/<subject>.nii.gz``, the lesions labelled by region.
    bids : also write the same maps as a BIDS derivative, in ``bids/``.
    companions : softmaxes, maps made from one modality, and tissue maps; adds ``lesion_load_soft.tsv``,
    ``modalities.tsv`` and ``places.tsv``.

    Returns the flags of every subject that is done (subject -> flag -> sentence), and what failed (case -> reason).
    A subject is done again when its maps or the settings have changed: no table is older than its maps.

    Raises InputError when another run is writing to ``out_dir``.
    """
    options = options or RunOptions()
    inputs = folder_inputs(lesions, regions, ventricles)
    with only_run_in(out_dir, options) as folder:
        return localize_into(
            folder, inputs, table, settings, maps=maps, bids=bids, companions=companions, options=options
        )


def localize_into(
    folder: Path,
    inputs: Inputs,
    table: RegionTable,
    settings: Settings,
    *,
    maps: bool = False,
    bids: bool = False,
    companions: CompanionPlaces | None = None,
    options: RunOptions,
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """`localize_cohort` for a caller who holds ``folder`` already (`yucca_wm.jobs.resumable.only_run_in`).

    One person's files (``inputs.adds``) come to those that are there; otherwise who is not among the inputs is removed,
    and named on stderr.
    """
    companions = companions or CompanionPlaces()
    pairs, without = companions.attach(inputs.pairs, inputs.lesions, inputs.regions)
    failures = {**inputs.failures, **without}
    parts = Parts(make_folder(folder / "parts"))
    maps_dir = make_folder(folder / "maps") if maps else None
    derivative = Derivative(folder / "bids", inputs.lesions, inputs.regions) if bids else None
    if bids:
        check_names(pairs.values())
    work = partial(
        _localize_pair, table=table, settings=settings, parts=parts, maps_dir=maps_dir, derivative=derivative
    )
    works = {}
    for subject, pair in pairs.items():
        outputs = [parts.path(subject)]
        outputs += [maps_dir / f"{subject}.nii.gz"] if maps_dir is not None else []
        outputs += derivative.files(pair) if derivative is not None else []
        works[subject] = Work(pair, pair.files(), outputs)
    parameters = {**asdict(settings), "regions": _digest(table), **companions.parameters, "columns": FORM_OF_TABLES}
    step = Step("localize", folder, parameters)
    there = Earlier(step, parts, Record(folder, step.name)) if inputs.adds else None
    if there is not None:
        there.check_addition(pairs, force=options.force)
    outcome = run_step(step, work, works, options, threads=True)  # inflating and counting leave the interpreter free
    if not options.is_whole:
        return outcome.results, outcome.failures
    failures = failures | outcome.failures
    flags = dict(outcome.results)
    account = failures
    if there is not None:
        flags = there.flags(pairs) | flags
        account = there.failures([*pairs, *failures]) | failures
    else:
        _remove_others(folder, parts, pairs)
    tables = tables_of(
        table, settings,
        ventricles=inputs.has_ventricles, soft=companions.soft, modalities=bool(companions.modality_lesions),
        tissue=companions.tissue is not None,
    )  # fmt: skip
    files = {name: files_of(pairs[name]) if name in pairs else {} for name in sorted(flags, key=natural_key)}
    about = summary(account, settings, {**inputs.stated, **companions.stated})
    write_group(folder, parts, files, tables, about, table)
    if derivative is not None:
        derivative.write_description(table)
    return {name: flags[name] for name in files}, failures


def write_group(
    folder: Path,
    parts: Parts,
    files: Mapping[str, Mapping[str, str]],
    tables: Sequence[Table],
    about: dict[str, Any],
    table: RegionTable,
) -> None:
    """Write everything that is about all subjects, of whom ``parts`` are there, in the order of ``files``.

    files : subject -> its files, for ``localize.json``. about : what else stands there, as `summary` gives it.
    """
    columns = {entry.name: entry.columns for entry in tables}
    for name in OPTIONAL_TABLES - columns.keys():  # of an earlier run
        (folder / name).unlink(missing_ok=True)
        (folder / sidecar_name(name)).unlink(missing_ok=True)
    for entry in tables:
        write_json(folder / sidecar_name(entry.name), entry.form.sidecar())
    if PLACES_TABLE in columns:
        about["places"] = {place.name: place.title for place in PLACES}
    write_regions(folder / REGIONS, table)
    loads = write_outputs(parts, files, columns, about, folder)
    for suffix in (".png", ".svg"):  # of an earlier run
        (folder / f"heat_map{suffix}").unlink(missing_ok=True)
    if len(loads):
        figure = draw_heat_map(list(files), [region.name for region in shown_regions(table)], loads)
        save_figure(figure, folder / "heat_map")


def _remove_others(folder: Path, parts: Parts, pairs: Mapping[str, Pair]) -> None:
    """Remove what is there of those who are not among ``pairs``."""
    gone = parts.of_others(pairs.keys())
    remove_subjects(folder / "bids", gone, pairs)
    for subject, part in gone.items():
        (folder / "maps" / f"{subject}.nii.gz").unlink(missing_ok=True)
        part.unlink()
    if gone:
        named = ", ".join(sorted(gone, key=natural_key))
        print(f"note: removed from {folder}, as not among the subjects any more: {named}", file=sys.stderr)


def shown_regions(table: RegionTable) -> RegionTable:
    """The regions of the heat map."""
    return table.white_matter if len(table.white_matter) else table


def _digest(table: RegionTable) -> str:
    """Of all that a table says: another one gives other results."""
    return hashlib.sha256(repr([asdict(region) for region in table]).encode()).hexdigest()


def _localize_pair(
    pair: Pair,
    table: RegionTable,
    settings: Settings,
    parts: Parts,
    maps_dir: Path | None,
    derivative: Derivative | None,
) -> dict[str, str]:
    """Localize one subject and keep its part of the outputs; returns its flags."""
    result = localize_files(pair, table, settings)
    if maps_dir is not None:
        write_map(pair, table, settings, maps_dir / f"{pair.subject}.nii.gz")
    if derivative is not None:
        derivative.write_subject(pair, table, settings)
    parts.write(pair.subject, part_of(result, pair, table, settings))
    return result.flags


def part_of(result: CaseResult, maps: Maps, table: RegionTable, settings: Settings) -> Part:
    """What one subject adds to the outputs."""
    shown = set(shown_regions(table).indices)
    return Part(
        {entry.name: tsv_lines(entry.rows(result)) for entry in tables_of_subject(maps, table, settings)},
        _subject_summary(result, maps),
        [row.load_percent for row in result.load if row.region_id in shown],
    )


def tables_of_subject(maps: Maps, table: RegionTable, settings: Settings) -> tuple[Table, ...]:
    """The tables that these maps fill."""
    companions = maps.companions
    return tables_of(
        table, settings,
        ventricles=maps.ventricles is not None,
        soft=companions.lesion_softmax is not None, modalities=companions.modalities is not None,
        tissue=companions.tissue is not None,
    )  # fmt: skip


def summary(failures: dict[str, str], settings: Settings, inputs: dict[str, str]) -> dict[str, Any]:
    """Content of ``localize.json`` but for each subject's totals and flags: what was run, on what."""
    return {
        "program": "yucca_wm.localize",
        "version": __version__,
        "inputs": inputs,
        "settings": asdict(settings),
        "units": {"volume": "ml", "length": "mm", "coordinates": "world, RAS+ (x grows to the subject's right)"},
        "subjects": {},
        "failures": failures,
    }


def files_of(maps: Maps) -> dict[str, str]:
    """Where a subject's maps are, or what they are called."""
    tissue = maps.companions.tissue
    files = {"lesions": name_of(maps.lesions), "regions": name_of(maps.regions)}
    return files if tissue is None else {**files, "tissue": name_of(tissue)}


def _subject_summary(result: CaseResult, maps: Maps) -> dict[str, Any]:
    total, outside = result.total, result.outside
    volume_by_place = {row.place: float(number(row.lesion_volume_ml)) for row in result.places[:-1]}
    return {
        **files_of(maps),
        "voxel_volume_mm3": round(result.voxel_volume_mm3, 6),
        "lesion_volume_ml": float(number(total.lesion_volume_ml)),
        "n_lesions": total.n_lesions,
        "voxels": {
            "total": total.lesion_voxels,
            "in_regions": total.lesion_voxels - outside.lesion_voxels,
            "outside": outside.lesion_voxels,
            "removed_below_min_size": result.removed_voxels,
        },
        "n_lesions_removed_below_min_size": result.removed_lesions,
        **({"lesion_volume_ml_by_place": volume_by_place} if volume_by_place else {}),
        "flags": result.flags,
    }
