"""``python -m yucca_wm.demo``: a synthetic cohort with known truth, and every command of the chain run on it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from yucca_wm import cli
from yucca_wm.cli.flags import add_flag

DESCRIPTION = """Make a small cohort of synthetic patients (warped real anatomy with known lesions and regions) and run
the whole chain on it with Yucca's own commands: region labels, conversion, training, inference, ensembles, evaluation,
localization. Print every command, the lesion load of each region, and how far it is from the truth. Run it again with
the same folder to resume where it stopped."""


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.Parser("yucca-wm demo", description=DESCRIPTION)
    add_flag(parser, "--out-dir", means="folder for everything (default: demo_out)", old=["--out"])
    parser.add_argument("--quick", action="store_true", help="run every command in two minutes; models learn nothing")
    parser.add_argument(
        "--atlas", metavar="DIR", help="folder of the real atlas and brains, instead of ICBM152 and stand-in regions"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    args = build_parser().parse_args(argv)

    import time

    from yucca_wm.core.files import make_folder, write_text
    from yucca_wm.demo import chain
    from yucca_wm.demo.runner import Runner

    start = time.monotonic()
    out = make_folder(Path(args.out_dir or "demo_out").resolve())
    atlas = Path(args.atlas).resolve() if args.atlas else None
    settings = chain.QUICK if args.quick else chain.FULL
    steps = chain.steps(settings, out, atlas)
    environment = chain.environment(out)
    programs = Path(sys.executable).parent
    exports = [f"export {name}={value}" for name, value in environment.items()]
    header = [f'export PATH="{programs}:$PATH"', *exports]
    print("\n".join(header) + "\n", flush=True)
    write_text(out / "commands.sh", "\n".join(["set -e", *header, *[step.shown() for step in steps]]) + "\n")
    quiet = {
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "OMP_WAIT_POLICY": "PASSIVE",
        "MPLBACKEND": "Agg",
        "PYTHONUNBUFFERED": "1",
    }
    Runner(out, environment, quiet, jobs=2).run(steps)

    from yucca_wm.core.files import write_json
    from yucca_wm.core.regions import read_table
    from yucca_wm.demo.scores import draw, read_loads, region_table, score_lines, scores

    lesions = chain.ensemble_folder(out, chain.LESION_TASK, settings.lesions)
    regions = chain.ensemble_folder(out, chain.REGION_TASK, settings.regions)
    table, loads = read_table(out / "atlas" / "regions.tsv"), read_loads(out)
    found = scores(out, lesions, regions)
    write_json(out / "scores.json", {score.name: score.value for score in found})
    figure = draw(out, lesions, regions, loads, table, out / "demo.png")
    print(f"\n{region_table(loads, table)}\n\n{score_lines(found)}\n")
    if args.quick:
        print("These models were trained for seconds, to show that every command runs; their figures mean nothing.")
    print(f"figure: {figure}\nall commands: {out / 'commands.sh'}")
    print(f"done in {(time.monotonic() - start) / 60:.1f} minutes")
    return cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main)
