"""``yucca_ensemble`` (and ``python -m yucca_wm.ensemble``): merge folders of softmax files into label maps."""

from __future__ import annotations

import argparse

from yucca_wm.cli import report_failures, run
from yucca_wm.cohort.options import add_run_options, run_options


def parser() -> argparse.ArgumentParser:
    """The command line; the first two options are Yucca's own."""
    parser = argparse.ArgumentParser(
        prog="yucca_ensemble", description="Merge the softmax files of several models, case by case, into label maps."
    )
    parser.add_argument("--in_dirs", nargs="+", required=True, help="folders that yucca_inference --save_softmax wrote")
    parser.add_argument("--out_dir", required=True, help="where to write the label maps and ensemble.json")
    parser.add_argument(
        "--method", choices=["mean", "geometric"], default="mean", help="how to average (default: mean)"
    )
    parser.add_argument("--weights", nargs="+", type=float, help="one positive number per folder (default: equal)")
    parser.add_argument("--allow_missing", action="store_true", help="merge a case from the folders that have it")
    parser.add_argument("--resample", action="store_true", help="bring grids that differ to that of the first folder")
    parser.add_argument("--confidence", action="store_true", help="also write how probable each voxel's label is")
    add_run_options(parser, jobs=1, levels=False)
    return parser


def main() -> int:
    arguments = parser().parse_args()
    from yucca_wm.ensemble.folders import MANIFEST, Options, merge_folders
    from yucca_wm.ensemble.merge import Method

    options = Options(
        method=Method(arguments.method),
        weights=tuple(arguments.weights) if arguments.weights else None,
        allow_missing=arguments.allow_missing,
        resample=arguments.resample,
        confidence=arguments.confidence,
    )
    outcome = merge_folders(arguments.in_dirs, arguments.out_dir, options, run_options(arguments))
    print(f"{len(outcome.results)} label maps in {arguments.out_dir}; what went in: {MANIFEST} there")
    partial = [name for name, made in outcome.results.items() if len(made["members"]) < len(arguments.in_dirs)]
    if partial:
        print(f"merged from only some of the folders: {', '.join(partial)}")
    return report_failures(outcome.failures, len(outcome.results) + len(outcome.failures))


if __name__ == "__main__":
    run(main)
