"""``python -m yucca_wm.demo.make_cohort``: a synthetic cohort with known truth in the WMH challenge's layout."""

from __future__ import annotations

import argparse

from yucca_wm import cli
from yucca_wm.cli.flags import add_flag


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.Parser("python -m yucca_wm.demo.make_cohort", description=__doc__)
    add_flag(parser, "--out-dir", means="folder for cohort/, truth/ and atlas/", old=["--out"], required=True)
    parser.add_argument("--train", type=int, default=12, metavar="N", help="training subjects (default: 12)")
    parser.add_argument("--test", type=int, default=4, metavar="N", help="test subjects (default: 4)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another number, another cohort (default: 0)")
    parser.add_argument("--atlas", metavar="DIR", help="real atlas and brains instead of ICBM152 and stand-in regions")
    parser.add_argument("--coarse", action="store_true", help="coarser images and a 2 mm template, for tests")
    add_flag(parser, "--jobs")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Write the cohort; returns the exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.train < 1 or args.test < 0:
        parser.error("--train is at least 1, --test at least 0")

    from yucca_wm.core.regions import regions
    from yucca_wm.demo import anatomy, standin
    from yucca_wm.demo.phantom import COARSE_SITES, SITES
    from yucca_wm.demo.write_cohort import plans, write_atlas, write_cohort

    out = args.out_dir
    brains: tuple[anatomy.Anatomy, ...]
    if args.atlas:
        brains, table = anatomy.from_atlas(args.atlas), regions()
    else:
        brains, table = (anatomy.icbm152(2 if args.coarse else 1),), standin.table()
    write_atlas(brains[0], table, out / "atlas")
    for brain in brains:
        brain.prepare()
    subjects = plans(args.train, args.test, len(brains), COARSE_SITES if args.coarse else SITES)
    outcome = write_cohort(subjects, brains, out / "cohort", out / "truth", seed=args.seed, jobs=args.jobs)
    print(f"{len(outcome.results)} subjects in {out / 'cohort'}, their truth in {out / 'truth'}")
    return cli.report_failures(outcome.failures, len(subjects))


if __name__ == "__main__":
    cli.run(main)
