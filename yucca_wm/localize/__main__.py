"""``python -m yucca_wm.localize``: lesion load per region, lesion census and a heat map."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from yucca_wm import cli
from yucca_wm.cohort.layouts import AUTO, LAYOUTS
from yucca_wm.cohort.options import add_run_options, run_options
from yucca_wm.lesion_maps import ALL, add_label_options, label_options
from yucca_wm.reading import add_header_option, reading_aloud
from yucca_wm.tasks.definition import MODALITIES

DESCRIPTION = """Where the lesions are: lesion volume and load of every region for every subject, a census of lesions,
and a heat map. Works on the ensembles of this package and on anyone's lesion masks and region maps."""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m yucca_wm.localize", description=DESCRIPTION)
    parser.add_argument(
        "--lesions", metavar="PATH", help="folder of lesion maps, or one person's, who is added to those in OUT"
    )
    parser.add_argument("--regions", metavar="PATH", help="folder of region maps, or one for all")
    parser.add_argument(
        "--cohort", metavar="PATH",
        help="cohort with lesion masks and the region maps of yucca_wm.parcellate: WMH challenge, BIDS or a table; "
        "with --lesions or --regions only the other maps are its own",
    )  # fmt: skip
    parser.add_argument("--layout", choices=(AUTO, *LAYOUTS), help="of the cohort (default: auto)")
    parser.add_argument("--out_dir", "--out-dir", required=True, metavar="OUT", help="folder for the results")
    add_label_options(parser)
    parser.add_argument(
        "--threshold", type=float, metavar="P", help="lesion maps are probabilities; lesion is from P on"
    )
    parser.add_argument("--names", metavar="TSV", help="region table (index, name, side, group; BIDS dseg.tsv)")
    parser.add_argument("--connectivity", type=int, choices=(6, 18, 26), default=26, help="of lesions (default: 26)")
    parser.add_argument(
        "--min-size", type=float, default=3.0, metavar="MM3",
        help="leave out smaller lesions everywhere (default: 3 mm3; 0 keeps all)",
    )  # fmt: skip
    parser.add_argument(
        "--assign-outside", type=float, default=0.0, metavar="MM",
        help="also give lesion voxels in no region to the nearest one within MM, in columns of their own",
    )  # fmt: skip
    parser.add_argument("--ventricles", metavar="PATH", help="ventricle maps: adds each lesion's distance to them")
    parser.add_argument(
        "--tissue", metavar="PATH",
        help="tissue maps (of yucca_wm.predict): adds where lesions are in clinicians' words, periventricular to deep",
    )  # fmt: skip
    parser.add_argument("--maps", action="store_true", help="also write each subject's lesions labelled by region")
    parser.add_argument("--bids", action="store_true", help="the same maps as a BIDS derivative, in OUT/bids")
    parser.add_argument(
        "--to-template", nargs="?", const="", metavar="FILE",
        help="also carry lesions to the space of this atlas image, with their frequency (default: the fetched atlas)",
    )  # fmt: skip
    parser.add_argument(
        "--transforms", metavar="DIR",
        help="transforms of yucca_wm.parcellate (default: beside the region maps); 'none': maps are there already",
    )  # fmt: skip
    _add_companions(parser)
    parser.add_argument(
        "--resample", action="store_true", help="bring region maps on another grid to the lesions' (done with --cohort)"
    )
    add_header_option(parser)
    add_run_options(parser)
    return parser


def _add_companions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--soft", action="store_true", help="also the volumes expected from the softmaxes, and how sure they are"
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


def main(arguments: list[str] | None = None) -> int:
    parser = build_parser()
    options = parser.parse_args(arguments)
    with reading_aloud(options.header):
        return _localize(parser, options)


def _localize(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    if options.cohort is None and None in (options.lesions, options.regions):
        parser.error("give --lesions and --regions, or --cohort")
    if options.cohort is None and options.layout is not None:
        parser.error("--layout goes with --cohort")
    if options.transforms is not None and options.to_template is None:
        parser.error("--transforms goes with --to-template")
    if (options.lesion_softmax or options.region_softmax) and not options.soft:
        parser.error("--lesion-softmax and --region-softmax go with --soft")
    if options.tissue and options.ventricles:
        parser.error("--tissue has the ventricles: leave --ventricles out")
    lesions_of = {name: place for name in MODALITIES if (place := getattr(options, f"{name.lower()}_lesions"))}
    regions_of = {name: place for name in MODALITIES if (place := getattr(options, f"{name.lower()}_regions"))}
    if missing := sorted(regions_of.keys() - lesions_of.keys()):
        parser.error(f"--{missing[0].lower()}-regions goes with --{missing[0].lower()}-lesions")
    labels = label_options(parser, options)
    how = run_options(options, parser)

    from yucca_wm.cohort.step import only_run_in
    from yucca_wm.localize.cohort import localize_into
    from yucca_wm.localize.companions import CompanionPlaces
    from yucca_wm.localize.flags import flag_lines
    from yucca_wm.localize.inputs import cohort_inputs, folder_inputs
    from yucca_wm.localize.settings import Settings
    from yucca_wm.regions import read_table, regions

    try:
        settings = Settings(
            lesion_labels=(ALL,) if labels.counted is None else labels.counted,
            ignored_labels=labels.ignored,
            threshold=options.threshold,
            connectivity=options.connectivity,
            min_size_mm3=options.min_size,
            assign_outside_mm=options.assign_outside,
            resample=options.resample or options.cohort is not None,
        )
    except ValueError as error:
        parser.error(str(error))
    table = read_table(options.names) if options.names else regions()
    if options.cohort is None:
        inputs = folder_inputs(options.lesions, options.regions, options.ventricles)
    else:
        inputs = cohort_inputs(
            options.cohort, options.layout or AUTO,
            lesions=options.lesions, regions=options.regions, ventricles=options.ventricles,
        )  # fmt: skip
    if options.to_template is not None:
        from yucca_wm.localize.frequency import Localized, carry_cohort, find_template
        from yucca_wm.localize.transforms import BESIDE, Transforms, find_transforms

        template = find_template(options.to_template)
        if options.transforms is None and (inputs.adds or options.regions is None):
            transforms = Transforms(BESIDE, {})
        else:
            transforms = find_transforms(options.transforms or options.regions)
    companions = CompanionPlaces(
        options.soft, tuple(options.lesion_softmax), tuple(options.region_softmax), lesions_of, regions_of,
        options.tissue,
    )  # fmt: skip
    with only_run_in(options.out_dir, how) as out:
        flags, failures = localize_into(
            out, inputs, table, settings, maps=options.maps, bids=options.bids, companions=companions, options=how
        )
    for line in flag_lines(flags):
        print(f"note: {line}", file=sys.stderr)
    subjects = set(flags) | set(failures)
    if failures and not inputs.pairs and options.cohort is None:
        print("note: files of any name can be listed in a table: --cohort TABLE", file=sys.stderr)
    if not how.is_whole:
        print(f"{len(flags)} subjects localized; tables and heat map come with --level group")
        if options.to_template is not None:
            these = [Localized(name, inputs.pairs[name].lesions, inputs.pairs[name].regions) for name in flags]
            _, not_carried = carry_cohort(options.out_dir, template, transforms, how, (these, settings))
            failures = failures | not_carried
        return cli.report_failures(failures, len(subjects))
    print(f"{len(flags)} subjects localized; tables and heat map in {options.out_dir}")
    for name, written in (("maps", options.maps), ("bids", options.bids)):
        if not written and Path(options.out_dir, name).is_dir():
            print(f"note: {Path(options.out_dir, name)} is of an earlier run; --{name} renews it", file=sys.stderr)
    if options.to_template is not None:
        carried, not_carried = carry_cohort(options.out_dir, template, transforms, how)
        print(f"lesion frequency of {carried} subjects on {template}: {options.out_dir}/template")
        failures = failures | not_carried
    return cli.report_failures(failures, len(subjects))


if __name__ == "__main__":
    cli.run(main)
