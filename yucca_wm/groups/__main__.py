"""``python -m yucca_wm.groups cluster|associate``: groups of subjects, and association with disease."""

from __future__ import annotations

import argparse
import sys

from yucca_wm import cli
from yucca_wm.cli.flags import add_flag
from yucca_wm.groups import check_packages
from yucca_wm.imaging.reading import reading_aloud


def build_parser() -> argparse.ArgumentParser:
    parser = cli.Parser("yucca-wm groups", description="Find out what regional lesion load says about a cohort.")
    commands = parser.add_subparsers(dest="command", required=True)
    cluster = commands.add_parser(
        "cluster", help="find groups of subjects with similar patterns of load, if there are any"
    )
    associate = commands.add_parser(
        "associate", help="test whether load in a region is associated with a diagnosis or a score"
    )
    for command in (cluster, associate):
        command.add_argument(
            "--loads", required=True, metavar="PATH", help="lesion_load.tsv, or the folder that holds it"
        )
        add_flag(command, "--out-dir", required=True)
        command.add_argument(
            "--participants", required=command is associate, metavar="TSV", help="BIDS participants.tsv"
        )
        command.add_argument("--covariates", nargs="+", default=[], metavar="COLUMN", help="columns of that table")
        command.add_argument(
            "--categorical",
            nargs="+",
            default=[],
            metavar="COLUMN",
            help="columns whose numbers are names (site 1, 2, 3)",
        )
        command.add_argument(
            "--missing",
            nargs="+",
            default=[],
            metavar="TOKEN",
            help="cells that mean no value, besides n/a, NA, NaN and empty ones",
        )
        add_flag(command, "--exclude-flagged")
        command.add_argument(
            "--transform", choices=("sqrt", "log1p", "none"), default="sqrt", help="transform of loads (default: sqrt)"
        )
        add_flag(command, "--anonymise")
        command.add_argument("--seed", type=int, default=0, metavar="N", help="seed of random numbers (default: 0)")
    cluster.add_argument(
        "--method",
        choices=("kmeans", "hierarchical", "gmm", "spectral"),
        default="kmeans",
        help="how to cluster (default: kmeans)",
    )
    cluster.add_argument(
        "--k-max", type=int, default=6, metavar="K", help="largest number of groups to try (default: 6)"
    )
    cluster.add_argument(
        "--adjust-total", action="store_true", help="regress out mean load, to group by pattern and not by severity"
    )
    associate.add_argument(
        "--outcome", required=True, metavar="COLUMN", help="column of two levels (logistic model) or of numbers"
    )
    associate.add_argument(
        "--reference", metavar="LEVEL", help="level of the outcome to compare with (default: the first)"
    )
    associate.add_argument("--permutations", type=int, default=5000, metavar="N", help="(default: 5000)")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.command == "cluster" and args.k_max < 2:
        parser.error("--k-max must be 2 or more")
    if not args.covariates and args.command == "cluster" and (args.participants or args.missing):
        parser.error("--participants and --missing go with --covariates")
    if args.command == "associate" and args.permutations < 1:
        parser.error("--permutations must be 1 or more")

    check_packages()
    from yucca_wm.groups.analysis import Settings
    from yucca_wm.groups.associate_command import run_associate
    from yucca_wm.groups.cluster_command import run_cluster

    settings = Settings(
        covariates=args.covariates, categorical=args.categorical, missing=args.missing,
        scale=args.transform, exclude_flagged=args.exclude_flagged, anonymise=args.anonymise,
        seed=args.seed,
    )  # fmt: skip
    with reading_aloud(None):  # as a command, whose messages name flags
        if args.command == "cluster":
            lines, failed = run_cluster(
                args.loads, args.out_dir, participants=args.participants, settings=settings,
                method=args.method, k_max=args.k_max, adjust_total=args.adjust_total,
            )  # fmt: skip
        else:
            lines, failed = run_associate(
                args.loads, args.participants, args.outcome, args.out_dir, settings=settings,
                reference=args.reference, permutations=args.permutations,
            )  # fmt: skip
    for line in lines:
        print(line)
    print(f"tables and figures in {args.out_dir}; open {args.out_dir}/index.html")
    for name, reason in failed.items():
        print(f"error: {name}: {reason}", file=sys.stderr)
    return cli.EXIT_FAILURE if failed else cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main)
