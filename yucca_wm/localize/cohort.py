"""All subjects of a folder: localized in parallel, written as tables, a summary and a heat map."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.cohort.run import run_cases
from yucca_wm.files import make_folder
from yucca_wm.localize.bids import write_derivative
from yucca_wm.localize.case import CaseResult, localize_files
from yucca_wm.localize.heatmap import draw_heat_map, save_figure
from yucca_wm.localize.maps import write_map
from yucca_wm.localize.pairs import Pair, pair_cases
from yucca_wm.localize.parts import Part, Parts, parts_within, write_outputs
from yucca_wm.localize.settings import Settings
from yucca_wm.localize.tables import Table, number, tables_of, tsv_lines
from yucca_wm.regions import RegionTable


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
    jobs: int = 1,
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Localize every subject and write ``lesion_load.tsv``, ``lesion_load_wide.tsv``, ``lesions.tsv``,
    ``localize.json`` and ``heat_map.png``/``.svg`` to ``out_dir``.

    maps : also write ``maps/<subject>.nii.gz``, the lesions labelled by region.
    bids : also write the same maps as a BIDS derivative, in ``bids/``.

    Returns the flags of every subject that is done (subject -> flag -> sentence), and what failed (case -> reason).
    Everything is computed anew on every call, so that no table can be older than its maps.
    """
    from joblib import parallel_config

    pairs, failures = pair_cases(lesions, regions, ventricles)
    folder = make_folder(out_dir)
    maps_dir = make_folder(folder / "maps") if maps else None
    tables = tables_of(table, settings, ventricles=ventricles is not None)
    shown = table.white_matter if len(table.white_matter) else table
    with parts_within(folder) as parts:
        work = partial(_localize_pair, table=table, settings=settings, maps_dir=maps_dir, tables=tables, parts=parts)
        with parallel_config(backend="threading"):  # inflating and counting leave the interpreter free
            outcome = run_cases(work, pairs, jobs=jobs, label="localize")
        if maps_dir is not None:
            for subject in outcome.failures:  # of an earlier run
                (maps_dir / f"{subject}.nii.gz").unlink(missing_ok=True)
        failures = failures | outcome.failures
        inputs = {"lesions": str(lesions), "regions": str(regions)}
        if ventricles is not None:
            inputs["ventricles"] = str(ventricles)
        columns = {entry.name: entry.columns for entry in tables}
        about = summary(failures, settings, inputs)
        loads = write_outputs(parts, list(outcome.results), columns, about, folder)
    if bids:
        write_derivative([pairs[subject] for subject in outcome.results], table, settings, folder / "bids")
    for suffix in (".png", ".svg"):  # of an earlier run
        (folder / f"heat_map{suffix}").unlink(missing_ok=True)
    if len(loads):
        figure = draw_heat_map(list(outcome.results), [region.name for region in shown], loads)
        save_figure(figure, Path(folder) / "heat_map")
    return outcome.results, failures


def _localize_pair(
    pair: Pair,
    table: RegionTable,
    settings: Settings,
    maps_dir: Path | None,
    tables: Sequence[Table],
    parts: Parts,
) -> dict[str, str]:
    """Localize one subject and keep its part of the outputs; returns its flags."""
    result = localize_files(pair, table, settings)
    if maps_dir is not None:
        write_map(pair, table, settings, maps_dir / f"{pair.subject}.nii.gz")
    shown = set((table.white_matter if len(table.white_matter) else table).indices)
    part = Part(
        {entry.name: tsv_lines(entry.rows(result)) for entry in tables},
        _subject_summary(result, pair),
        [row.load_percent for row in result.load if row.region_id in shown],
    )
    parts.write(pair.subject, part)
    return result.flags


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


def _subject_summary(result: CaseResult, pair: Pair) -> dict[str, Any]:
    total, outside = result.total, result.outside
    return {
        "lesions": str(pair.lesions),
        "regions": str(pair.regions),
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
        "flags": result.flags,
    }
