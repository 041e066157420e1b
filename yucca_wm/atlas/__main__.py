"""``python -m yucca_wm.atlas``: fetch the atlas, merge its labels into regions, draw it."""

from __future__ import annotations

import argparse
from pathlib import Path

from yucca_wm.cli import run


def parser() -> argparse.ArgumentParser:
    """The command line."""
    cli = argparse.ArgumentParser(prog="python -m yucca_wm.atlas", description="The atlas of white-matter regions.")
    steps = cli.add_subparsers(dest="step", required=True, metavar="fetch|refine|show")
    fetch = steps.add_parser("fetch", help="download the published files, check them and merge the labels")
    fetch.add_argument("--from", dest="offline", metavar="DIR", help="copy them from this folder, without network")
    fetch.add_argument("--to", metavar="DIR", help="keep them here (default: the cache, $YUCCA_WM_CACHE)")
    refine = steps.add_parser("refine", help="merge JHU Type-II labels into 34 regions and two remainders")
    refine.add_argument("--labels", metavar="FILE", help="label map to merge (default: the fetched JHU Type-II)")
    refine.add_argument(
        "--names", metavar="TSV", help="another table: index, name, jhu_ids (the labels merged into it)"
    )
    refine.add_argument("--wm", metavar="FILE", help="white matter on the same grid: keep labels inside it only")
    refine.add_argument("--out", metavar="FILE", required=True, help="label map to write; tables for viewers beside it")
    show = steps.add_parser("show", help="draw it")
    show.add_argument("--labels", metavar="FILE", help="label map (default: the fetched and merged atlas)")
    show.add_argument("--names", metavar="TSV", help="its table of labels (default: the built-in regions)")
    show.add_argument("--background", metavar="FILE", help="image to draw it over, such as a T1")
    show.add_argument("--out", metavar="FILE", required=True, help="picture to write (.png, .pdf, .svg)")
    return cli


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = parser().parse_args(argv)
    {"fetch": _fetch, "refine": _refine, "show": _show}[options.step](options)
    return 0


def _fetch(options: argparse.Namespace) -> None:
    from yucca_wm.atlas.fetch import fetch

    print(fetch(options.to, options.offline))


def _refine(options: argparse.Namespace) -> None:
    from yucca_wm.atlas.cache import TYPE2, cache_folder
    from yucca_wm.atlas.refine import refine_file
    from yucca_wm.atlas.tables import write_tables
    from yucca_wm.files import make_folder
    from yucca_wm.regions import read_table, regions

    table = read_table(options.names) if options.names else None
    out = Path(options.out)
    make_folder(out.parent)
    labels = Path(options.labels) if options.labels else cache_folder() / TYPE2
    for path in [refine_file(labels, out, table, options.wm), *write_tables(table or regions(), out.parent)]:
        print(path)


def _show(options: argparse.Namespace) -> None:
    from yucca_wm.atlas.cache import cached_atlas
    from yucca_wm.atlas.show import show
    from yucca_wm.files import make_folder
    from yucca_wm.regions import read_table

    make_folder(Path(options.out).parent)
    labels = options.labels or cached_atlas()[1]
    print(show(labels, options.out, read_table(options.names) if options.names else None, options.background))


if __name__ == "__main__":
    run(main)
