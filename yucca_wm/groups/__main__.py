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
            "--transform", choices=("sqrt", "log1p", "none"), default="sqrt", help="of loads (default: sqrt)"
        )
        add_flag(command, "--anonymise")
        command.add_argument("--seed", type=int, default=0, metavar="N", help="of random numbers (default: 0)")
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


def main(arguments: list[str] | None = None) -> int:
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.command == "cluster" and options.k_max < 2:
        parser.error("--k-max must be 2 or more")
    if not options.covariates and options.command == "cluster" and (options.participants or options.missing):
        parser.error("--participants and --missing go with --covariates")
    if options.command == "associate" and options.permutations < 1:
        parser.error("--permutations must be 1 or more")

    check_packages()
    from yucca_wm.groups.analysis import Settings
    from yucca_wm.groups.associate_command import run_associate
    from yucca_wm.groups.cluster_command import run_cluster

    settings = Settings(
        covariates=options.covariates, categorical=options.categorical, missing=options.missing,
        scale=options.transform, exclude_flagged=options.exclude_flagged, anonymise=options.anonymise,
        seed=options.seed,
    )  # fmt: skip
    with reading_aloud(None):  # as a command, whose messages name flags
        if options.command == "cluster":
            lines, failed = run_cluster(
                options.loads, options.out_dir, participants=options.participants, settings=settings,
                method=options.method, k_max=options.k_max, adjust_total=options.adjust_total,
            )  # fmt: skip
        else:
            lines, failed = run_associate(
                options.loads, options.participants, options.outcome, options.out_dir, settings=settings,
                reference=options.reference, permutations=options.permutations,
            )  # fmt: skip
    for line in lines:
        print(line)
    print(f"tables and figures in {options.out_dir}; open {options.out_dir}/index.html")
    for name, reason in failed.items():
        print(f"error: {name}: {reason}", file=sys.stderr)
    return cli.EXIT_FAILURE if failed else cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main)
