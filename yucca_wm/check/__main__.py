"""``python -m yucca_wm.check COHORT``: find problems in a cohort before hours of computing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yucca_wm import cli
from yucca_wm.cli.flags import add_flag
from yucca_wm.cohort.layouts import AUTO
from yucca_wm.core.errors import count
from yucca_wm.imaging.reading import OPTION, Headers, reading
from yucca_wm.parcellate.settings import NONZERO, Settings, Sides

if TYPE_CHECKING:
    from yucca_wm.check.cohort import Report

DESCRIPTION = """Open every file of a cohort and report what is wrong and how to fix it: files that are missing,
damaged or on another grid, labels that are not in the table, implausible volumes, duplicate scans, unusable names, and
too little disk space or memory. Nothing is changed. The exit code is 1 if predict would leave a subject out, or if a
file of one cannot be used; what is missing only for training is a note."""


def build_parser() -> argparse.ArgumentParser:
    parser = cli.Parser("yucca-wm check", description=DESCRIPTION)
    parser.add_argument("place", nargs="?", type=Path, metavar="COHORT", help="the same as --cohort COHORT")
    add_flag(parser, "--cohort")
    add_flag(parser, "--layout")
    parser.add_argument("--wm-labels", nargs="+", metavar="N", help="as for parcellate (default: 44 45; or nonzero)")
    parser.add_argument("--threshold", type=float, default=0.5, metavar="P", help="as for parcellate (default: 0.5)")
    parser.add_argument(
        "--sides", type=Sides, choices=list(Sides), default=Sides.KNOWN, help="as for parcellate (default: known)"
    )
    add_flag(parser, "--header")
    parser.add_argument("--tsv", type=Path, metavar="FILE", help="also write the problems to a table")
    add_flag(parser, "--jobs")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    labels: Any = args.wm_labels
    if labels is not None and labels != [NONZERO]:
        try:
            labels = tuple(int(label) for label in labels)
        except ValueError:
            parser.error(f"--wm-labels takes whole numbers, or {NONZERO}")
    if (args.place is None) == (args.cohort is None):
        parser.error("give one cohort")
    cohort, layout = args.cohort or args.place, args.layout or AUTO

    from yucca_wm.check import resources
    from yucca_wm.check.cohort import check_cohort
    from yucca_wm.check.findings import Level, note_lines, problem_table, write_tsv
    from yucca_wm.core.files import check_not_read

    settings = Settings(
        wm_labels=NONZERO if labels == [NONZERO] else labels, threshold=args.threshold, sides=args.sides
    )
    if args.tsv:
        check_not_read([args.tsv], [cohort])
    with reading(Headers(args.header, OPTION)):  # doubts are among the problems
        report = check_cohort(cohort, layout=layout, settings=settings, jobs=args.jobs)
    room = list(resources.needs(report)) if report.labelled else []
    problems = (*report.problems, *resources.shortages(iter(room)))
    print(_overview(report))
    for need in room:
        print(f"  {need}")
    wrong = [problem for problem in problems if problem.level is not Level.NOTE]
    if wrong:
        print(problem_table(wrong))
    for line in note_lines([problem for problem in problems if problem.level is Level.NOTE]):
        print(line)
    if args.tsv:
        write_tsv(problems, args.tsv)
    errors = len(report.errors)
    counts = f"{count(errors, 'error')}, {count(len(wrong) - errors, 'warning')}"
    print(f"{counts}; {report.ready} of {count(len(report.subjects), 'subject')} ready")
    return cli.EXIT_FAILURE if errors else cli.EXIT_OK


def _overview(report: Report) -> str:
    from yucca_wm.cohort.subject import FILE_COLUMNS, Split

    drawn = " and ".join(f"{list(report.splits.values()).count(side)} to {side}" for side in Split)
    sides = f" ({drawn})" if report.labelled else ""
    have = ", ".join(f"{sum(bool(s.files(column)) for s in report.subjects)} {column}" for column in FILE_COLUMNS)
    return f"{count(len(report.subjects), 'subject')}{sides} with {have}"


if __name__ == "__main__":
    cli.run(main)
