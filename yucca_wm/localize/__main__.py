"""``python -m yucca_wm.localize``: lesion load per region, lesion census and a heat map."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from yucca_wm import cli
from yucca_wm.cli.flags import add_flag, add_run_flags, run_options
from yucca_wm.cli.lesion_labels import add_label_options, add_threshold_option, label_options
from yucca_wm.cohort.layouts import AUTO
from yucca_wm.core.errors import count
from yucca_wm.core.modality import MODALITIES
from yucca_wm.imaging.lesion_maps import ALL
from yucca_wm.imaging.reading import reading_aloud

if TYPE_CHECKING:
    from yucca_wm.jobs.options import RunOptions
    from yucca_wm.localize.inputs.pairs import Inputs
    from yucca_wm.localize.measures.lesions import Settings

DESCRIPTION = """Say where the lesions are: lesion volume and load of every region in every subject, a table of all
lesions, and a heat map. If names show several visits of a person, also what has changed, and which lesions are new.
Works on the ensembles of this package and on your own lesion masks and region maps."""


def build_parser() -> argparse.ArgumentParser:
    parser = cli.Parser("yucca-wm localize", description=DESCRIPTION)
    parser.add_argument(
        "--lesions",
        metavar="PATH",
        help="folder of lesion maps, or the map of one subject, which is added to those in --out-dir",
    )
    parser.add_argument("--regions", metavar="PATH", help="folder of region maps, or one map for all")
    add_flag(
        parser, "--cohort",
        "its lesion masks, and parcellate's region maps, are used; --lesions or --regions replaces them",
    )  # fmt: skip
    add_flag(parser, "--layout")
    add_flag(parser, "--name")
    add_flag(parser, "--out-dir", required=True)
    add_label_options(parser)
    add_threshold_option(parser)
    add_flag(parser, "--names", "default: the built-in table")
    parser.add_argument(
        "--connectivity", type=int, choices=(6, 18, 26), default=26,
        help="voxels that touch by a face (6), also an edge (18), also a corner (26) are one lesion (default: 26)",
    )  # fmt: skip
    parser.add_argument(
        "--min-size", type=float, default=3.0, metavar="MM3",
        help="leave out smaller lesions (default: 3 mm3; 0 keeps all)",
    )  # fmt: skip
    parser.add_argument(
        "--assign-outside", type=float, default=0.0, metavar="MM",
        help="also assign lesion voxels in no region to the nearest region within MM, in columns of their own",
    )  # fmt: skip
    parser.add_argument("--ventricles", metavar="PATH", help="ventricle maps; adds the distance of each lesion to them")
    parser.add_argument(
        "--tissue", metavar="PATH",
        help="tissue maps, as predict writes them; adds the place of each lesion, from periventricular to deep",
    )  # fmt: skip
    parser.add_argument("--maps", action="store_true", help="also write maps of the lesions labelled by region")
    parser.add_argument("--bids", action="store_true", help="also write these maps as a BIDS derivative, in bids/")
    parser.add_argument(
        "--to-template", nargs="?", const="", metavar="FILE",
        help="also map lesions and their frequency in the space of this atlas image (default: the fetched atlas)",
    )  # fmt: skip
    parser.add_argument(
        "--transforms", metavar="DIR",
        help="transforms of parcellate (default: beside the region maps); 'none': maps are in that space already",
    )  # fmt: skip
    _add_companions(parser)
    add_flag(parser, "--resample", "region maps are brought to the grid of the lesions (always so with --cohort)")
    add_flag(parser, "--header")
    add_run_flags(parser)
    return parser


def _add_companions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--soft", action="store_true", help="also write volumes expected from the softmaxes, with their uncertainty"
    )
    for what in ("lesion", "region"):
        parser.add_argument(
            f"--{what}-softmax", nargs="+", default=[], metavar="DIR",
            help=f"softmax files of the {what} maps; several folders are averaged (default: beside the maps)",
        )  # fmt: skip
    for modality in MODALITIES:
        parser.add_argument(
            f"--{modality.lower()}-lesions", metavar="DIR", help=f"lesions from {modality} alone, to compare"
        )
        parser.add_argument(
            f"--{modality.lower()}-regions", metavar="DIR", help=f"regions from {modality} alone (default: --regions)"
        )


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    with reading_aloud(args.header):
        return _localize(parser, args)


def _localize(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    _check_usage(parser, args)
    settings, how = _settings(parser, args), run_options(args, parser)

    from yucca_wm.core.files import check_not_read
    from yucca_wm.core.regions import region_table
    from yucca_wm.jobs.resumable import only_run_in
    from yucca_wm.localize.cohort import localize_into
    from yucca_wm.localize.inputs.companions import CompanionPaths
    from yucca_wm.localize.inputs.pairs import cohort_inputs, folder_inputs
    from yucca_wm.localize.measures.flags import flag_lines
    from yucca_wm.localize.tables import REGIONS

    table = region_table(args.names)
    if args.cohort is None:
        inputs = folder_inputs(args.lesions, args.regions, args.ventricles, name=args.name)
    else:
        inputs = cohort_inputs(
            args.cohort, args.layout or AUTO,
            lesions=args.lesions, regions=args.regions, ventricles=args.ventricles,
        )  # fmt: skip
    carry = _carrier(args, inputs, settings, how)
    companions = CompanionPaths(
        args.soft, tuple(args.lesion_softmax), tuple(args.region_softmax),
        _by_modality(args, "lesions"), _by_modality(args, "regions"), args.tissue,
    )  # fmt: skip
    check_not_read([Path(args.out_dir) / REGIONS], [args.names])
    with only_run_in(args.out_dir, how) as out:
        flags, failures = localize_into(
            out, inputs, table, settings, maps=args.maps, bids=args.bids, companions=companions, options=how
        )
    for line in flag_lines(flags):
        print(f"note: {line}", file=sys.stderr)
    if failures and not inputs.pairs and args.cohort is None:
        print("note: files of any name can be listed in a table: --cohort TABLE", file=sys.stderr)
    subjects = set(flags) | set(failures)
    _tell(args, inputs, flags, failures, whole=how.is_whole)
    if carry is not None and (flags or not how.is_whole):
        failures = failures | carry(flags)
    return cli.report_failures(failures, len(subjects))


def _check_usage(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Exit with an error if options do not fit together."""
    if args.cohort is None and None in (args.lesions, args.regions):
        parser.error("give --lesions and --regions, or --cohort")
    if args.cohort is None and args.layout is not None:
        parser.error("--layout goes with --cohort")
    if args.name is not None and (args.cohort is not None or not Path(args.lesions).is_file()):
        parser.error("--name is for a single lesion map")
    if args.transforms is not None and args.to_template is None:
        parser.error("--transforms goes with --to-template")
    if (args.lesion_softmax or args.region_softmax) and not args.soft:
        parser.error("--lesion-softmax and --region-softmax go with --soft")
    if args.tissue and args.ventricles:
        parser.error("--tissue already includes the ventricles: leave --ventricles out")
    if missing := sorted(_by_modality(args, "regions").keys() - _by_modality(args, "lesions").keys()):
        parser.error(f"--{missing[0].lower()}-regions goes with --{missing[0].lower()}-lesions")


def _by_modality(args: argparse.Namespace, what: str) -> dict[str, str]:
    """Modality -> value of ``--t1-lesions`` and similar options, for those given."""
    return {name: place for name in MODALITIES if (place := getattr(args, f"{name.lower()}_{what}"))}


def _settings(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Settings:
    """The settings from the arguments; exits with an error if they are invalid."""
    labels = label_options(parser, args)
    from yucca_wm.localize.measures.lesions import Settings

    try:
        return Settings(
            lesion_labels=(ALL,) if labels.counted is None else labels.counted,
            ignored_labels=labels.ignored,
            threshold=args.threshold,
            connectivity=args.connectivity,
            min_size_mm3=args.min_size,
            assign_outside_mm=args.assign_outside,
            resample=args.resample or args.cohort is not None,
        )
    except ValueError as error:
        parser.error(str(error))


def _carrier(
    args: argparse.Namespace, inputs: Inputs, settings: Settings, how: RunOptions
) -> Callable[[Collection[str]], dict[str, str]] | None:
    """Function that carries lesions to the template of ``--to-template``, of the given subjects in a partial run, else
    of all; it returns failed subjects with the reason. None without the flag."""
    if args.to_template is None:
        return None
    from yucca_wm.localize.atlas_space import Localized, carry_cohort, find_template
    from yucca_wm.parcellate.transforms import BESIDE, Transforms, find_transforms

    template = find_template(args.to_template)
    if args.transforms is None and (inputs.adds or args.regions is None):
        transforms = Transforms(BESIDE, {})
    else:
        transforms = find_transforms(args.transforms or args.regions)

    def carry(subjects: Collection[str]) -> dict[str, str]:
        if not how.is_whole:
            these = [Localized(name, inputs.pairs[name].lesions, inputs.pairs[name].regions) for name in subjects]
            return carry_cohort(args.out_dir, template, transforms, how, (these, settings))[1]
        carried, failures = carry_cohort(args.out_dir, template, transforms, how)
        where = (
            f"on {template}: {args.out_dir}/template" if carried else "was not written: no subject could be transformed"
        )
        print(f"lesion frequency of {carried} subjects {where}")
        return failures

    return carry


def _tell(
    args: argparse.Namespace, inputs: Inputs, flags: Collection[str], failures: Collection[str], *, whole: bool
) -> None:
    """Print where the lesions of a single subject are, or the load of each of several, and what is outdated.

    flags, failures : localized and failed subjects. whole : the run covers all subjects and has written the tables.
    """
    from yucca_wm.localize.summary import MANIFEST, Summary
    from yucca_wm.localize.terminal import cohort_lines, lines

    done = f"{count(len(flags), 'subject')} localized; tables and heat map"
    if not whole:
        print(f"{done}: run with --level group next")
        return
    if not flags:
        if inputs.adds and set(failures) <= Summary.of_earlier_run(args.out_dir).failures.keys():
            print(f"no subject could be localized: see {args.out_dir / MANIFEST}")
        elif (args.out_dir / MANIFEST).exists():
            print(f"no subject could be localized: {args.out_dir} is unchanged", file=sys.stderr)
        else:
            print(f"no subject could be localized: no tables in {args.out_dir}")
        return
    alone = inputs.pairs.keys() & set(flags)
    print("\n".join(lines(args.out_dir, *alone) if len(alone) == 1 else cohort_lines(args.out_dir)))
    print(f"{done} in {args.out_dir}")
    if (page := Path(args.out_dir, "report", "index.html")).is_file():
        folders = ["--results", str(args.out_dir), "--out-dir", str(page.parent)]
        again = f"yucca-wm report {shlex.join(folders)} --images SCANS"
        print(f"note: {page} shows earlier results; to draw it again: {again}", file=sys.stderr)
    template = Path(args.out_dir, "template")
    if args.to_template is None and template.is_dir():
        print(f"note: {template} is from an earlier run; --to-template updates it", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
