"""``python -m yucca_wm.evaluate``: how good lesion or region maps are."""

from __future__ import annotations

import argparse

from yucca_wm.cli import report_failures, run
from yucca_wm.cohort.options import add_run_options, run_options


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m yucca_wm.evaluate",
        description="Compare label maps with the truth: the five WMH challenge measures for lesions, "
        "Dice, surface Dice and volume error for regions; means with bootstrap 95 % intervals.",
    )
    parser.add_argument("--pred", required=True, help="predicted label map, or a folder of them")
    parser.add_argument("--gt", required=True, help="true label map, or a folder of maps with the same names")
    parser.add_argument("--out_dir", "--out-dir", required=True, help="where cases.tsv, summary.tsv and the rest go")
    parser.add_argument("--kind", choices=["lesions", "regions"], help="what the maps show (default: by their labels)")
    add_run_options(parser, jobs=1, levels=False)
    arguments = parser.parse_args()
    from yucca_wm.evaluate.cohort import Kind, evaluate, headline

    kind = Kind(arguments.kind) if arguments.kind else None
    outcome = evaluate(arguments.pred, arguments.gt, arguments.out_dir, kind=kind, run=run_options(arguments))
    for line in headline(outcome):
        print(line)
    print(f"tables and figure: {arguments.out_dir}")
    return report_failures(outcome.failures, len(outcome.results) + len(outcome.failures))


if __name__ == "__main__":
    run(main)
