"""Evaluate predictions against truths, files, folders or a cohort's own maps: tables, a summary and a page."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from yucca_wm import __version__
from yucca_wm.core.columns import as_text, identity
from yucca_wm.core.errors import InputError, count
from yucca_wm.core.files import check_ours, natural_key, write_json
from yucca_wm.core.tsv import write_tsv
from yucca_wm.evaluate.case import IN_TRAINING, KIND, Case, How, evaluate_case
from yucca_wm.evaluate.doubts import changed, copies, doubts, is_changed, of_predict
from yucca_wm.evaluate.earlier import MANIFEST, drawn_earlier, read_earlier, scans_earlier
from yucca_wm.evaluate.measures import EMPTY, MEASURED, SURFACE_TOLERANCE_MM
from yucca_wm.evaluate.page import write_page
from yucca_wm.evaluate.pairs import Pairs, find_pairs, pairs_of_cohort
from yucca_wm.evaluate.tables import (
    CASES,
    LESION_CASES,
    LESION_SUMMARY,
    REGION_CASES,
    REGION_SUMMARY,
    SUMMARY,
    Rows,
    rows_of,
    summarise,
)
from yucca_wm.imaging.lesion_maps import ALL, LesionLabels
from yucca_wm.imaging.reading import say
from yucca_wm.jobs.cases import Outcome
from yucca_wm.jobs.earlier import Earlier, say_gone
from yucca_wm.jobs.not_replaced import or_force
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import only_run_in, run_step
from yucca_wm.jobs.run_record import FileState, Record
from yucca_wm.jobs.step import Step, Work
from yucca_wm.localize.inputs.records import before_rules
from yucca_wm.report.scans import find_scans
from yucca_wm.tasks.definition import Target

PAGE = "evaluation.html"
DRAWN = tuple(f"{name}{suffix}" for name in ("evaluation", "volumes") for suffix in (".png", ".svg"))


def evaluate(
    pred: str | os.PathLike[str],
    gt: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    how: How | None = None,
    kind: Target | None = None,
    layout: str | None = None,
    scans: str | os.PathLike[str] | None = None,
    name: str | None = None,
    run: RunOptions | None = None,
) -> Outcome[Rows]:
    """Compare predictions with truths of the same name (or two files); write cases.tsv, summary.tsv, evaluation.json
    and the page evaluation.html with its pictures to ``out_dir``.

    kind : shorthand for ``how`` where nothing else is set. layout : ``gt`` is a cohort arranged in this way; its own
    lesion masks (if the kind is regions: region maps) are the truths. scans : folder of scans to show maps on, matched
    by name (default: those of the cohort, if one is given). name : of the subject of two files (default: from the
    prediction's).

    Two files are added to the cases already in ``out_dir``; two folders replace them, and cases no longer there are
    named on stderr.

    Results are the rows of a case: one for lesions, one for every region. A truth without prediction, or a case with
    another grid, unknown labels or an uncertain kind, fails alone. In a repeated run, only cases whose maps have
    changed are compared again. If no case can be compared, existing results in ``out_dir`` are kept.

    Raises InputError if nothing can be compared, predictions and truths are the same files, the folders mix lesions and
    regions, results in ``out_dir`` were made with other settings or from another case of that name, or another run
    is writing to ``out_dir``.
    """
    how = how or How(kind)
    if layout is None:
        pairs = find_pairs(Path(pred), Path(gt), how.kind, name)
    else:
        how = replace(how, kind=(of := how.kind or Target.LESIONS))
        pairs = pairs_of_cohort(Path(pred), Path(gt), layout, of)
    behind = pairs.scans if scans is None else find_scans(scans, pairs.paths, [*chain(*pairs.paths.values())])
    works = {
        name: Work(
            Case(*paths, in_training=pairs.in_training.get(name, False)),
            dict(zip(("prediction", "truth"), paths, strict=True)),
            depends_on={IN_TRAINING: pairs.in_training.get(name, False)},
        )
        for name, paths in pairs.paths.items()
    }
    alone = Path(pred).is_file()
    with only_run_in(out_dir, run := run or RunOptions()) as out:
        step = Step("evaluate", out, {**how.parameters, "columns": identity((LESION_CASES, REGION_CASES))}, keeps=True)
        if not (run.force or Record(out, step.name).subjects):
            check_ours(out, (CASES, SUMMARY, PAGE, *DRAWN), MANIFEST, or_force())
        before = read_earlier(step)
        if alone:
            before.check_settings(works)
            if not run.force:
                before.check_names({name: work.inputs for name, work in works.items()})
        outcome = run_step(step, partial(evaluate_case, how=how), works, run)
        results, failures = outcome.results, {**outcome.failures, **pairs.failed}
        replaced = not alone or before.entries.keys() & works.keys()
        if not results and replaced and (out / MANIFEST).is_file():
            return Outcome({}, failures)
        account = failures
        if alone:
            results, account = _added(before, results, failures, pairs)
            behind = {**scans_earlier(out), **behind}
        kinds = {rows[0][KIND] for rows in results.values()}
        if alone and len(kinds) > 1:
            problem = "holds subjects with lesion maps and with region maps"
            raise InputError(out, problem, "choose another --out-dir for one of them")
        if len(kinds) > 1:
            raise InputError(gt, "holds lesion maps and region maps", "give --kind, or evaluate them separately")
        if not alone:
            say_gone(before.step.folder, before.entries.keys() - {*pairs.paths, *pairs.failed})
        for name in (CASES, SUMMARY, PAGE, *DRAWN, *drawn_earlier(out), MANIFEST):
            (out / name).unlink(missing_ok=True)
        read = Record(out, step.name).inputs_of(results)
        stale = [name for name, own in read.items() if is_changed(own)]
        raw = before_rules(Path(own["prediction"].path) for own in read.values()) if how.labels.threshold else []
        unsure = [*raw, *copies(read, results), *doubts(results), *of_predict(read, results), *changed(stale, results)]
        if kinds:
            _write(out, Target(kinds.pop()), Outcome(results, account), how, read, behind, stale, unsure)
        say(unsure)
    return Outcome(results, failures)


def _added(
    before: Earlier, results: Mapping[str, Rows], failures: Mapping[str, str], pairs: Pairs
) -> tuple[dict[str, Rows], dict[str, str]]:
    """Earlier results and failures with these added, in natural order; whether a subject is in the training set is what
    the cohort says now."""
    there = before.results() | dict(results)
    for name in there.keys() & pairs.in_training.keys():
        there[name] = [{**row, IN_TRAINING: pairs.in_training[name]} for row in there[name]]
    both = {name: there[name] for name in sorted(there.keys() - failures.keys(), key=natural_key)}
    return both, {name: reason for name, reason in before.failures.items() if name not in both} | dict(failures)


def headline(outcome: Outcome[Rows]) -> list[str]:
    """Summary in a few lines: each measure's mean and interval over people (and over all regions)."""
    if not outcome.results:
        return []
    cases = rows_of(outcome)
    kind = Target.REGIONS if "name" in cases[0] else Target.LESIONS
    lines = []
    for row in summarise(cases, kind):
        if row.get("region", "all regions") == "all regions":
            interval = "" if row["low95"] is None else f" (95 % {row['low95']:.3g} to {row['high95']:.3g})"
            who = count(row["cases"], "subject")
            mean = as_text(None) if row["mean"] is None else f"{row['mean']:.4g}"
            lines.append(f"{row['measure']:28s} {mean}{interval}, {who}")
    return lines


def _write(
    out: Path,
    kind: Target,
    outcome: Outcome[Rows],
    how: How,
    read: Mapping[str, Mapping[str, FileState]],
    scans: Mapping[str, Path],
    stale: Collection[str],
    unsure: Sequence[str],
) -> None:
    cases = rows_of(outcome)
    summary = summarise(cases, kind)
    files = {name: {what: of.path for what, of in own.items()} for name, own in read.items()}
    forms = {Target.LESIONS: (LESION_CASES, LESION_SUMMARY), Target.REGIONS: (REGION_CASES, REGION_SUMMARY)}[kind]
    write_tsv(out / CASES, forms[0].header, (forms[0].fields(row, row["subject"]) for row in cases))
    write_tsv(out / SUMMARY, forms[1].header, map(forms[1].fields, summary))
    content = {
        "tool": f"yucca-wm {__version__}",
        "kind": kind,
        "conventions": {
            "lesions": f"{_said(how.labels)}; {MEASURED}; {EMPTY}".replace("\n", " "),
            "regions": f"{len(how.table.measured)} regions of the table; surfaces agree within "
            f"{SURFACE_TOLERANCE_MM} mm; regions in neither map are left out",
        }[kind],
        "interval": "95 %, Student's t, over people",
        "columns": {form.name: form.sidecar() for form in forms},
        "summary": summary,
        "files": files,
        "scans": {name: str(scan) for name, scan in scans.items() if name in files},
        "cases": cases,
        "failed": outcome.failures,
        "notes": list(unsure),
    }
    write_json(
        out / MANIFEST, {**content, "figures": write_page(out / PAGE, content, how, scans, files.keys() - stale)}
    )


def _said(labels: LesionLabels) -> str:
    counted = ALL if labels.counted is None else " and ".join(map(str, labels.counted))
    ignored = " and ".join(map(str, labels.ignored)) or "none"
    cut = "" if labels.threshold is None else f" (predictions: a probability of at least {labels.threshold:g})"
    return f"lesion: label {counted}{cut}; left out: voxels of true label {ignored}"
