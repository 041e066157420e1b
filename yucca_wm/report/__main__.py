"""``python -m yucca_wm.report``: HTML pages for a cohort and its subjects, from the tables of localize."""

from __future__ import annotations

import argparse
import importlib.util
import shlex

from yucca_wm import cli
from yucca_wm.cli.flags import add_flag
from yucca_wm.core.errors import MissingExtraError
from yucca_wm.imaging.reading import reading_aloud

DESCRIPTION = "Write self-contained HTML pages (no network needed) for a cohort and for every subject."


def build_parser() -> argparse.ArgumentParser:
    parser = cli.Parser("yucca-wm report", description=DESCRIPTION)
    parser.add_argument("--results", required=True, metavar="DIR", help="folder that localize or predict wrote")
    add_flag(parser, "--out-dir", required=True)
    parser.add_argument("--images", metavar="DIR", help="scans (FLAIR or T1) to show lesions on, matched by name")
    parser.add_argument("--atlas", metavar="FILE", help="label map to show mean loads on")
    add_flag(parser, "--names", "default: the one in the results")
    add_flag(parser, "--header")
    parser.add_argument("--cohort-only", action="store_true", help="write no pages of single subjects")
    add_flag(parser, "--exclude-flagged", "from the means only")
    add_flag(parser, "--anonymise")
    add_flag(parser, "--jobs")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.cohort_only and args.jobs is not None:
        parser.error("--jobs is for pages of subjects; --cohort-only leaves them out")

    for module in ("jinja2", "nilearn"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(module, "report")
    from yucca_wm.core.regions import read_table
    from yucca_wm.report.write import write_report

    table = read_table(args.names) if args.names else None
    with reading_aloud(args.header):
        page, failures = write_report(
            args.results, args.out_dir, table, backgrounds=args.images, atlas=args.atlas,
            exclude_flagged=args.exclude_flagged, subjects=not args.cohort_only, anonymise=args.anonymise,
            jobs=args.jobs,
        )  # fmt: skip
    print(f"open {shlex.quote(str(page))}")
    return cli.report_failures(failures)


if __name__ == "__main__":
    cli.run(main)
