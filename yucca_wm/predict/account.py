"""Records that a run writes beside the maps: ``predict.json`` and ``predictions.tsv``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.cohort.ids import sharers
from yucca_wm.core.columns import Column, TableForm
from yucca_wm.core.errors import some_of
from yucca_wm.core.files import natural_key, write_json
from yucca_wm.core.notes import read_back, recorded
from yucca_wm.core.predictions import SHOWN, STEP, By, names_record
from yucca_wm.core.regions import RegionTable
from yucca_wm.core.tsv import write_tsv
from yucca_wm.jobs.cases import Outcome
from yucca_wm.jobs.not_replaced import Written
from yucca_wm.jobs.run_record import Record
from yucca_wm.jobs.step import Step
from yucca_wm.predict.choice import LESIONS, REGIONS
from yucca_wm.predict.folder import MANIFEST
from yucca_wm.scan.notes import EDITED

TABLE = "predictions.tsv"
BY = {
    str(By.NETWORK): "the network that comes with the package",
    str(By.ATLAS): "the fetched atlas, registered to the white matter found",
    str(By.OWN): "a model that was given",
    str(By.EDITED): "the map was edited after it had been made",
}


@dataclass(frozen=True)
class PredictionRow:
    """A subject's row: its record (empty if it failed), its flags, and why it failed, if it did."""

    made: Mapping[str, Any] = field(default_factory=dict)
    flags: Collection[str] = ()
    failed: str = ""


def _used(row: PredictionRow) -> str:
    """The scans that lesions or regions were found on, joined by +."""
    scans, shown = row.made.get("scans", {}), row.made.get(SHOWN, {})
    kinds = [what for what in (LESIONS, REGIONS) if row.made.get(f"{what}_by")]
    return "+".join(name for name in scans if any(name in shown.get(what, scans) for what in kinds))


USED = TableForm[PredictionRow](
    TABLE,
    (
        Column("used", _used, "scans that the maps are of, joined by +"),
        Column("lesions_by", lambda row: row.made.get("lesions_by") or "", "what found the lesions", levels=BY),
        Column("regions_by", lambda row: row.made.get("regions_by") or "", "what found the regions", levels=BY),
        Column("flags", lambda row: ", ".join(row.flags), "what to check first, joined by commas"),
        Column("failed", lambda row: " ".join(row.failed.split()), "why it failed; n/a if it did not"),
    ),
)


def edited(out: Path, results: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Records of the subjects whose lesions or regions are no longer as they were written: each says so."""
    written, found = Written(Step(STEP, out), Record(out, STEP)), {}
    for name, made in results.items():
        for what in (LESIONS, REGIONS):
            if written.is_edited(name, out / what / f"{name}.nii.gz"):
                made = {**made, f"{what}_by": str(By.EDITED)}
                made |= recorded([*read_back(made), EDITED.note(what=what.removesuffix("s"))])
                found[name] = made
    return found


def write_account(out: Path, outcome: Outcome[dict[str, Any]], table: RegionTable) -> None:
    """Write ``predict.json``: scans and models used, notes, and names of regions that are not the built-in ones;
    `yucca_wm.localize` reads it."""
    cases = {"cases": outcome.results, "failed": outcome.failures}
    write_json(out / MANIFEST, {"tool": f"yucca-wm {__version__}", **own_names(table), **cases})


def own_names(table: RegionTable) -> dict[str, dict[str, str]]:
    """Names of the regions as recorded; empty for the built-in ones."""
    return {} if table.is_built_in else names_record(table.names)


def write_predictions(out: Path, outcome: Outcome[dict[str, Any]], flags: Mapping[str, Collection[str]]) -> None:
    """Write ``predictions.tsv``: a row for every subject, failed ones too. flags : of those whose lesions were
    localized."""
    made, failed = outcome.results, outcome.failures
    names = sorted({*made, *failed}, key=natural_key)
    rows = [PredictionRow(made.get(name, {}), flags.get(name, ()), failed.get(name, "")) for name in names]
    fields = (USED.fields(row, name) for name, row in zip(names, rows, strict=True))
    write_tsv(out / TABLE, USED.header, fields)
    write_json((out / TABLE).with_suffix(".json"), USED.sidecar())


def same_scans(results: Mapping[str, dict[str, Any]]) -> list[str]:
    """A line for each scan that was given for several subjects, found by the checksums in the records."""
    given = (
        ((modality, scan["voxels_sha256"]), name)
        for name, made in results.items()
        for modality, scan in made["scans"].items()
        if "voxels_sha256" in scan
    )
    return [f"{some_of(names)} have the same {what}, voxel for voxel" for (what, _), names in sharers(given).items()]
