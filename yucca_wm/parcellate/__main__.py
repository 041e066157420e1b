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


def parser() -> argparse.ArgumentParser:
    """The command line."""
    cli = Parser(
        "yucca-wm parcellate",
        description="Label white matter by region: register an atlas to each subject and carry its labels over.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = cli.add_argument_group("one subject")
    what.add_argument(
        "--wm", metavar="FILE", help="white matter: label map, mask or probability map; 'auto': from --t1"
    )
    what.add_argument(
        "--out",
        metavar="PATH",
        help="region map to write (.nii.gz), with its companions beside it, in place of --out-dir",
    )
    what.add_argument("--t1", metavar="FILE", help="T1 on the grid of --wm: for the picture, and for --wm auto")
    many = cli.add_argument_group("a cohort")
    add_flag(many, "--cohort")
    add_flag(many, "--layout")
    add_flag(many, "--out-dir", "default for a cohort: derivatives/yucca_wm in it")
    atlas = cli.add_argument_group("atlas (default: the one that 'yucca-wm atlas fetch' keeps)")
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
    wm = cli.add_argument_group("white matter of a subject")
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
        help="numbers of left and right labels (default: known)",
    )
    wm.add_argument(
        "--lesions",
        metavar="FILE",
        help="lesion mask on the grid of the white matter, counted as white matter (default for a cohort: that of each "
        f"subject); '{NONE}': not counted",
    )
    add_flag(cli, "--header")
    how = cli.add_argument_group("registration")
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
        help="where to start: centres of mass, or search, for a header that was lost (default: centre)",
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
    add_run_flags(cli)
    return cli


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    cli = parser()
    options = cli.parse_args(argv)
    _check_usage(cli, options)
    if options.wm != AUTO or options.cohort is not None:  # else a network computes first
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # small matrices: more threads only wait for each other
    settings = _settings(cli, options)
    with reading_aloud(options.header):
        return _one(options, settings) if options.cohort is None else _all(options, settings, run_options(options, cli))


def _all(options: argparse.Namespace, settings: Settings, how: RunOptions) -> int:
    from yucca_wm.parcellate.cohort import AtlasFiles, parcellate_cohort

    return parcellate_cohort(
        options.cohort,
        options.out_dir,
        AtlasFiles(**_atlas_files(options)),
        settings,
        layout=options.layout or LAYOUT_AUTO,
        auto_wm=options.wm == AUTO,
        fill_lesions=options.lesions != NONE,
        picture=not options.no_picture,
        options=how,
    )


def _one(options: argparse.Namespace, settings: Settings) -> int:
    from yucca_wm.atlas.maps import load_atlas
    from yucca_wm.core.stages import stages_aloud
    from yucca_wm.parcellate.case import parcellate
    from yucca_wm.parcellate.outputs import check_free, single
    from yucca_wm.parcellate.quality import warn_of_doubts

    wm = Path(options.t1 if options.wm == AUTO else options.wm)
    out = single(options.out or options.out_dir, wm)
    if options.out is None or out.regions != Path(options.out):
        check_free(out, wm, "t1" if options.wm == AUTO else "wm")
    t1 = Path(options.t1) if options.t1 else None
    with stages_aloud():
        record = parcellate(
            load_atlas(**_atlas_files(options)),
            None if options.wm == AUTO else wm,
            out,
            settings,
            t1,
            lesions=None if options.lesions in (None, NONE) else Path(options.lesions),
            picture=not options.no_picture,
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


def _check_usage(cli: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.cohort is None and (options.wm is None or (options.out is None) == (options.out_dir is None)):
        cli.error("give --wm and either --out or --out-dir (one subject), or --cohort")
    if options.out_dir is not None and options.out_dir.name.lower().endswith((".nii", ".nii.gz")):
        cli.error("--out-dir is a folder; --out is the file of one subject")
    if options.cohort is not None and options.out is not None:
        cli.error("--out goes with --wm; a cohort takes --out-dir")
    if options.cohort is not None and options.wm not in (None, AUTO):
        cli.error("--wm FILE is for one subject; with --cohort only --wm auto")
    if options.cohort is not None and options.lesions not in (None, NONE):
        cli.error(f"--lesions FILE is for one subject; a cohort has its own, and with --cohort only --lesions {NONE}")
    if options.cohort is None and (
        lone := [name for name in OF_A_COHORT if getattr(options, name) != cli.get_default(name)]
    ):
        cli.error(f"--{lone[0].replace('_', '-')} goes with --cohort")
    if options.cohort is not None and options.t1 is not None:
        cli.error("--t1 is for one subject; a cohort has its own")
    run_options(options, cli)
    if options.wm == AUTO and options.wm_labels is not None:
        cli.error("--wm-labels is for a label map; --wm auto makes its own")
    if options.wm == AUTO and options.cohort is None and options.t1 is None:
        cli.error("--wm auto needs --t1")
    if (options.atlas_wm is None) != (options.atlas_labels is None):
        cli.error("--atlas-wm and --atlas-labels go together")
    if options.init is Init.SEARCH and options.transform is Transform.DEFORMABLE:
        cli.error("--init search is for --transform affine: a displacement in mm needs a header in mm")
    if not 0 < options.threshold <= 1:
        cli.error("--threshold lies between 0 and 1")
    if not 0 <= options.fill_mm <= 50:
        cli.error("--fill-mm lies between 0 and 50")


def _settings(cli: argparse.ArgumentParser, options: argparse.Namespace) -> Settings:
    chosen = options.wm_labels
    if chosen is not None and chosen != [NONZERO]:
        try:
            chosen = tuple(int(label) for label in chosen)
        except ValueError:
            cli.error(f"--wm-labels takes whole numbers, or {NONZERO}")
    return Settings(
        transform=options.transform,
        metric=options.metric,
        init=options.init,
        interpolation=options.interpolation,
        wm_labels=NONZERO if chosen == [NONZERO] else chosen,
        threshold=options.threshold,
        sides=options.sides,
        fill_mm=options.fill_mm,
    )


def _atlas_files(options: argparse.Namespace) -> dict[str, Any]:
    if options.atlas_wm is None:
        from yucca_wm.atlas.fetch import cached_atlas

        wm, labels = cached_atlas("give --atlas-wm and --atlas-labels")
    else:
        wm, labels = Path(options.atlas_wm), Path(options.atlas_labels)
    chosen = None if options.atlas_wm_labels is None else tuple(options.atlas_wm_labels)
    return {"wm": wm, "labels": labels, "names": options.names, "wm_labels": chosen}


if __name__ == "__main__":
    run(main)
