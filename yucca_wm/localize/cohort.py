"""Localize all subjects of a folder in parallel, and write the joint outputs from one part per subject."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from yucca_wm.core.files import natural_key
from yucca_wm.core.regions import RegionTable
from yucca_wm.jobs.cases import Outcome
from yucca_wm.jobs.earlier import Earlier
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import run_step
from yucca_wm.jobs.run_record import FileState, Record, plain
from yucca_wm.jobs.step import Step
from yucca_wm.localize.atlas_space import forget_frequency
from yucca_wm.localize.case import localize_case
from yucca_wm.localize.folder import OutputFiles, remove_others
from yucca_wm.localize.inputs.companions import CompanionPaths
from yucca_wm.localize.inputs.pairs import Inputs, Pair
from yucca_wm.localize.inputs.records import (
    before_rules,
    mixed_settings,
    of_earlier_runs,
    other_scans,
    recorded_by_predict,
    same_scans,
    ways_of,
    without_record,
)
from yucca_wm.localize.measures.flags import (
    OTHER_SCANS,
    OTHER_VOXELS,
    SAME_LESIONS,
    SAME_SCAN,
    other_voxels,
    same_lesions,
)
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.localize.measures.visits import visit_notes
from yucca_wm.localize.outputs.group import remove_group, write_group
from yucca_wm.localize.outputs.parts import Parts, files_of
from yucca_wm.localize.plan import Plan, check_plan, plan_of
from yucca_wm.localize.summary import summary
from yucca_wm.localize.tables import Table


def localize_into(
    folder: Path,
    inputs: Inputs,
    table: RegionTable,
    settings: Settings,
    *,
    maps: bool = False,
    bids: bool = False,
    companions: CompanionPaths | None = None,
    options: RunOptions,
    renew: bool = False,
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Localize every subject, and write its tables, the joint tables, ``localize.json`` and the heat map to ``folder``,
    which the caller holds (`yucca_wm.jobs.resumable.only_run_in`).

    maps : also write ``maps/<subject>.nii.gz``, the lesions labelled by region.
    bids : also write the same maps as a BIDS derivative, in ``bids/``.
    companions : softmaxes, maps made from one modality, and tissue maps; adds ``lesion_load_soft.tsv``,
    ``modalities.tsv`` and ``places.tsv``.

    Returns the flags of every localized subject (subject -> flag -> sentence), and failures (case -> reason). A subject
    is localized again if its maps or the settings have changed: no table is older than its maps.

    One subject's files (``inputs.adds``) are added to earlier results; otherwise subjects that are not among the inputs
    are removed, and named on stderr. If no subject can be localized, earlier results in ``folder`` stay, unless
    ``renew`` states that their maps no longer exist. Tables without any subject are not written, except when files are
    added one by one: ``localize.json`` then keeps the failures.
    """
    plan = plan_of(folder, inputs, table, settings, companions or CompanionPaths(), maps=maps, bids=bids, renew=renew)
    check_plan(plan, inputs, force=options.force, bids=bids)
    work = partial(
        localize_case,
        table=table, settings=settings, tables=plan.tables, parts=plan.to.parts, maps_dir=plan.to.maps,
        derivative=plan.to.derivative,
    )  # fmt: skip
    outcome = run_step(plan.step, work, plan.works, options, threads=True)  # decompressing and counting release the GIL
    if not options.is_whole:
        return outcome.results, outcome.failures
    return _finish(plan, outcome, table, settings, renew=renew)


def _finish(
    plan: Plan, outcome: Outcome[dict[str, str]], table: RegionTable, settings: Settings, *, renew: bool
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Merge the outcome with earlier results, or remove these, and write the joint outputs; returns flags and failures
    as `localize_into`."""
    there, to, folder = plan.there, plan.to, plan.step.folder
    failures = {**plan.failures, **outcome.failures}
    replaces = there is None or bool(there.entries.keys() & plan.pairs.keys())
    if not (outcome.results or renew) and replaces and to.parts.of_others(()):
        return {}, failures
    flags, account = dict(outcome.results), failures
    if there is None:
        remove_others(plan.step, to.parts, plan.works)
    else:
        flags = there.results(but=plan.pairs) | flags
        now = {*plan.pairs, *failures}
        account = {name: reason for name, reason in there.failures.items() if name not in now} | failures
        _name_outdated(there, plan.pairs)
    forget_frequency(folder)
    if not flags and there is None:  # when files are added one by one, failures stay in localize.json
        remove_group(folder)
        to.remove_empty()
        return {}, failures
    about = summary(account, settings, plan.stated)
    return _write_group(plan.step, to, plan.pairs, flags, plan.tables, about, table), failures


def _write_group(
    step: Step,
    to: OutputFiles,
    pairs: Mapping[str, Pair],
    flags: Mapping[str, Mapping[str, str]],
    tables: Sequence[Table],
    about: dict[str, Any],
    table: RegionTable,
) -> dict[str, dict[str, str]]:
    """Write the joint outputs of the subjects with ``flags``; returns all flags of each, in the order of the tables.

    about : content of ``localize.json`` besides the subjects.
    """
    read = Record(step.folder, step.name).inputs_of(flags)
    compared = _flags_of_cohort(read, flags, to.parts)
    whole = {name: {**flags[name], **compared.get(name, {})} for name in sorted(flags, key=natural_key)}
    entries = {
        name: {**(files_of(pairs[name]) if name in pairs else {}), **({"flags": own} if own != flags[name] else {})}
        for name, own in whole.items()
    }
    maps = [{name: Path(of[what].path) for name, of in read.items()} for what in ("lesions", "regions")]
    of_maps = before_rules(maps[0].values()), mixed_settings(*maps), without_record(*maps), of_earlier_runs(maps[0])
    for line in (*chain(*of_maps), *visit_notes(whole)):
        print(f"note: {line}", file=sys.stderr)
    write_group(step.folder, to.parts, entries, tables, about, table, ways_of(*maps))
    if to.derivative is not None:
        to.derivative.write_description(table)
    return whole


def _flags_of_cohort(
    read: Mapping[str, Mapping[str, FileState]], flags: Mapping[str, Mapping[str, str]], parts: Parts
) -> dict[str, dict[str, str]]:
    """Subject -> flags that only a comparison with the other subjects shows, for subjects with any.

    read : subject -> files that its results were made from. flags : subject -> its own flags. parts : their results.
    """
    with_lesions = {name: of["lesions"].sha256 for name, of in read.items() if "no_lesion" not in flags[name]}
    lesion_maps = {name: Path(of["lesions"].path) for name, of in read.items()}
    found: dict[str, dict[str, str]] = {}
    for flag, subjects in (
        (SAME_LESIONS, same_lesions(with_lesions)),
        (SAME_SCAN, same_scans(lesion_maps)),
        (OTHER_SCANS, other_scans(lesion_maps)),
        (OTHER_VOXELS, other_voxels(flags, lambda name: parts.read(name).summary["spacing_mm"])),
    ):
        for name, sentence in subjects.items():
            found.setdefault(name, {})[flag] = sentence
    return found


def _name_outdated(there: Earlier, now: Collection[str]) -> None:
    """Print on stderr whose maps, or what predict recorded about them, have changed since their rows were written,
    among those that are not done ``now``."""
    for name in sorted(there.entries.keys() - set(now), key=natural_key):
        entry = there.entries[name]
        inputs = {what: state for what, state in entry.inputs.items() if Path(state.path).is_file()}
        if any(FileState.of(state.path, state).sha256 != state.sha256 for state in inputs.values()):
            print(f"note: {name}: its maps have changed since; localize it again", file=sys.stderr)
        elif {"lesions", "regions"} <= inputs.keys() and entry.depends_on != plain(
            recorded_by_predict(*(Path(inputs[what].path) for what in ("lesions", "regions")))
        ):
            print(f"note: {name}: what predict recorded about it has changed since; localize it again", file=sys.stderr)
