"""``yucca_ensemble`` (and ``python -m yucca_wm.ensemble``): merge folders of softmax files into label maps."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from yucca_wm.cli import Parser, report_failures, run
from yucca_wm.cli.flags import add_flag, add_run_flags, run_options
from yucca_wm.imaging.reading import reading_aloud


def build_parser() -> argparse.ArgumentParser:
    """The command line; ``--in_dirs`` and ``--out_dir`` are Yucca's own."""
    called = Path(sys.argv[0]).stem
    parser = Parser(
        "yucca_ensemble" if called == "yucca_ensemble" else "yucca-wm ensemble",
        description="Merge the softmax files of several models, case by case, into label maps.",
    )
    parser.add_argument(
        "--in_dirs", "--in-dirs", nargs="+", required=True, metavar="DIR",
        help="folders that yucca_inference --save_softmax wrote",
    )  # fmt: skip
    add_flag(parser, "--out-dir", means="folder for the label maps and ensemble.json", required=True)
    parser.add_argument(
        "--method", choices=["mean", "geometric"], default="mean", help="how to average (default: mean)"
    )
    parser.add_argument(
        "--weights", nargs="+", type=float, metavar="W", help="a positive number for each folder (default: equal)"
    )
    parser.add_argument(
        "--allow_missing", "--allow-missing", action="store_true",
        help="merge a case from the folders that have it, even if others do not",
    )  # fmt: skip
    add_flag(parser, "--resample", "they are brought to the grid of the first folder")
    parser.add_argument("--confidence", action="store_true", help="also write the probability of each voxel's label")
    add_run_flags(parser, levels=False)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    how = run_options(args, parser)
    from yucca_wm.ensemble.folders import MANIFEST, Options, merge_folders
    from yucca_wm.ensemble.merge import Method

    options = Options(
        method=Method(args.method),
        weights=tuple(args.weights) if args.weights else None,
        allow_missing=args.allow_missing,
        resample=args.resample,
        confidence=args.confidence,
    )
    with reading_aloud(None):  # as a command, whose messages name flags
        outcome = merge_folders(args.in_dirs, args.out_dir, options, how)
    print(f"{len(outcome.results)} label maps in {args.out_dir}; what went in: {MANIFEST} there")
    partial = [name for name, made in outcome.results.items() if len(made["members"]) < len(args.in_dirs)]
    if partial:
        print(f"merged from only some of the folders: {', '.join(partial)}")
    return report_failures(outcome.failures, len(outcome.results) + len(outcome.failures))


if __name__ == "__main__":
    run(main)
