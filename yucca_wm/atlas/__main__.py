"""``python -m yucca_wm.atlas``: fetch the atlas, merge its labels into regions, draw it."""

from __future__ import annotations

import argparse
from pathlib import Path

from yucca_wm.cli import Parser, run
from yucca_wm.cli.flags import add_flag


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser("yucca-wm atlas", description="Fetch, refine and draw the published atlas of white-matter regions.")
    steps = parser.add_subparsers(dest="step", required=True, metavar="fetch|refine|show", title="what to do")
    fetch = steps.add_parser("fetch", help="download the published files, verify them and merge the labels")
    fetch.add_argument(
        "--from", dest="offline", metavar="DIR", help="copy the files from this folder instead of downloading"
    )
    add_flag(fetch, "--out-dir", means="where to keep the files (default: the cache, $YUCCA_WM_CACHE)", old=["--to"])
    refine = steps.add_parser("refine", help="merge JHU Type-II labels into 34 regions and two remainders")
    refine.add_argument(
        "--labels", metavar="FILE", help="label map to merge (default: the JHU Type-II map that was fetched)"
    )
    add_flag(refine, "--names", "jhu_ids says which labels are merged (default: the built-in table)")
    refine.add_argument(
        "--wm", metavar="FILE", help="white-matter mask on the same grid; labels outside it are removed"
    )
    refine.add_argument(
        "--out", metavar="FILE", required=True, help="label map to write; label tables for viewers go beside it"
    )
    show = steps.add_parser("show", help="draw a label map")
    show.add_argument("--labels", metavar="FILE", help="label map (default: the fetched and merged atlas)")
    add_flag(show, "--names", "default: the built-in table")
    show.add_argument("--background", metavar="FILE", help="image to draw it on, for instance a T1")
    show.add_argument("--out", metavar="FILE", required=True, help="picture to write (.png, .pdf, .svg)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    args = build_parser().parse_args(argv)
    {"fetch": _fetch, "refine": _refine, "show": _show}[args.step](args)
    return 0


def _fetch(args: argparse.Namespace) -> None:
    from yucca_wm.atlas.fetch import fetch

    print(fetch(args.out_dir, args.offline))


def _refine(args: argparse.Namespace) -> None:
    from yucca_wm.atlas.fetch import TYPE2, cache_folder
    from yucca_wm.atlas.maps import refine_file
    from yucca_wm.atlas.viewers import write_tables
    from yucca_wm.core.files import make_folder
    from yucca_wm.core.regions import read_table, regions

    table = read_table(args.names) if args.names else None
    out = Path(args.out)
    make_folder(out.parent)
    labels = Path(args.labels) if args.labels else cache_folder() / TYPE2
    for path in [refine_file(labels, out, table, args.wm), *write_tables(table or regions(), out.parent)]:
        print(path)


def _show(args: argparse.Namespace) -> None:
    from yucca_wm.atlas.fetch import cached_atlas
    from yucca_wm.atlas.viewers import show
    from yucca_wm.core.files import make_folder
    from yucca_wm.core.regions import read_table

    make_folder(Path(args.out).parent)
    labels = args.labels or cached_atlas("give --labels")[1]
    print(show(labels, args.out, read_table(args.names) if args.names else None, args.background))


if __name__ == "__main__":
    run(main)
