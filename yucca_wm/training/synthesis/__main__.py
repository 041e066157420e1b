"""``python -m yucca_wm.training.synthesis``: heads for ``yucca_train -man YuccaManager_Synthesis`` from label maps."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from yucca_wm.cli import Parser, report_failures, run
from yucca_wm.cli.flags import add_flag, add_run_flags, run_options
from yucca_wm.imaging.reading import reading_aloud

EXAMPLE = """\
example:
  yucca-wm synthesis --labels head_labels --regions parcellations --lesion-masks lesion_masks_mni
  yucca_preprocess -t Task007_WM_Synthesis -pl YuccaPlanner_Planes
  yucca_train -t Task007_WM_Synthesis -man YuccaManager_Synthesis -d 2D -m CompactUNet
"""


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        "yucca-wm synthesis",
        description="Prepare label maps of heads for training on synthetic scans: a raw Yucca task whose scans are "
        "painted from the labels while a network trains.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--labels",
        type=Path,
        required=True,
        metavar="DIR",
        help="label maps of heads at 1 mm, with the label numbers of FreeSurfer or SynthSeg",
    )
    parser.add_argument(
        "--regions",
        type=Path,
        required=True,
        metavar="DIR",
        help="their region maps by parcellate, with the files beside them",
    )
    parser.add_argument(
        "--lesion-masks",
        type=Path,
        metavar="DIR",
        help="lesion masks of other people (default: synthetic lesions only)",
    )
    parser.add_argument(
        "--template", type=Path, metavar="FILE", help="T1 brain in the space of the masks (default: MNI152, of nilearn)"
    )
    parser.add_argument(
        "--scans",
        type=Path,
        metavar="DIR|TABLE",
        help="T1, FLAIR or both of people whose label maps are in --labels under the same names: samples are cut from "
        "them, with the lesions of the label map (default: all samples are painted)",
    )
    parser.add_argument(
        "--scan-share",
        type=float,
        metavar="SHARE",
        help="share of the samples that are of real scans (default: 0.3)",
    )
    add_flag(
        parser,
        "--out-dir",
        means="folder of the task (default: Task007_WM_Synthesis in $YUCCA_RAW_DATA)",
        old=["--out"],
    )
    add_run_flags(parser, levels=False)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.scan_share is not None and args.scans is None:
        parser.error("--scan-share goes with --scans")
    how = run_options(args, parser)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from yucca_wm.training.synthesis.task import SHARE, TASK_NAME, prepare_task

    out: Path | None = args.out_dir
    if out is None:
        from yucca.paths import get_raw_data_path

        out = Path(get_raw_data_path()) / TASK_NAME
    with reading_aloud(None):  # as a command, whose messages name flags
        done = prepare_task(
            args.labels,
            args.regions,
            out,
            lesion_masks=args.lesion_masks,
            template=args.template,
            scans=args.scans,
            scan_share=SHARE if args.scan_share is None else args.scan_share,
            options=how,
        )
    for name, head in done.results.items():
        print(
            f"{name}: brain {head['brain_ml']:.0f} ml, {head['regions']} regions, "
            f"lesion masks over {100 * head['white_matter_under_masks']:.0f} % of the white matter"
            + (f", scans: {' '.join(head['scans'])}" if head["scans"] else "")
        )
    print(f"{out}: {len(done.results)} heads")
    return report_failures(done.failures, len(done.results) + len(done.failures))


if __name__ == "__main__":
    run(main)
