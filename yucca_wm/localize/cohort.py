"""Localize all subjects of a folder in parallel, and write the joint outputs from one part per subject."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import check_ours, make_folder, natural_key
from yucca_wm.core.regions import RegionTable
from yucca_wm.jobs.earlier import Earlier
from yucca_wm.jobs.not_replaced import Written, or_force
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import only_run_in, run_step
from yucca_wm.jobs.run_record import FileState, Record, State
from yucca_wm.jobs.step import Step, Work
from yucca_wm.localize.atlas_space import FOLDER as CARRIED
from yucca_wm.localize.atlas_space import STEP as TO_TEMPLATE
from yucca_wm.localize.atlas_space import forget_frequency
from yucca_wm.localize.case import localize_case
from yucca_wm.localize.inputs.companions import CompanionPaths
from yucca_wm.localize.inputs.pairs import Inputs, Pair, folder_inputs
from yucca_wm.localize.inputs.records import mixed_settings, other_scans, same_scans
from yucca_wm.localize.maps import Derivative, check_names
from yucca_wm.localize.measures.flags import OTHER_SCANS, SAME_LESIONS, SAME_SCAN, same_lesions
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.localize.outputs import (
    MANIFEST,
    Parts,
    failures_in,
    files_of,
    remove_group,
    subjects_in,
    summary,
    write_group,
)
from yucca_wm.localize.tables import ALL_TABLES, FORM_OF_TABLES, tables_of

STEP = "localize"
MAKE_COLUMNS = frozenset({"ventricles", "tissue"})
"""Maps of a `Pair` that add columns to the tables."""


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
    companions: CompanionPaths | None = None,
    options: RunOptions | None = None,
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Localize every subject and write ``lesion_load.tsv``, ``lesion_load_wide.tsv``, ``lesions.tsv``,
    ``regions.tsv`` (the region table), ``localize.json`` and ``heat_map.png``/``.svg`` to ``out_dir``.

    maps : also write ``maps/<subject>.nii.gz``, the lesions labelled by region.
    bids : also write the same maps as a BIDS derivative, in ``bids/``.
    companions : softmaxes, maps made from one modality, and tissue maps; adds ``lesion_load_soft.tsv``,
    ``modalities.tsv`` and ``places.tsv``.

    Returns the flags of every localized subject (subject -> flag -> sentence), and failures (case -> reason). A subject
    is localized again if its maps or the settings have changed: no table is older than its maps. If no subject can be
    localized, earlier results in ``out_dir`` stay; without any, no tables are written.

    Raises InputError if another run is writing to ``out_dir``.
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
    companions: CompanionPaths | None = None,
    options: RunOptions,
    renew: bool = False,
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """`localize_cohort` for a caller that already holds ``folder`` (`yucca_wm.jobs.resumable.only_run_in`).

    One subject's files (``inputs.adds``) are added to earlier results; otherwise subjects that are not among the inputs
    are removed, and named on stderr. If no subject can be localized, earlier results in ``folder`` stay, unless
    ``renew`` states that their maps no longer exist. Tables without any subject are not written, except when files are
    added one by one: ``localize.json`` then keeps the failures.
    """
    companions = companions or CompanionPaths()
    pairs, failures = dict(inputs.pairs), dict(inputs.failures)
    if companions.asked:
        pairs, without = companions.attach(pairs, inputs.lesions, inputs.regions)
        failures |= without
    parts = Parts(make_folder(folder / "parts"))
    maps_dir = make_folder(folder / "maps") if maps else None
    derivative = Derivative(folder / "bids", inputs.lesions, inputs.regions) if bids else None
    if bids:
        check_names(pairs.values())
    tables = tables_of(
        table, settings,
        ventricles=inputs.has_ventricles, soft=companions.soft, modalities=bool(companions.modality_lesions),
        tissue=companions.tissue is not None,
    )  # fmt: skip
    work = partial(
        localize_case,
        table=table, settings=settings, tables=tables, parts=parts, maps_dir=maps_dir, derivative=derivative,
    )  # fmt: skip
    possible = Derivative(folder / "bids", inputs.lesions, inputs.regions)
    works = {}
    for subject, pair in pairs.items():
        outputs = _outputs(pair, parts, maps_dir, derivative)
        sources = {path.absolute() for path in pair.files().values()}
        others = [path for path in _outputs(pair, parts, folder / "maps", possible) if path.absolute() not in sources]
        works[subject] = Work(pair, pair.files(), outputs, [path for path in others if path not in outputs])
    parameters = {**asdict(settings), "regions": _digest(table), **companions.parameters, "columns": FORM_OF_TABLES}
    step = Step(STEP, folder, parameters, keeps=not renew)
    if not options.force:
        check_tables(folder)
    if inputs.adds and not parts.of_others(()) and subjects_in(folder):
        saved = some_of(subjects_in(folder))
        problem = f"holds results of {saved}, saved from Python, which no others can be added to"
        raise InputError(folder, problem, "choose another --out-dir")
    there = _earlier(step, parts, pairs) if inputs.adds else None
    if there is not None:
        _check_addition(there, pairs, force=options.force)
    outcome = run_step(step, work, works, options, threads=True)  # decompressing and counting release the GIL
    if not options.is_whole:
        return outcome.results, outcome.failures
    failures = failures | outcome.failures
    replaced = there is None or there.entries.keys() & pairs.keys()
    if not (outcome.results or renew) and replaced and parts.of_others(()):
        return {}, failures
    flags = dict(outcome.results)
    account = failures
    if there is not None:
        flags = there.results(but=pairs) | flags
        now = {*pairs, *failures}
        account = {name: reason for name, reason in there.failures.items() if name not in now} | failures
        _name_outdated(there, pairs)
    else:
        _remove_others(step, parts, works)
    forget_frequency(folder)
    if not flags and not inputs.adds:  # when files are added one by one, failures stay in localize.json
        remove_group(folder)
        for made in filter(None, (parts.folder, maps_dir)):
            with suppress(OSError):  # not empty: killed runs leave files that the next one removes
                made.rmdir()
        return {}, failures
    read = _read_for(step, flags)
    compared = _flags_of_cohort(read, flags)
    entries: dict[str, dict[str, Any]] = {}
    for name in sorted(flags, key=natural_key):
        files = dict(files_of(pairs[name])) if name in pairs else {}
        entries[name] = files | ({"flags": flags[name] | compared[name]} if name in compared else {})
    for line in mixed_settings({name: Path(of["regions"].path) for name, of in read.items()}):
        print(f"note: {line}", file=sys.stderr)
    about = summary(account, settings, {**inputs.stated, **companions.stated})
    write_group(folder, parts, entries, tables, about, table)
    if derivative is not None:
        derivative.write_description(table)
    return {name: flags[name] | compared.get(name, {}) for name in entries}, failures


def _outputs(pair: Pair, parts: Parts, maps_dir: Path | None, derivative: Derivative | None) -> list[Path]:
    """Files written by localizing one subject."""
    outputs = [parts.path(pair.subject)]
    outputs += [maps_dir / f"{pair.subject}.nii.gz"] if maps_dir is not None else []
    return [*outputs, *(derivative.files(pair) if derivative is not None else [])]


def _flags_of_cohort(
    read: Mapping[str, Mapping[str, FileState]], flags: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Subject -> flags that only a comparison with the other subjects shows, for subjects with any.

    read : subject -> files that its results were made from. flags : subject -> its own flags.
    """
    with_lesions = {name: of["lesions"].sha256 for name, of in read.items() if "no_lesion" not in flags[name]}
    lesion_maps = {name: Path(of["lesions"].path) for name, of in read.items()}
    found: dict[str, dict[str, str]] = {}
    for flag, subjects in (
        (SAME_LESIONS, same_lesions(with_lesions)),
        (SAME_SCAN, same_scans(lesion_maps)),
        (OTHER_SCANS, other_scans(lesion_maps)),
    ):
        for name, sentence in subjects.items():
            found.setdefault(name, {})[flag] = sentence
    return found


def _read_for(step: Step, subjects: Collection[str]) -> dict[str, Mapping[str, FileState]]:
    """Subject -> the files that its part was made from, according to the record."""
    record = Record(step.folder, step.name)
    return {name: entry.inputs for name in subjects if (entry := record.last(name)) is not None}


def _digest(table: RegionTable) -> str:
    """SHA-256 of a table's content, on which results depend."""
    return hashlib.sha256(repr([asdict(region) for region in table]).encode()).hexdigest()


def _remove_others(step: Step, parts: Parts, works: Mapping[str, Work[Pair]]) -> None:
    """Remove the files of subjects that are not among ``works``, as far as this package has written them."""
    gone = parts.of_others(works.keys())
    in_use = {path for work in works.values() for path in work.leaves}  # names in BIDS may change hands
    carried = Step(TO_TEMPLATE, step.folder / CARRIED)
    for of in (step, carried):
        written = Written(of, Record(of.folder, of.name))
        for subject in gone:
            written.remove(subject, in_use)
    for part in gone.values():
        part.unlink(missing_ok=True)
    if gone:
        named = ", ".join(sorted(gone, key=natural_key))
        print(f"note: no longer in the tables of {step.folder}: {named}", file=sys.stderr)


def check_tables(folder: Path) -> None:
    """Raise InputError if ``folder`` holds tables of these names that are not from this package."""
    if not Record(folder, STEP).subjects:
        check_ours(folder, ALL_TABLES, MANIFEST, or_force())


def _name_outdated(there: Earlier, now: Collection[str]) -> None:
    """Print on stderr whose maps have changed since their rows were written, among those that are not done ``now``."""
    for name in sorted(there.entries.keys() - set(now), key=natural_key):
        inputs = there.entries[name].inputs
        if any(Path(state.path).is_file() and FileState.of(state.path, state) != state for state in inputs.values()):
            print(f"note: {name}: its maps have changed since; localize it again", file=sys.stderr)


def _earlier(step: Step, parts: Parts, pairs: Collection[str]) -> Earlier:
    """Subjects with parts, and failures; subjects that are not in ``pairs`` only if they are done."""
    there = Earlier.read(step, parts.of_others(()), failures_in(step.folder))
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
