"""``python -m yucca_wm.report``: HTML pages for a cohort and its subjects, from the tables of localize."""

from __future__ import annotations

import argparse
import importlib.util

from yucca_wm import cli
from yucca_wm.errors import MissingExtraError
from yucca_wm.reading import add_header_option, reading_aloud

DESCRIPTION = "Self-contained HTML pages (no network needed) for a cohort and for every subject."


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m yucca_wm.report", description=DESCRIPTION)
    parser.add_argument("--results", required=True, metavar="DIR", help="folder that yucca_wm.localize wrote")
    parser.add_argument("--out_dir", "--out-dir", required=True, metavar="OUT", help="folder for the pages")
    parser.add_argument("--images", metavar="DIR", help="scans (FLAIR, or T1) to show lesions on, matched by name")
    parser.add_argument("--atlas", metavar="FILE", help="label map to paint mean loads on")
    parser.add_argument("--names", metavar="TSV", help="region table (default: the one among the results)")
    add_header_option(parser)
    parser.add_argument("--cohort-only", action="store_true", help="no pages for single subjects")
    parser.add_argument("--anonymise", action="store_true", help="numbers in place of names, and no paths")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default: 1)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    options = build_parser().parse_args(arguments)

    for module in ("jinja2", "nilearn"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(module, "report")
    from yucca_wm.regions import read_table
    from yucca_wm.report.write import write_report

    table = read_table(options.names) if options.names else None
    with reading_aloud(options.header):
        page, failures = write_report(
            options.results, options.out_dir, table, backgrounds=options.images, atlas=options.atlas,
            subjects=not options.cohort_only, anonymise=options.anonymise, jobs=options.jobs,
        )  # fmt: skip
    print(f"open {page}")
    return cli.report_failures(failures, len(failures))


if __name__ == "__main__":
    cli.run(main)
