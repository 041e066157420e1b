"""``python -m yucca_wm.training.synthesis``: heads for ``yucca_train -man YuccaManager_Synthesis`` from label maps."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from yucca_wm.cli import report_failures, run
from yucca_wm.cohort.options import add_run_options, run_options

EXAMPLE = """\
example:
  python -m yucca_wm.training.synthesis --labels head_labels --regions parcellations --lesion-masks lesion_masks_mni
  yucca_preprocess -t Task007_WM_Synthesis -pl YuccaPlanner_Planes
  yucca_train -t Task007_WM_Synthesis -man YuccaManager_Synthesis -d 2D -m CompactUNet
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    cli = argparse.ArgumentParser(
        prog="python -m yucca_wm.training.synthesis",
        description="Make label maps of heads ready to be painted: a raw Yucca task whose scans are made up while a "
        "network trains on them.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cli.add_argument(
        "--labels",
        type=Path,
        required=True,
        metavar="DIR",
        help="label maps (FreeSurfer's or SynthSeg's numbers, 1 mm)",
    )
    cli.add_argument(
        "--regions", type=Path, required=True, metavar="DIR", help="their parcellations, with the companions"
    )
    cli.add_argument(
        "--lesion-masks", type=Path, metavar="DIR", help="lesion masks of other people (default: made-up lesions alone)"
    )
    cli.add_argument(
        "--template", type=Path, metavar="FILE", help="T1 brain in the space of the masks (default: MNI152, of nilearn)"
    )
    cli.add_argument("--out", type=Path, metavar="DIR", help="default: Task007_WM_Synthesis in $YUCCA_RAW_DATA")
    add_run_options(cli, levels=False)
    return cli


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = parser().parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from yucca_wm.training.synthesis.task import TASK_NAME, prepare_task

    out: Path | None = options.out
    if out is None:
        from yucca.paths import get_raw_data_path

        out = Path(get_raw_data_path()) / TASK_NAME
    done = prepare_task(
        options.labels,
        options.regions,
        out,
        lesion_masks=options.lesion_masks,
        template=options.template,
        options=run_options(options),
    )
    for name, head in done.results.items():
        print(
            f"{name}: brain {head['brain_ml']:.0f} ml, {head['regions']} regions, "
            f"lesion masks over {100 * head['white_matter_under_masks']:.0f} % of the white matter"
        )
    print(f"{out}: {len(done.results)} heads")
    return report_failures(done.failures, len(done.results) + len(done.failures))


if __name__ == "__main__":
    run(main)
