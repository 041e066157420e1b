"""Plan of a localization: which maps of which subjects, into which files, added to which earlier results."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from yucca_wm.core.regions import RegionTable
from yucca_wm.jobs.earlier import Earlier
from yucca_wm.jobs.run_record import State
from yucca_wm.jobs.step import Step, Work
from yucca_wm.localize.folder import STEP, OutputFiles, check_folder
from yucca_wm.localize.inputs.companions import CompanionPaths
from yucca_wm.localize.inputs.pairs import Inputs, Pair
from yucca_wm.localize.maps import check_names
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.localize.outputs.parts import PART_FORM, Parts
from yucca_wm.localize.summary import Summary
from yucca_wm.localize.tables import Table, columns_identity, tables_of

MAKE_COLUMNS = frozenset({"ventricles", "tissue"})
"""Maps of a `Pair` that add columns to the tables."""


@dataclass(frozen=True)
class Plan:
    """What is localized, and where results go.

    pairs, works, failures : subjects with both maps, their part of the step, and reasons for subjects without.
    there : earlier results that these are added to; None: these replace them.
    stated : what ``localize.json`` says of the inputs.
    """

    pairs: Mapping[str, Pair]
    works: Mapping[str, Work[Pair]]
    failures: Mapping[str, str]
    tables: Sequence[Table]
    to: OutputFiles
    step: Step
    there: Earlier | None
    stated: Mapping[str, Any]


def plan_of(
    folder: Path,
    inputs: Inputs,
    table: RegionTable,
    settings: Settings,
    companions: CompanionPaths,
    *,
    maps: bool,
    bids: bool,
    renew: bool,
) -> Plan:
    """The plan; see `yucca_wm.localize.cohort.localize_into` for the parameters."""
    pairs, failures = dict(inputs.pairs), dict(inputs.failures)
    if companions.asked:
        pairs, without = companions.attach(pairs, inputs.lesions, inputs.regions)
        failures |= without
    tables = tables_of(
        table, settings,
        ventricles=inputs.has_ventricles, soft=companions.soft, modalities=bool(companions.modality_lesions),
        tissue=companions.tissue is not None,
    )  # fmt: skip
    to = OutputFiles.of(folder, inputs, maps=maps, bids=bids)
    form = {"columns": columns_identity(table, settings), "summary": PART_FORM}
    on = {"regions": _digest(table), **companions.parameters, **form}
    step = Step(STEP, folder, {**asdict(settings), **on}, keeps=not renew)
    there = _earlier(step, to.parts, pairs) if inputs.adds else None
    works = {subject: to.work(pair) for subject, pair in pairs.items()}
    return Plan(pairs, works, failures, tables, to, step, there, {**inputs.stated, **companions.stated})


def check_plan(plan: Plan, inputs: Inputs, *, force: bool, bids: bool) -> None:
    """Raise InputError if files of others would be replaced, or subjects mixed up."""
    check_folder(plan.step.folder, plan.to.parts, plan.pairs if inputs.adds else None, force=force)
    if plan.there is not None:
        _check_addition(plan.there, plan.pairs, force=force)
    if bids:
        check_names({**(plan.there.entries if plan.there is not None else {}), **plan.pairs}, inputs.lesions)


def _digest(table: RegionTable) -> str:
    """SHA-256 of a table's content, on which results depend."""
    return hashlib.sha256(repr([asdict(region) for region in table]).encode()).hexdigest()


def _earlier(step: Step, parts: Parts, pairs: Collection[str]) -> Earlier:
    """Subjects with parts, and failures; subjects that are not in ``pairs`` only if they are done."""
    there = Earlier.read(step, parts.of_others(()), Summary.of_earlier_run(step.folder).failures)
    entries = {name: entry for name, entry in there.entries.items() if name in pairs or entry.state is State.DONE}
    return replace(there, entries=entries)


def _check_addition(there: Earlier, pairs: Mapping[str, Pair], *, force: bool) -> None:
    """Raise InputError if the tables would mix results of different settings, or (unless ``force``) if a subject with
    another lesion map has the same name."""
    if pairs:
        asked = MAKE_COLUMNS.intersection(*(pair.files() for pair in pairs.values()))
        there.check_settings(pairs, lambda entry: MAKE_COLUMNS.intersection(entry.inputs) == asked)
    if not force:
        there.check_names({name: {"lesions": pair.lesions} for name, pair in pairs.items()})
