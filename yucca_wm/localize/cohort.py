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
from yucca_wm.files import make_folder, write_json
from yucca_wm.localize.bids import write_derivative
from yucca_wm.localize.case import CaseResult, localize_files
from yucca_wm.localize.heatmap import draw_heat_map, load_matrix, save_figure
from yucca_wm.localize.maps import write_map
from yucca_wm.localize.pairs import Pair, pair_cases
from yucca_wm.localize.settings import Settings
from yucca_wm.localize.tables import number, write_lesions, write_load, write_wide
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
) -> tuple[list[CaseResult], dict[str, str]]:
    """Localize every subject and write ``lesion_load.tsv``, ``lesion_load_wide.tsv``, ``lesions.tsv``,
    ``localize.json`` and ``heat_map.png``/``.svg`` to ``out_dir``.

    maps : also write ``maps/<subject>.nii.gz``, the lesions labelled by region.
    bids : also write the same maps as a BIDS derivative, in ``bids/``.

    Returns the results in order of subject, and what failed (case -> reason). Everything is computed anew on every
    call, so that no table can be older than its maps.
    """
    from joblib import parallel_config

    pairs, failures = pair_cases(lesions, regions, ventricles)
    folder = make_folder(out_dir)
    maps_dir = make_folder(folder / "maps") if maps else None
    work = partial(_localize_pair, table=table, settings=settings, maps_dir=maps_dir)
    with parallel_config(backend="threading"):  # inflating and counting leave the interpreter free
        outcome = run_cases(work, pairs, jobs=jobs, label="localize")
    if maps_dir is not None:
        for subject in outcome.failures:  # of an earlier run
            (maps_dir / f"{subject}.nii.gz").unlink(missing_ok=True)
    failures = failures | outcome.failures
    results = list(outcome.results.values())
    write_load(results, folder / "lesion_load.tsv", assigned=settings.assign_outside_mm > 0)
    write_wide(results, table, folder / "lesion_load_wide.tsv")
    write_lesions(results, folder / "lesions.tsv", ventricles=ventricles is not None)
    inputs = {"lesions": str(lesions), "regions": str(regions)}
    if ventricles is not None:
        inputs["ventricles"] = str(ventricles)
    write_json(folder / "localize.json", summary(results, pairs, failures, settings, inputs))
    if bids:
        write_derivative([pairs[result.subject] for result in results], table, settings, folder / "bids")
    for suffix in (".png", ".svg"):  # of an earlier run
        (folder / f"heat_map{suffix}").unlink(missing_ok=True)
    if results:
        shown = table.white_matter if len(table.white_matter) else table
        names = [region.name for region in shown]
        figure = draw_heat_map([result.subject for result in results], names, load_matrix(results, shown))
        save_figure(figure, Path(folder) / "heat_map")
    return results, failures


def _localize_pair(pair: Pair, table: RegionTable, settings: Settings, maps_dir: Path | None) -> CaseResult:
    result = localize_files(pair, table, settings)
    if maps_dir is not None:
        write_map(pair, table, settings, maps_dir / f"{pair.subject}.nii.gz")
    return result


def summary(
    results: Sequence[CaseResult],
    pairs: dict[str, Pair],
    failures: dict[str, str],
    settings: Settings,
    inputs: dict[str, str],
) -> dict[str, Any]:
    """Content of ``localize.json``: what was run, on what, and each subject's totals and flags."""
    return {
        "program": "yucca_wm.localize",
        "version": __version__,
        "inputs": inputs,
        "settings": asdict(settings),
        "units": {"volume": "ml", "length": "mm", "coordinates": "world, RAS+ (x grows to the subject's right)"},
        "subjects": {result.subject: _subject_summary(result, pairs[result.subject]) for result in results},
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
