"""Check a whole cohort: every subject's files, then what only shows in a comparison of subjects."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from yucca_wm.check.findings import COHORT, Facts, Level, Problem
from yucca_wm.check.scan import check_scan
from yucca_wm.cohort.ids import sharers, with_others
from yucca_wm.cohort.layouts import AUTO, find_subjects
from yucca_wm.cohort.subject import MAPS, Split, Subject
from yucca_wm.cohort.visits import bare_person
from yucca_wm.core.errors import InputError, YuccaWMError, count, some_of
from yucca_wm.core.modality import Modality, lacking, used_alone
from yucca_wm.imaging.reading import headers, reading, say
from yucca_wm.jobs.cases import run_cases
from yucca_wm.parcellate.settings import Settings
from yucca_wm.tasks.definition import Target
from yucca_wm.tasks.raw_folder import SAFE_NAME, name_problems
from yucca_wm.tasks.split import resolve_splits

MAX_NAMED = 3
"""Maximum number of subjects named that share something."""

LOST = {Modality.FLAIR: "few lesions show on it"}
"""Consequences of a missing scan."""

ALL_LOSE = "training learns from fewer scans, and a test on this one leaves the subject out"
LOST_TO_TRAINING = {Modality.T1: f"{ALL_LOSE}, as does parcellate --wm auto"}
"""Consequences of a missing scan in a cohort to train on."""

TAKEN_FOR_IT = "training would confuse it with subjects whose names contain its name"
"""Why some names cannot be used in training; one line for all subjects concerned."""


@dataclass(frozen=True)
class Report:
    """All findings.

    splits : subject -> train or test, as in the tasks (empty if the cohort's own split is contradictory).
    facts : by subject.
    """

    subjects: tuple[Subject, ...]
    splits: Mapping[str, Split]
    facts: Mapping[str, Facts]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level is Level.ERROR)

    @property
    def labelled(self) -> bool:
        """Whether there is a map to train on."""
        return _labelled(self.subjects)

    @property
    def ready(self) -> int:
        """Number of subjects with a scan and without an error."""
        wrong = {problem.subject for problem in self.errors}
        return sum(bool(subject.scans) and subject.name not in wrong for subject in self.subjects)


def check_cohort(root: Path, *, layout: str = AUTO, settings: Settings | None = None, jobs: int | None = 1) -> Report:
    """Open every file of the cohort at ``root``; raises InputError as `find_subjects`."""
    with reading(headers()) as noted:
        subjects = find_subjects(root, layout)
    troubles = {said for one in subjects for said in (one.trouble, str(one.split_problem))}  # among the problems
    say(line for line in noted if line not in troubles)
    by_name = {subject.name: subject for subject in subjects}
    scans = run_cases(partial(check_scan, settings=settings or Settings()), by_name, jobs=jobs, label="check")
    facts = {name: found.facts for name, found in scans.results.items()}
    problems = [problem for found in scans.results.values() for problem in found.problems]
    problems += [Problem(Level.ERROR, name, "", reason) for name, reason in scans.failures.items()]
    splits: Mapping[str, Split] = {}
    try:
        splits = resolve_splits(subjects)
    except InputError as error:
        problems.append(Problem(Level.WARNING, COHORT, error.path, error.problem, f"to train, {error.remedy}"))
    except YuccaWMError as error:
        problems.append(Problem(Level.ERROR, COHORT, "", str(error)))
    problems += [
        *_missing(subjects),
        *_names(subjects, splits),
        *_visits(subjects),
        *_duplicates(facts),
        *(_sides_of_split(root, splits) if _labelled(subjects) else ()),
    ]
    order = {name: number for number, name in enumerate([*by_name, COHORT])}
    levels = list(Level)
    problems.sort(
        key=lambda problem: (levels.index(problem.level), order[problem.subject], problem.file, problem.problem)
    )
    return Report(tuple(subjects), splits, facts, tuple(problems))


def _labelled(subjects: Sequence[Subject]) -> bool:
    return any(subject.files(*MAPS) for subject in subjects)


def _missing(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """Scans or maps that other subjects have. One that no subject has is taken as not part of the study, and so are
    lesion masks that no subject on its side of the cohort's own split has."""
    there = {modality for subject in subjects for modality in subject.scans}
    parcellated = any(subject.regions for subject in subjects)
    segmented = any(subject.wm for subject in subjects)
    labelled = {subject.split for subject in subjects if subject.lesions}
    to_train = _labelled(subjects)
    for subject in subjects:
        if (wrong := subject.problem) is not None:
            yield Problem(Level.ERROR, subject.name, wrong.path, wrong.problem, wrong.remedy)
            continue
        missing = [modality for modality in Modality if modality in there and modality not in subject.scans]
        if there and not subject.scans:
            yield Problem(Level.ERROR, subject.name, "", lacking(missing), "add one, or remove the subject")
            continue
        alone = used_alone(modality for modality in Modality if modality in subject.scans)
        for modality in missing:
            lost = [LOST[modality]] if modality in LOST else []
            lost += [LOST_TO_TRAINING.get(modality, ALL_LOSE)] if to_train else []
            used = f"{alone}{': ' * bool(lost)}{'; '.join(lost)}"
            yield Problem(Level.WARNING, subject.name, "", lacking([modality]), used)
        if subject.lesions is None and subject.split in labelled:
            remedy = f"to train, {Target.LESIONS.remedy}"
            yield Problem(Level.NOTE, subject.name, "", Target.LESIONS.lacking, remedy)
        if subject.regions is None and subject.wm is None and (segmented or parcellated):
            remedy = "to train on regions, use parcellate --wm auto, or add one (WMH challenge: pre/wm.nii.gz)"
            yield Problem(Level.NOTE, subject.name, "", "has neither a white-matter segmentation nor regions", remedy)
        elif subject.regions is None and parcellated:
            remedy = f"to train on regions, {Target.REGIONS.remedy}"
            yield Problem(Level.NOTE, subject.name, "", f"{Target.REGIONS.lacking} yet", remedy)
    if not there:
        yield Problem(Level.ERROR, COHORT, "", "no subject has a T1 or a FLAIR", "see docs/your-own-data.md")


def _visits(subjects: Sequence[Subject]) -> Iterator[Problem]:
    """Who counts as visits of one person because of the end of a name (BIDS says so itself)."""
    names = [one.name for one in subjects if not re.search("_(ses|run)-", one.name, re.IGNORECASE)]
    if several := sharers((bare_person(name), name) for name in names):
        most = max(several.values(), key=len)
        more = f", and those of {count(len(several) - 1, 'more name')}" * (len(several) > 1)
        problem = f"taken for visits of one person: {some_of(most)}{more}"
        yield Problem(Level.NOTE, COHORT, "", problem, "rename them if they are different people")


def _names(subjects: Sequence[Subject], splits: Mapping[str, Split]) -> Iterator[Problem]:
    training = [f"_{modality}" for modality in Modality]
    cases = {
        subject.name: [] if splits.get(subject.name) is Split.TEST else [subject.name + end for end in training]
        for subject in subjects
    }
    alike = Counter(subject.name.lower() for subject in subjects)
    for name, problem in name_problems(cases).items():  # predict accepts any name
        what, _, remedy = problem.partition("; ")
        level = Level.NOTE
        if SAFE_NAME.fullmatch(name) and alike[name.lower()] > 1:
            level = Level.WARNING
        elif SAFE_NAME.fullmatch(name):
            what, remedy = TAKEN_FOR_IT, f"to train, {remedy}"
        yield Problem(level, name, "", what, remedy)


def _duplicates(facts: Mapping[str, Facts]) -> Iterator[Problem]:
    """Identical voxels under two names: one person counted twice, perhaps in both training and test set."""
    held = ((held, name) for name, fact in facts.items() for held in fact.digests.items())
    shared: dict[tuple[str, ...], list[str]] = {}
    for (column, _), name, others in with_others(held):
        shared.setdefault((name, *others), []).append(column)
    for (name, *others), columns in shared.items():
        problem = f"has the same {' and '.join(columns)} voxels as {some_of(others, MAX_NAMED)}"
        yield Problem(Level.WARNING, name, "", problem, "keep one of them, or training and groups count it twice")


def _sides_of_split(root: Path, splits: Mapping[str, Split]) -> Iterator[Problem]:
    """A cohort with only one side of the split, a problem only in training."""
    for side in Split:
        if splits and side not in splits.values():
            problem = f"the cohort has no {side} subject"
            yield Problem(Level.NOTE, COHORT, str(root), problem, f"to train, {side.remedy}")
