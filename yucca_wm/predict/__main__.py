"""``python -m yucca_wm.predict``: from scans to lesion maps, region maps and the table of lesion locations."""

from __future__ import annotations

import argparse
import shlex
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yucca_wm.cli import EXIT_FAILURE, Parser, report_failures, run
from yucca_wm.cli.flags import add_flag, add_run_flags, run_options
from yucca_wm.cohort.ids import person_of_scan
from yucca_wm.cohort.layouts import AUTO
from yucca_wm.core.errors import InputError
from yucca_wm.imaging.reading import OPTION, Headers, reading, reading_aloud
from yucca_wm.predict.choice import ATLAS, LESIONS, REGIONS, SHIPPED, SPACES, Choice, choose

if TYPE_CHECKING:
    from yucca_wm.core.regions import RegionTable
    from yucca_wm.predict.case import Case

OF_OWN_MODELS = ("mirror", "max_memory_gb", "keep_softmax")
"""Options that have no effect on the models of this package."""


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        "yucca-wm predict",
        bare="scans are named by --t1 FILE and --flair FILE",
        description="Segment lesions, regions and tissue on a person's T1, FLAIR or both, and say where the lesions "
        "are. Raw scans are accepted: with or without skull, in any orientation, each on its own grid; T1 is "
        "registered to FLAIR. Unless --lesion-model or --region-model is given, the models that come with this "
        "package are used (yucca-wm models lists them).",
    )
    parser.add_argument("--t1", type=Path, metavar="FILE", help="T1 image of one person")
    parser.add_argument("--flair", type=Path, metavar="FILE", help="FLAIR image of one person")
    add_flag(
        parser,
        "--name",
        means="the person's name in tables and file names (default: taken from the name of the file, or of its folder)",
    )
    add_flag(parser, "--cohort")
    add_flag(parser, "--layout")
    parser.add_argument(
        "--lesion-model",
        type=Path,
        metavar="MODEL",
        help=f"version_N folder of yucca_train, exported .zip, or '{SHIPPED}' (default: {SHIPPED}; with a "
        "--region-model of your own alone, lesions are not segmented)",
    )
    parser.add_argument(
        "--region-model",
        type=Path,
        metavar="MODEL",
        help=f"the same, for regions; or '{ATLAS}': the regions of the atlas that 'yucca-wm atlas fetch' keeps, "
        "registered to the white matter found, as in the paper (takes a few seconds longer)",
    )
    parser.add_argument(
        "--space",
        choices=SPACES,
        default=SPACES[0],
        help="scan on whose grid the maps lie, if both are given (default: flair)",
    )
    add_flag(parser, "--header")
    add_flag(parser, "--names", "for a --region-model of your own (default: the built-in table)")
    add_flag(parser, "--out-dir", required=True)
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="where networks run (default: auto)"
    )
    parser.add_argument(
        "--max_memory_gb",
        "--max-memory-gb",
        type=float,
        metavar="GB",
        help="memory that the logits of one image may take",
    )
    parser.add_argument(
        "--mirror",
        action="store_true",
        help="models of your own: predict on mirror images of the scan too, and average (slower; only for networks "
        "that were trained on mirrored heads)",
    )
    parser.add_argument("--confidence", action="store_true", help="also write the probability of each voxel's label")
    parser.add_argument("--no-report", action="store_true", help="write no HTML pages")
    parser.add_argument("--keep-softmax", action="store_true", help="keep the softmax file of each modality")
    parser.add_argument(
        "--soft",
        action="store_true",
        help="also write volumes expected from the softmaxes, with their uncertainty (keeps the softmax files)",
    )
    add_run_flags(parser, local=False)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    with reading(Headers(args.header, OPTION)):  # doubts are among the notes on each subject
        return _predict(parser, args)


def _predict(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    how, choice = run_options(args, parser), _choice(parser, args)
    warnings.simplefilter("ignore", FutureWarning)  # from torch, about code that is not the user's
    from yucca_wm.core.files import missing_folders
    from yucca_wm.core.regions import region_table
    from yucca_wm.core.stages import stages_aloud
    from yucca_wm.predict import cohort, own_models
    from yucca_wm.predict.case import Options
    from yucca_wm.predict.folder import MANIFEST, people_in, remove_made
    from yucca_wm.predict.registered import fetched

    out, one_person = args.out_dir, not args.cohort
    cases = _cases(parser, args)
    if choice.registered:
        fetched()
    models = {what: own_models.load(path, args.device) for what, path in choice.given.items()}
    own_models.check_classes(models)
    table = region_table(args.names)
    for doubt in own_models.check_region_names(models, table):
        print(f"note: {doubt}", file=sys.stderr)
    options = Options(
        shipped=choice.shipped,
        registered=choice.registered,
        space=args.space,
        mirror=args.mirror,
        max_memory_gb=args.max_memory_gb,
        confidence=args.confidence,
        keep_softmax=args.keep_softmax,
        soft=args.soft,
    )
    made, before_this = missing_folders(out), (out / MANIFEST).exists()
    with stages_aloud() if one_person else nullcontext():
        outcome = cohort.predict_cohort(
            cases, models, out, options, how, table=table, device=args.device, cohort=not one_person
        )
    failures = dict(outcome.failures)
    concerned = len(outcome.results) + len(set(failures) - set(outcome.results))
    if one_person and not outcome.results:
        remove_made(made)
        print(f"error: {failures[cases[0].name]}", file=sys.stderr)
        return EXIT_FAILURE
    if not how.is_whole:
        those = f"tables, pages and {MANIFEST} are still those of an earlier run" if before_this else "no tables yet"
        print(f"{len(outcome.results)} of {concerned} done; {those}: run with --level group next")
    elif not outcome.results and people_in(out):
        print(f"no subject could be predicted: {out} is unchanged", file=sys.stderr)
    else:
        localized = {LESIONS, REGIONS} <= set(cohort.found(models, options)) and set(outcome.results) - set(failures)
        _tell(args, outcome.results, concerned, tables=bool(localized))
        failures |= _show(args, cases, table, tables=bool(localized))
    return report_failures(failures, concerned)


def _choice(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Choice:
    """Which models find lesions and regions; exits with an error if options do not fit together."""
    single = [path for path in (args.t1, args.flair) if path]
    if bool(single) == bool(args.cohort):
        parser.error("give either --t1 and/or --flair, or --cohort")
    if args.cohort and args.name:
        parser.error("--name is for one person; the subjects of a cohort are named by the cohort")
    if single and args.layout:
        parser.error("--layout goes with --cohort")
    if single and args.space == SPACES[1] and not args.t1:
        parser.error("--space t1 needs --t1")
    choice = choose(args.lesion_model, args.region_model)
    for flag in () if choice.given else OF_OWN_MODELS:
        if getattr(args, flag):
            parser.error(f"--{flag} is for models of your own (--lesion-model, --region-model)".replace("_", "-"))
    if args.names and REGIONS not in choice.given:
        parser.error("--names goes with a --region-model of your own")
    if args.soft and len(choice.given) < 2:
        parser.error("--soft needs both --lesion-model and --region-model")
    return choice


def _cases(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[Case]:
    """The subjects and scans that the options select."""
    from yucca_wm.cohort.layouts import find_subjects
    from yucca_wm.core.files import no_such_file
    from yucca_wm.predict.case import Case
    from yucca_wm.predict.cohort import cases_of

    if args.cohort:
        with reading_aloud(args.header):
            cases = cases_of(find_subjects(args.cohort, args.layout or AUTO))
        for case in cases:
            for path in case.files.values():
                if not path.exists():
                    print(f"note: {case.name}: {no_such_file(path)}; the others go on", file=sys.stderr)
        return cases
    scans = {m: path for m, path in (("T1", args.t1), ("FLAIR", args.flair)) if path}
    first = next(iter(scans.values()))
    name = args.name or person_of_scan(first)
    if name is None:
        parser.error(f"the name of the subject cannot be derived from {first}: add --name")
    for path in scans.values():
        if not path.exists():
            raise InputError(path, "no such file", "check the path")
    return [Case(name, scans)]


def _tell(args: argparse.Namespace, results: Mapping[str, dict[str, Any]], concerned: int, *, tables: bool) -> None:
    """Print what was done and what is uncertain, and for a single subject where the lesions are.

    results : subject -> its record. concerned : number of subjects, including failed ones. tables : whether tables
    were written.
    """
    from yucca_wm.core.notes import read_back
    from yucca_wm.localize.terminal import cohort_lines, lines
    from yucca_wm.predict.account import TABLE, same_scans
    from yucca_wm.report.notes import Notes, note_lines

    out = args.out_dir
    if args.cohort:
        used = f"; which scans were used: {out / TABLE}" if results else ""
        print(f"{len(results)} of {concerned} done{used}")
    for line in [] if tables else same_scans(results):  # with tables it is a flag
        print(f"note: {line}", file=sys.stderr)
    noted = {name: read_back(about) for name, about in results.items()}
    if args.cohort:  # what was merely done is in predict.json and on the pages
        noted = Notes.of(noted).doubts
    for line in note_lines(noted, named=concerned > 1):
        print(f"note: {line}", file=sys.stderr)
    if tables:
        print("\n".join(cohort_lines(out) if args.cohort else lines(out, *results)))


def _show(args: argparse.Namespace, cases: Sequence[Case], table: RegionTable, *, tables: bool) -> dict[str, str]:
    """Write the pages, if wanted; returns the subjects whose page failed, with the reason."""
    from yucca_wm.core.stages import stages_aloud
    from yucca_wm.predict.report import PAGES, write_pages
    from yucca_wm.report.folder import is_outdated

    out = args.out_dir
    if tables and not args.no_report:
        with nullcontext() if args.cohort else stages_aloud():
            page, failures = write_pages(cases, out, table, args.space)
        print(f"open {shlex.quote(str(page))}" if page else "no pages: they need pip install 'yucca-wm[report]'")
        return failures
    if is_outdated(out / PAGES, out):
        print(f"note: {out / PAGES} shows an earlier run, not this one", file=sys.stderr)
    return {}


if __name__ == "__main__":
    run(main)
