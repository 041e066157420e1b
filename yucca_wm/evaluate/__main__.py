"""``python -m yucca_wm.evaluate``: how good lesion or region maps are."""

from __future__ import annotations

import argparse

from yucca_wm.cli import report_failures, run
from yucca_wm.cohort.options import add_run_options, run_options
from yucca_wm.lesion_maps import add_label_options, label_options
from yucca_wm.reading import add_header_option, reading_aloud

KINDS = ("lesions", "regions")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m yucca_wm.evaluate",
        description="Compare label maps with the truth: the five WMH challenge measures for lesions, "
        "Dice, surface Dice and volume error for regions; means with bootstrap 95 % intervals.",
    )
    parser.add_argument("--pred", required=True, help="predicted label map, or a folder of them")
    parser.add_argument("--gt", required=True, help="true label map, or a folder of maps with the same names")
    parser.add_argument("--out_dir", "--out-dir", required=True, help="where cases.tsv, summary.tsv and the rest go")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--kind", choices=KINDS, help="what the maps show (default: what their labels say, where that is sure)"
    )
    for name in KINDS:
        kind.add_argument(f"--{name}", dest="kind", action="store_const", const=name, help=f"the same as --kind {name}")
    add_label_options(parser)
    parser.add_argument("--names", metavar="TSV", help="table of the regions (default: the built-in one)")
    parser.add_argument("--resample", action="store_true", help="bring predictions on another grid to the truth's")
    add_header_option(parser)
    add_run_options(parser, jobs=1, levels=False)
    arguments = parser.parse_args()
    labelled = arguments.lesion_labels is not None or arguments.ignore_labels is not None
    if labelled and (arguments.names or arguments.kind == KINDS[1]):
        parser.error("--lesion-labels and --ignore-labels are for lesions")
    if arguments.names and arguments.kind == KINDS[0]:
        parser.error("--names is for regions")
    stated = arguments.kind or (KINDS[0] if labelled else KINDS[1] if arguments.names else None)
    labels = label_options(parser, arguments)
    from yucca_wm.evaluate.cohort import How, Kind, evaluate, headline
    from yucca_wm.regions import read_table, regions

    table = read_table(arguments.names) if arguments.names else regions()
    how = How(Kind(stated) if stated else None, labels, table, arguments.resample)
    with reading_aloud(arguments.header):
        outcome = evaluate(arguments.pred, arguments.gt, arguments.out_dir, how=how, run=run_options(arguments))
    for line in headline(outcome):
        print(line)
    print(f"tables and figure: {arguments.out_dir}")
    return report_failures(outcome.failures, len(outcome.results) + len(outcome.failures))


if __name__ == "__main__":
    run(main)
