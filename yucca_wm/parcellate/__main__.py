"""``python -m yucca_wm.parcellate``: region labels for one subject, or for every subject of a cohort."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from yucca_wm.cli import Parser, run
from yucca_wm.cli.flags import add_flag, add_run_flags, run_options
from yucca_wm.cohort.layouts import AUTO as LAYOUT_AUTO
from yucca_wm.imaging.reading import reading_aloud
from yucca_wm.jobs.options import RunOptions
from yucca_wm.parcellate.settings import NONZERO, Init, Interpolation, Metric, Settings, Sides, Transform

AUTO, NONE = "auto", "none"

OF_A_COHORT = ("layout", "jobs", "scheduler", "slurm", "force", "participant_label", "level")
"""Options that have no effect for a single subject."""

EXAMPLES = """\
examples:
  yucca-wm parcellate --atlas-wm atlas_wm.nii.gz --atlas-labels regions.nii.gz \\
      --wm sub-01_wm.nii.gz --out sub-01_regions.nii.gz
  yucca-wm parcellate --cohort WMH --jobs 4
"""


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        "yucca-wm parcellate",
        description="Label white matter by region: register an atlas to each subject and transfer its labels.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("one subject")
    what.add_argument(
        "--wm", metavar="FILE", help="white matter: label map, mask or probability map; 'auto': from --t1"
    )
    what.add_argument(
        "--out",
        metavar="PATH",
        help="region map to write (.nii.gz), with its companions beside it, in place of --out-dir",
    )
    what.add_argument("--t1", metavar="FILE", help="T1 on the grid of --wm: for the picture, and for --wm auto")
    many = parser.add_argument_group("a cohort")
    add_flag(many, "--cohort")
    add_flag(many, "--layout")
    add_flag(many, "--out-dir", "default for a cohort: derivatives/yucca_wm in it")
    atlas = parser.add_argument_group("atlas (default: the one that 'yucca-wm atlas fetch' keeps)")
    atlas.add_argument(
        "--atlas-wm", metavar="FILE", help="its white matter: a mask, or a label map of white matter only"
    )
    atlas.add_argument("--atlas-labels", metavar="FILE", help="its label map, on the same grid")
    atlas.add_argument(
        "--atlas-wm-labels",
        type=int,
        nargs="+",
        metavar="N",
        help="labels of white matter, if --atlas-wm is a tissue map",
    )
    add_flag(atlas, "--names", "of the atlas's labels (default: the built-in table)")
    wm = parser.add_argument_group("white matter of a subject")
    wm.add_argument(
        "--wm-labels", nargs="+", metavar="N", help=f"labels of white matter (default: 44 45, FAST-AID), or {NONZERO}"
    )
    wm.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        metavar="P",
        help="lowest probability that is white matter (default: 0.5)",
    )
    wm.add_argument(
        "--sides",
        type=Sides,
        choices=list(Sides),
        default=Sides.KNOWN,
        help="whether the sides of labels are checked against the header; known: by the tool's numbers (FreeSurfer: 41 "
        "is right); swapped: they are exchanged; ignore: no check (default: known)",
    )
    wm.add_argument(
        "--lesions",
        metavar="FILE",
        help="lesion mask on the grid of the white matter, counted as white matter (default for a cohort: that of each "
        f"subject); '{NONE}': not counted",
    )
    add_flag(parser, "--header")
    how = parser.add_argument_group("registration")
    how.add_argument(
        "--transform", type=Transform, choices=list(Transform), default=Transform.AFFINE, help="(default: affine)"
    )
    how.add_argument(
        "--metric",
        type=Metric,
        choices=list(Metric),
        default=Metric.LS,
        help="ls: agreement of smoothed masks; mattes: mutual information (default: ls)",
    )
    how.add_argument(
        "--init",
        type=Init,
        choices=list(Init),
        default=Init.CENTRE,
        help="where to start; centre: centres of mass aligned; search: also all right-angle rotations, for a header "
        "whose orientation was lost (default: centre)",
    )
    how.add_argument(
        "--interpolation",
        type=Interpolation,
        choices=list(Interpolation),
        default=Interpolation.NEAREST,
        help="(default: nearest)",
    )
    how.add_argument(
        "--fill-mm",
        type=float,
        default=3.0,
        metavar="MM",
        help="give unlabelled white matter the nearest label within this distance in mm (default: 3)",
    )
    how.add_argument("--no-picture", action="store_true", help="write no quality-control picture")
    add_run_flags(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    _check_usage(parser, args)
    if args.wm != AUTO or args.cohort is not None:  # else a network computes first
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # small matrices: more threads only wait for each other
    settings = _settings(parser, args)
    with reading_aloud(args.header):
        return _one(args, settings) if args.cohort is None else _all(args, settings, run_options(args, parser))


def _all(args: argparse.Namespace, settings: Settings, how: RunOptions) -> int:
    from yucca_wm.parcellate.cohort import AtlasFiles, parcellate_cohort

    return parcellate_cohort(
        args.cohort,
        args.out_dir,
        AtlasFiles(**_atlas_files(args)),
        settings,
        layout=args.layout or LAYOUT_AUTO,
        auto_wm=args.wm == AUTO,
        fill_lesions=args.lesions != NONE,
        picture=not args.no_picture,
        options=how,
    )


def _one(args: argparse.Namespace, settings: Settings) -> int:
    from yucca_wm.atlas.maps import load_atlas
    from yucca_wm.core.stages import stages_aloud
    from yucca_wm.parcellate.case import parcellate
    from yucca_wm.parcellate.outputs import check_free, single
    from yucca_wm.parcellate.quality import warn_of_doubts

    wm = Path(args.t1 if args.wm == AUTO else args.wm)
    out = single(args.out or args.out_dir, wm)
    if args.out is None or out.regions != Path(args.out):
        check_free(out, wm, "t1" if args.wm == AUTO else "wm")
    t1 = Path(args.t1) if args.t1 else None
    with stages_aloud():
        record = parcellate(
            load_atlas(**_atlas_files(args)),
            None if args.wm == AUTO else wm,
            out,
            settings,
            t1,
            lesions=None if args.lesions in (None, NONE) else Path(args.lesions),
            picture=not args.no_picture,
        )
    warn_of_doubts({str(out.regions): record})
    print(summary(record))
    print(out.regions)
    return 0


def summary(record: dict[str, Any]) -> str:
    """One line about a result, and another if it is in doubt."""
    usual = " (affine: .55 to .70 is usual)" if record["settings"]["transform"] == Transform.AFFINE else ""
    line = (
        f"white-matter Dice {record['wm_dice']:.3f}{usual}, {record['wm_volume_ml']:.0f} ml, "
        f"{record['filled_voxels']} voxels filled, {record['unlabelled_voxels']} without a label"
    )
    lines = [f"white matter: {record['white_matter']}", line]
    return "\n".join([*lines, *["registration in doubt: look at the picture"] * bool(record["doubts"])])


def _check_usage(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if args.cohort is None and (args.wm is None or (args.out is None) == (args.out_dir is None)):
        parser.error("give --wm and either --out or --out-dir (one subject), or --cohort")
    if args.out_dir is not None and args.out_dir.name.lower().endswith((".nii", ".nii.gz")):
        parser.error("--out-dir is a folder; --out is the file of one subject")
    if args.cohort is not None and args.out is not None:
        parser.error("--out goes with --wm; a cohort takes --out-dir")
    if args.cohort is not None and args.wm not in (None, AUTO):
        parser.error("--wm FILE is for one subject; with --cohort only --wm auto")
    if args.cohort is not None and args.lesions not in (None, NONE):
        parser.error(
            f"--lesions FILE is for one subject; a cohort has its own, and with --cohort only --lesions {NONE}"
        )
    if args.cohort is None and (
        lone := [name for name in OF_A_COHORT if getattr(args, name) != parser.get_default(name)]
    ):
        parser.error(f"--{lone[0].replace('_', '-')} goes with --cohort")
    if args.cohort is not None and args.t1 is not None:
        parser.error("--t1 is for one subject; a cohort has its own")
    run_options(args, parser)
    if args.wm == AUTO and args.wm_labels is not None:
        parser.error("--wm-labels is for a label map; --wm auto makes its own")
    if args.wm == AUTO and args.cohort is None and args.t1 is None:
        parser.error("--wm auto needs --t1")
    if (args.atlas_wm is None) != (args.atlas_labels is None):
        parser.error("--atlas-wm and --atlas-labels go together")
    if args.init is Init.SEARCH and args.transform is Transform.DEFORMABLE:
        parser.error("--init search is for --transform affine: a displacement in mm needs a header in mm")
    if not 0 < args.threshold <= 1:
        parser.error("--threshold lies between 0 and 1")
    if not 0 <= args.fill_mm <= 50:
        parser.error("--fill-mm lies between 0 and 50")


def _settings(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Settings:
    chosen = args.wm_labels
    if chosen is not None and chosen != [NONZERO]:
        try:
            chosen = tuple(int(label) for label in chosen)
        except ValueError:
            parser.error(f"--wm-labels takes whole numbers, or {NONZERO}")
    return Settings(
        transform=args.transform,
        metric=args.metric,
        init=args.init,
        interpolation=args.interpolation,
        wm_labels=NONZERO if chosen == [NONZERO] else chosen,
        threshold=args.threshold,
        sides=args.sides,
        fill_mm=args.fill_mm,
    )


def _atlas_files(args: argparse.Namespace) -> dict[str, Any]:
    if args.atlas_wm is None:
        from yucca_wm.atlas.fetch import cached_atlas

        wm, labels = cached_atlas("give --atlas-wm and --atlas-labels")
    else:
        wm, labels = Path(args.atlas_wm), Path(args.atlas_labels)
    chosen = None if args.atlas_wm_labels is None else tuple(args.atlas_wm_labels)
    return {"wm": wm, "labels": labels, "names": args.names, "wm_labels": chosen}


if __name__ == "__main__":
    run(main)
