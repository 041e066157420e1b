"""Records that a run writes beside the maps: ``predict.json`` and ``predictions.tsv``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.cohort.ids import sharers
from yucca_wm.core.columns import Column, TableForm
from yucca_wm.core.errors import some_of
from yucca_wm.core.files import write_json
from yucca_wm.core.notes import read_back, recorded
from yucca_wm.core.predictions import By
from yucca_wm.core.tsv import write_tsv
from yucca_wm.jobs.cases import Outcome
from yucca_wm.jobs.not_replaced import Written
from yucca_wm.jobs.run_record import Record
from yucca_wm.jobs.step import Step
from yucca_wm.predict.choice import LESIONS, REGIONS
from yucca_wm.predict.folder import MANIFEST, STEP
from yucca_wm.scan.notes import EDITED

TABLE = "predictions.tsv"
BY = {
    str(By.NETWORK): "the network that comes with the package",
    str(By.ATLAS): "the fetched atlas, registered to the white matter found",
    str(By.OWN): "a model that was given",
    str(By.EDITED): "the map was edited after it had been made",
}
USED = TableForm[tuple[dict[str, Any], Collection[str]]](
    TABLE,
    (
        Column("used", lambda row: "+".join(row[0]["scans"]), "scans that the maps were made from, joined by +"),
        Column("lesions_by", lambda row: row[0].get("lesions_by") or "", "what found the lesions", levels=BY),
        Column("regions_by", lambda row: row[0].get("regions_by") or "", "what found the regions", levels=BY),
        Column("flags", lambda row: ", ".join(row[1]), "what to check first, as in `localize.json`, joined by commas"),
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


def write_account(out: Path, outcome: Outcome[dict[str, Any]]) -> None:
    """Write ``predict.json``: scans and models used, and notes; `yucca_wm.localize` reads it."""
    cases = {"cases": outcome.results, "failed": outcome.failures}
    write_json(out / MANIFEST, {"tool": f"yucca-wm {__version__}", **cases})


def write_predictions(out: Path, results: Mapping[str, dict[str, Any]], flags: Mapping[str, Collection[str]]) -> None:
    """Write ``predictions.tsv``. flags : of the subjects whose lesions were localized."""
    rows = [USED.fields((made, flags.get(name, ())), name) for name, made in results.items()]
    write_tsv(out / TABLE, USED.header, rows)
    write_json((out / TABLE).with_suffix(".json"), USED.sidecar())


def same_scans(results: Mapping[str, dict[str, Any]]) -> list[str]:
    """A line for each scan that was given for several subjects, found by the checksums in the records."""
    given = (
        ((modality, scan["sha256"]), name)
        for name, made in results.items()
        for modality, scan in made["scans"].items()
        if scan["sha256"]
    )
    return [f"{some_of(names)} have the same {what}, byte for byte" for (what, _), names in sharers(given).items()]
