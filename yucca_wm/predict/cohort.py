"""Predict all subjects one after the other, then localize their lesions."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yucca_wm.cohort.subject import Subject
from yucca_wm.core.files import case_name, natural_key, remove_temporaries
from yucca_wm.core.modality import MODALITIES, Modality
from yucca_wm.core.notes import About
from yucca_wm.core.predictions import STEP
from yucca_wm.core.regions import RegionTable, regions
from yucca_wm.core.stages import stage
from yucca_wm.jobs.cases import Outcome
from yucca_wm.jobs.earlier import Earlier
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import only_run_in, run_step
from yucca_wm.jobs.run_record import State
from yucca_wm.jobs.step import Step, Work
from yucca_wm.models.shipped import networks
from yucca_wm.predict.account import edited, write_account, write_predictions
from yucca_wm.predict.case import Case, Options, alone, by_shipped, other_outputs, outputs
from yucca_wm.predict.choice import LESIONS, REGIONS, TISSUE
from yucca_wm.predict.folder import check_whose, people_in, remove_stale_tables
from yucca_wm.predict.own_models import LoadedModel, load, shown
from yucca_wm.predict.person import identities, predict_case

if TYPE_CHECKING:
    from yucca_wm.localize.inputs.companions import CompanionPaths

OTHERS = "choose another --out-dir (for several people: --cohort), or overwrite the tables and pages there with --force"


def predict_cohort(
    cases: Sequence[Case],
    models: Mapping[str, LoadedModel],
    out_dir: str | os.PathLike[str],
    options: Options,
    run: RunOptions | None = None,
    *,
    table: RegionTable | None = None,
    device: str = "auto",
    cohort: bool = True,
) -> Outcome[dict[str, Any]]:
    """Predict every case with every model, then localize if there are both lesions and regions.

    Writes a folder of label maps for each model, and one for each modality alone, predictions.tsv (modalities used),
    predict.json, and the output of `yucca_wm.localize`, with T1, FLAIR and both side by side. A repeated run only
    processes what is new. If no subject can be predicted, earlier results in ``out_dir`` stay.

    models : `LESIONS` and/or `REGIONS` -> model; with ``options.shipped``, whatever they do not segment, and tissue, is
        segmented by the models that come with this package.
    cohort : drop subjects of earlier runs that are not among the cases from the tables; if False, there must be none.
    table : names of the region model's regions (default: the built-in ones).
    run : one case is predicted at a time in this process; cluster workers load the models themselves, on ``device``.
    """
    from yucca_wm.localize.folder import check_tables

    run = run or RunOptions()
    with only_run_in(out_dir, run) as out:
        parameters = {"models": identities(models, options), "mirror": options.mirror, "space": options.space}
        if models and options.max_memory_gb is not None:  # decides how precise logits are kept
            parameters["max_memory_gb"] = options.max_memory_gb
        step = Step(STEP, out, parameters, keeps=True)
        if not run.force:
            check_tables(out)
            check_whose(out, [case.name for case in cases], OTHERS, cohort=cohort)
            if not cohort:
                _check_scans(step, cases)
        if run.is_whole:
            _remove_leftovers(out)
        works = {}
        for case in cases:
            leaves, others = (of(case, shown(models), out, options) for of in (outputs, other_outputs))
            works[case.name] = Work(case, case.files, leaves, others)
        if run.remote:
            paths = tuple((what, str(loaded.model.path)) for what, loaded in models.items())
            outcome = run_step(step, partial(_predict_there, paths, device, out, options), works, run)
        else:
            work = partial(predict_case, models=models, out=out, options=options, networks=partial(networks, device))
            outcome = run_step(step, work, works, replace(run, jobs=1))
        if run.is_whole and (outcome.results or not people_in(out)):
            _gather(out, outcome, models, options, table or regions())
    return outcome


def _predict_there(
    paths: tuple[tuple[str, str], ...], device: str, out: Path, options: Options, case: Case
) -> dict[str, Any]:
    return predict_case(case, _loaded(paths, device), out, options, partial(networks, device))


@cache
def _loaded(paths: tuple[tuple[str, str], ...], device: str) -> dict[str, LoadedModel]:
    """The models of ``paths``, loaded once in every process."""
    return {what: load(path, device) for what, path in paths}


def found(models: Mapping[str, LoadedModel], options: Options) -> list[str]:
    """The kinds of maps that a run writes, from the given models and the shipped ones."""
    return [*models, *(by_shipped(models) if options.shipped else [])]


def _gather(
    out: Path,
    outcome: Outcome[dict[str, Any]],
    models: Mapping[str, LoadedModel],
    options: Options,
    table: RegionTable,
) -> None:
    outcome.results.update(edited(out, outcome.results))
    write_account(out, outcome, table)
    kinds = found(models, options)
    remove_stale_tables(out, kinds)
    flags: Mapping[str, Collection[str]] = {}
    if outcome.results and {LESIONS, REGIONS} <= set(kinds):
        one_person = len({*outcome.results, *outcome.failures}) == 1
        flags, failures = _localize(out, outcome, models, options, table, named=not one_person)
        outcome.failures.update(failures)
    write_predictions(out, outcome, flags)


def cases_of(subjects: Sequence[Subject]) -> list[Case]:
    """Subjects of a cohort as cases; those without T1 and FLAIR fail later, with their name."""
    return [
        Case(subject.name, {str(m): subject.scans[m] for m in Modality if m in subject.scans}, subject.problem)
        for subject in subjects
    ]


def _check_scans(step: Step, cases: Sequence[Case]) -> None:
    """Raise InputError if other scans have already been predicted under a name in ``cases``: two subjects may share a
    name."""
    files = {case.name: case.files for case in cases}
    before = Earlier.read(step, files, {})
    done = {name: entry for name, entry in before.entries.items() if entry.state is State.DONE}
    replace(before, entries=done).check_names(files)


def _localize(
    out: Path,
    outcome: Outcome[dict[str, Any]],
    models: Mapping[str, LoadedModel],
    options: Options,
    table: RegionTable,
    *,
    named: bool,
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Localize the lesions of the subjects in ``outcome``; returns their flags, and failed subjects with the reason.

    named : print the subject's name with each flag.
    """
    from yucca_wm.localize.cohort import localize_into
    from yucca_wm.localize.inputs.pairs import folder_inputs
    from yucca_wm.localize.measures.flags import flag_lines
    from yucca_wm.localize.measures.lesions import Settings

    done = outcome.results
    inputs = folder_inputs(out / LESIONS, out / REGIONS)
    ours = {name: pair for name, pair in inputs.pairs.items() if case_name(pair.lesions) in done}
    others = sorted(inputs.pairs.keys() - ours.keys(), key=natural_key)
    failed, gone = ([name for name in others if (name in outcome.failures) == fails] for fails in (True, False))
    are = "is" if len(gone) == 1 else "are"
    for names, why in ((failed, "failed in this run"), (gone, f"{are} not in this run")):
        if names:
            said = f"{', '.join(names)} {why}: the maps are kept, but are not in the tables"
            print(f"note: {said}", file=sys.stderr)
    inputs = replace(inputs, pairs=ours, failures={name: why for name, why in inputs.failures.items() if name in done})
    stage("writing tables")
    used = [modality for modality in MODALITIES if any(modality in made["scans"] for made in done.values())]
    companions = companion_places(out, used, shown(models), options)
    flags, failures = localize_into(
        out, inputs, table, Settings(), companions=companions, options=RunOptions(), renew=True
    )
    of_one = [line for own in flags.values() for name, line in own.items() if name not in set(About)]  # else a note
    for line in flag_lines(flags) if named else of_one:
        print(f"note: {line}", file=sys.stderr)
    return flags, failures


def companion_places(
    out: Path, modalities: Collection[str], models: Mapping[str, Collection[str]], options: Options
) -> CompanionPaths:
    """Where a run writes maps that accompany lesions and regions.

    modalities : used ones. models : `LESIONS` or `REGIONS` -> modalities whose scans the user's own model is shown.
    """
    from yucca_wm.localize.inputs.companions import CompanionPaths

    places = {what: {m: out / alone(what, m) for m in modalities if m in seen} for what, seen in models.items()}
    return CompanionPaths(
        soft=options.soft,
        modality_lesions=places.get(LESIONS),
        modality_regions=places.get(REGIONS),
        tissue=out / TISSUE if options.shipped else None,
        tissue_of_others=True,
    )


def _remove_leftovers(out: Path) -> None:
    for folder in out.glob(".softmax-*"):
        shutil.rmtree(folder)
    for folder in (out, *(path for path in out.rglob("*") if path.is_dir())):
        remove_temporaries(folder)
