"""``python -m yucca_wm.predict``: from scans to lesion maps, region maps and the table of where the lesions are."""

from __future__ import annotations

import argparse
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path

from yucca_wm.cli import EXIT_FAILURE, Parser, report_failures, run
from yucca_wm.cli.flags import add_flag, add_run_flags, run_options
from yucca_wm.cohort.ids import names_a_file, person_of_scan
from yucca_wm.cohort.layouts import AUTO
from yucca_wm.imaging.reading import OPTION, Headers, reading
from yucca_wm.predict.choice import ATLAS, LESIONS, REGIONS, SHIPPED, SPACES, choose

OF_OWN_MODELS = ("mirror", "max_memory_gb", "keep_softmax")
"""Options that the models of this package do nothing with."""


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        "yucca-wm predict",
        description="Segment lesions, regions and tissue on a person's T1, FLAIR or both, and say where the lesions "
        "are. Scans are taken as they come: with or without skull, in any orientation, each on its own grid; T1 is "
        "registered to FLAIR. Unless --lesion-model or --region-model is given, the models that come with this "
        "package are used (yucca-wm models lists them).",
    )
    parser.add_argument("--t1", type=Path, metavar="FILE", help="T1 image of one person")
    parser.add_argument("--flair", type=Path, metavar="FILE", help="FLAIR image of one person")
    parser.add_argument(
        "--name",
        help="the person's name in tables and file names (default: taken from the name of the file, or of its folder)",
    )
    add_flag(parser, "--cohort")
    add_flag(parser, "--layout")
    parser.add_argument(
        "--lesion-model",
        type=Path,
        metavar="MODEL",
        help=f"version_N folder of yucca_train, exported .zip, or '{SHIPPED}' (default: {SHIPPED}, unless "
        "--region-model is given)",
    )
    parser.add_argument(
        "--region-model",
        type=Path,
        metavar="MODEL",
        help=f"the same, for regions; or '{ATLAS}': the regions of the atlas that 'yucca-wm atlas fetch' keeps, "
        "registered to the white matter found, as in the paper (some seconds more)",
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
        "--mirror", action="store_true", help="average over mirror images (slower; left and right labels are exchanged)"
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
    arguments = parser.parse_args(argv)
    with reading(Headers(arguments.header, OPTION)):  # what is in doubt is among the notes on each person
        return _predict(parser, arguments)


def _predict(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    how = run_options(arguments, parser)
    single = [path for path in (arguments.t1, arguments.flair) if path]
    if bool(single) == bool(arguments.cohort):
        parser.error("give either --t1 and/or --flair, or --cohort")
    if arguments.cohort and arguments.name:
        parser.error("--name is for one person; a cohort has its names")
    if arguments.name is not None and not names_a_file(arguments.name):
        parser.error(f"--name {arguments.name!r} cannot be the name of a file")
    if single and arguments.layout:
        parser.error("--layout goes with --cohort")
    if single and arguments.space == SPACES[1] and not arguments.t1:
        parser.error("--space t1 needs --t1")
    choice = choose(arguments.lesion_model, arguments.region_model)
    given = choice.given
    for flag in () if given else OF_OWN_MODELS:
        if getattr(arguments, flag):
            parser.error(f"--{flag} is for models of your own (--lesion-model, --region-model)".replace("_", "-"))
    if arguments.names and REGIONS not in given:
        parser.error("--names goes with a --region-model of your own")
    if arguments.soft and len(given) < 2:
        parser.error("--soft needs both --lesion-model and --region-model")
    warnings.simplefilter("ignore", FutureWarning)  # of torch, about code that is not the user's
    from yucca_wm.cohort.layouts import find_subjects
    from yucca_wm.core.errors import InputError
    from yucca_wm.core.regions import read_table, regions
    from yucca_wm.core.stages import stages_aloud
    from yucca_wm.localize.terminal import lines
    from yucca_wm.predict import cohort
    from yucca_wm.predict.case import Case, Options
    from yucca_wm.predict.folder import missing_folders, people_in, remove_made
    from yucca_wm.predict.registered import fetched
    from yucca_wm.predict.report import PAGES, shown_by_pages, write_pages
    from yucca_wm.report.notes import note_lines

    if arguments.cohort:
        cases = cohort.cases_of(find_subjects(arguments.cohort, arguments.layout or AUTO))
    else:
        scans = {m: path for m, path in (("T1", arguments.t1), ("FLAIR", arguments.flair)) if path}
        name = arguments.name or person_of_scan(single[0])
        if name is None:
            parser.error(f"{single[0]} does not say whose it is: add --name")
        cases = [Case(name, scans)]
        for path in single:
            if not path.exists():
                raise InputError(path, "no such file", "check the path")
    if choice.registered:
        fetched()
    models = {what: cohort.load(path, arguments.device) for what, path in given.items()}
    cohort.check_classes(models)
    table = read_table(arguments.names) if arguments.names else regions()
    if not arguments.names and REGIONS in models:
        for doubt in cohort.other_names(models[REGIONS], table):
            print(f"note: {doubt}", file=sys.stderr)
    options = Options(
        shipped=choice.shipped,
        registered=choice.registered,
        space=arguments.space,
        mirror=arguments.mirror,
        max_memory_gb=arguments.max_memory_gb,
        confidence=arguments.confidence,
        keep_softmax=arguments.keep_softmax,
        soft=arguments.soft,
    )
    made = missing_folders(arguments.out_dir)
    before = shown_by_pages(arguments.out_dir)
    with stages_aloud() if single else nullcontext():
        outcome = cohort.predict_cohort(
            cases, models, arguments.out_dir, options, how, table=table, device=arguments.device
        )
    failures = dict(outcome.failures)
    if single and not outcome.results:
        remove_made(made)
        print(f"error: {failures[cases[0].name]}", file=sys.stderr)
        return EXIT_FAILURE
    concerned = len(outcome.results) + len(set(failures) - set(outcome.results))
    if not how.is_whole:
        print(f"{len(outcome.results)} of {concerned} done")
        return report_failures(failures, concerned)
    if not outcome.results and people_in(arguments.out_dir):
        print(f"nobody could be predicted: {arguments.out_dir} is as it was before", file=sys.stderr)
        return report_failures(failures, concerned)
    if not single:
        print(f"{len(outcome.results)} of {concerned} done; which scans were used: {arguments.out_dir / cohort.TABLE}")
    noted = {name: about.get("notes", []) for name, about in outcome.results.items()}
    for line in note_lines(noted, named=concerned > 1):
        print(f"note: {line}", file=sys.stderr)
    localized = {LESIONS, REGIONS} <= set(cohort.found(models, options)) and set(outcome.results) - set(failures)
    if localized and single:
        print("\n".join(lines(arguments.out_dir, cases[0].name)))
    if localized and not arguments.no_report:
        with stages_aloud() if single else nullcontext():
            page, unshown = write_pages(cases, arguments.out_dir, table, arguments.space)
        print(f"open {page}" if page else "no pages: they need pip install 'yucca-wm[report]'")
        failures |= unshown
    elif (arguments.out_dir / PAGES).exists() and shown_by_pages(arguments.out_dir) != before:
        print(f"note: {arguments.out_dir / PAGES} shows an earlier run, not this one", file=sys.stderr)
    return report_failures(failures, concerned)


if __name__ == "__main__":
    run(main)
