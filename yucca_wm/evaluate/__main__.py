"""``python -m yucca_wm.evaluate``: compare lesion or region maps with the truth."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from yucca_wm.cli import Parser, report_failures, run
from yucca_wm.cli.flags import add_flag, add_run_flags, run_options
from yucca_wm.cli.lesion_labels import add_label_options, add_threshold_option, label_options
from yucca_wm.cohort.layouts import AUTO
from yucca_wm.imaging.reading import reading_aloud

KINDS = ("lesions", "regions")


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        "yucca-wm evaluate",
        description="Compare label maps with the truth: for lesions, the five measures of the WMH challenge; for "
        "regions, Dice, surface Dice and volume error. Means have 95 % intervals.",
    )
    parser.add_argument(
        "--pred",
        required=True,
        metavar="PATH",
        help="folder of predicted label maps, or one, which is added to the subjects in --out-dir",
    )
    parser.add_argument("--gt", metavar="PATH", help="true label map, or a folder of maps with the same names")
    add_flag(parser, "--cohort", "instead of --gt: its lesion masks (--regions: region maps) are the truth")
    add_flag(parser, "--layout")
    add_flag(parser, "--name", means="name of the subject of two files (default: from the prediction)")
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="scans to show maps on, matched by name (default: those of --cohort)"
    )
    add_flag(parser, "--out-dir", required=True)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--kind",
        choices=KINDS,
        help="what the maps show (default: found from their labels, where these leave no doubt)",
    )
    for name in KINDS:
        kind.add_argument(f"--{name}", dest="kind", action="store_const", const=name, help=f"the same as --kind {name}")
    add_label_options(parser)
    add_threshold_option(parser, "predictions")
    add_flag(parser, "--names", "default: the built-in table")
    add_flag(parser, "--resample", "predictions are brought to the grid of the truth")
    add_flag(parser, "--header")
    add_run_flags(parser, levels=False)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    labelled = any(getattr(arguments, name) is not None for name in ("lesion_labels", "ignore_labels", "threshold"))
    if labelled and (arguments.names or arguments.kind == KINDS[1]):
        parser.error("--lesion-labels, --ignore-labels and --threshold are for lesion maps: leave them out for regions")
    if arguments.names and arguments.kind == KINDS[0]:
        parser.error("--names is for region maps: leave it out for lesions")
    if (arguments.gt is None) == (arguments.cohort is None):
        parser.error("give either --gt or --cohort")
    if arguments.name is not None and not (Path(arguments.pred).is_file() and Path(arguments.gt or "").is_file()):
        parser.error("--name goes with a single file each for --pred and --gt")
    if arguments.layout is not None and arguments.cohort is None:
        parser.error("--layout goes with --cohort")
    labels = label_options(parser, arguments)
    run_how = run_options(arguments, parser)
    given = arguments.gt if arguments.cohort is None else arguments.cohort
    layout = None if arguments.cohort is None else arguments.layout or AUTO
    from yucca_wm.core.regions import region_table
    from yucca_wm.evaluate.case import How, implied_kind
    from yucca_wm.evaluate.cohort import PAGE, evaluate, headline
    from yucca_wm.evaluate.earlier import MANIFEST
    from yucca_wm.tasks.definition import Target

    table = region_table(arguments.names)
    stated = Target(arguments.kind) if arguments.kind else None
    kind = implied_kind(stated, of_lesions=labelled, of_regions=bool(arguments.names))
    how = How(kind, labels, table, arguments.resample)
    with reading_aloud(arguments.header):
        outcome = evaluate(
            arguments.pred,
            given,
            arguments.out_dir,
            how=how,
            layout=layout,
            scans=arguments.images,
            name=arguments.name,
            run=run_how,
        )
    for line in headline(outcome):
        print(line)
    if outcome.results:
        print(f"open {shlex.quote(str(arguments.out_dir / PAGE))}")
    elif (arguments.out_dir / MANIFEST).exists():
        print(f"no subject could be compared: {arguments.out_dir} is unchanged", file=sys.stderr)
    else:
        print(f"no subject could be compared: no tables in {arguments.out_dir}")
    return report_failures(outcome.failures, len(outcome.results) + len(outcome.failures))


if __name__ == "__main__":
    run(main)
