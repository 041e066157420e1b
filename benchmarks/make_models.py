"""Make the shipped weights from label maps and scans: parcellate, prepare, preprocess, train, export by command.

    python benchmarks/make_models.py --labels head_labels --lesion-masks lesion_masks_mni --people nichart/Subj* \
        --out models_out [--quick]
    make models LABELS=head_labels MASKS=lesion_masks_mni PEOPLE="nichart/Subj1 nichart/Subj3"

A stopped run is resumed when started again, even within a training. docs/models.md lists the requirements. ``--quick``
trains for two steps: it shows that every command runs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from yucca_wm.cli import run
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import make_folder, nifti_files, write_text
from yucca_wm.core.hardware import bf16_is_fast
from yucca_wm.demo.chain import environment
from yucca_wm.demo.runner import Runner, Step
from yucca_wm.training.synthesis.averages import mean_head_of, positions_of
from yucca_wm.training.synthesis.heads import load_head
from yucca_wm.training.synthesis.task import heads_of

SCANNED = "scanned"
TASK = "Task007_WM_Synthesis"
FOLDS = ("--split_data_method", "simple_train_val_split", "--split_data_param", "0.1")
BATCHES = 100
"""Steps per epoch; a checkpoint is written after each epoch."""


@dataclass(frozen=True)
class Recipe:
    """How one of the two models is trained. step_s : seconds per step on two cores without a GPU."""

    name: str
    dimensions: str
    network: str
    planner: str
    epochs: int
    batch_size: int
    learning_rate: float
    step_s: float

    def train(self, quick: bool, batch_size: int | None, epochs: int | None, workers: int) -> tuple[str, ...]:
        """The training command."""
        n_epochs, n_batches = (1, 2) if quick else (epochs or self.epochs, BATCHES)
        precision = ("--precision", "bf16-mixed") if bf16_is_fast() else ()
        return (
            *("yucca_train", "-t", TASK, "-man", "YuccaManager_Synthesis", "-pl", self.planner),
            *("-d", self.dimensions, "-m", self.network, "--lr", f"{self.learning_rate:g}", *precision),
            *("--epochs", str(n_epochs), "--train_batches_per_step", str(n_batches)),
            *("--val_batches_per_step", str(1 if quick else 10), "--batch_size", str(batch_size or self.batch_size)),
            *("--num_workers", str(workers), *FOLDS),
        )

    def version(self, models: Path) -> Path:
        """Yucca's version folder of the trained model."""
        run_of = f"YuccaManager_Synthesis__{self.planner}"
        fold = f"{FOLDS[1]}_{FOLDS[3]}_fold_0"
        return models / TASK / f"{self.network}__{self.dimensions}" / run_of / "default" / fold / "version_0"


RECIPES = (
    Recipe("regions", "3D", "CoordinateUNet", "YuccaPlanner_Volumes", 100, 1, 1.5e-3, 2.5),
    Recipe("tissue", "2D", "CompactUNet", "YuccaPlanner_Planes", 200, 9, 2e-3, 1.5),
)


def steps(options: argparse.Namespace, heads: Path, out: Path) -> list[Step]:
    """The commands in order, for the table of ``heads``."""
    atlas: tuple[str, ...] = ("--atlas-wm", str(options.atlas_wm), "--atlas-labels", str(options.atlas_labels))
    parcellate: tuple[str, ...] = ("python", "-m", "yucca_wm.parcellate", "--no-picture", "--transform", "deformable")
    parcellate += ("--out-dir", str(out / "parcellations"), *(atlas if options.atlas_wm else ()))
    labels = out / SCANNED / "labels" if options.people else options.labels
    prepare: tuple[str, ...] = ("python", "-m", "yucca_wm.training.synthesis", "--labels", str(labels))
    prepare += ("--regions", str(out / "parcellations"))
    prepare += ("--lesion-masks", str(options.lesion_masks)) if options.lesion_masks else ()
    prepare += ("--template", str(options.template)) if options.template else ()
    of_heads = (*parcellate, "--cohort", str(heads), "--wm-labels", "2", "41")
    chain = [Step("parcellate", "regions of the heads", of_heads, expected_s=700)]
    if options.people:
        converter = str(Path(__file__).with_name("dlmuse_labels.py"))
        names = [person.name for person in options.people]
        convert = ("python", converter, "--data", str(options.people[0].parent), "--people", *names)
        convert += ("--out", str(out / SCANNED))
        chain.append(Step("convert", "label maps of those with scans", convert, expected_s=200))
        of_people = (*parcellate, "--cohort", str(out / SCANNED / "wm.tsv"))
        chain.append(Step("parcellate-people", "their regions", of_people, ("parcellate", "convert"), expected_s=100))
        prepare += ("--scans", str(out / SCANNED / "scans.tsv"))
    chain.append(Step("prepare", "heads ready for training", prepare, (chain[-1].name,), expected_s=150))
    batches = dict(zip(("tissue", "regions"), (options.tissue_batch, options.regions_batch), strict=True))
    epochs = dict(zip(("tissue", "regions"), (options.tissue_epochs, options.regions_epochs), strict=True))
    for recipe in RECIPES:
        name = recipe.name
        preprocess = ("yucca_preprocess", "-t", TASK, "-pl", recipe.planner)
        chain.append(Step(f"preprocess-{name}", f"plan of {name}", preprocess, ("prepare",)))
        train = recipe.train(options.quick, batches[name], epochs[name], options.workers)
        seconds = 60.0 if options.quick else (epochs[name] or recipe.epochs) * BATCHES * recipe.step_s
        needs = (f"preprocess-{name}",)
        version = recipe.version(out / "yucca" / "models")
        chain.append(Step(f"train-{name}", f"train {name}", train, needs, (version.parent,), expected_s=seconds))
        checkpoint = version / "checkpoints" / "last.ckpt"
        export: tuple[str, ...] = (
            "python",
            "-m",
            "yucca_wm.export",
            str(checkpoint),
            str(out / f"{name}.zip"),
            "--half",
        )
        export += ("--licence", options.licence)
        chain.append(Step(f"export-{name}", f"{name}.zip", export, (f"train-{name}",)))
    return chain


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True, help="folder of label maps of heads")
    parser.add_argument("--lesion-masks", type=Path, help="folder of lesion masks in MNI space")
    parser.add_argument(
        "--template", type=Path, help="T1 brain in the space of the masks (default: MNI152, of nilearn)"
    )
    parser.add_argument(
        "--people",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="people of one folder with scans and labels, as benchmarks/dlmuse_labels.py takes them (default: all "
        "samples are painted)",
    )
    parser.add_argument("--atlas-wm", type=Path, help="(default: what python -m yucca_wm.atlas fetch keeps)")
    parser.add_argument("--atlas-labels", type=Path)
    parser.add_argument("--out", type=Path, default=Path("models_out"), help="folder to work in and to go on in")
    parser.add_argument("--tissue-epochs", type=int, help="of 100 steps (default: 200)")
    parser.add_argument("--regions-epochs", type=int, help="of 100 steps (default: 100)")
    parser.add_argument("--tissue-batch", type=int, help="planes a step (default: 9)")
    parser.add_argument("--regions-batch", type=int, help="volumes a step (default: 1)")
    parser.add_argument("--workers", type=int, default=1, help="processes that paint, for each training (default: 1)")
    parser.add_argument("--licence", default="Apache-2.0", help="of the weights (default: Apache-2.0)")
    parser.add_argument("--quick", action="store_true", help="two steps of training each")
    options = parser.parse_args()
    if options.people and len({person.resolve().parent for person in options.people}) > 1:
        parser.error("--people lie in one folder")
    if (options.atlas_wm is None) != (options.atlas_labels is None):
        parser.error("--atlas-wm and --atlas-labels go together")
    for name in ("labels", "lesion_masks", "template", "atlas_wm", "atlas_labels"):
        if (given := getattr(options, name)) is not None:
            setattr(options, name, given.resolve())
    files = nifti_files(options.labels)
    if not files:
        raise InputError(options.labels, "holds no label map", "give a folder of .nii.gz files")
    out = make_folder(options.out.resolve())
    if options.people:
        options.people = [person.resolve() for person in options.people]
        beside_people(files, make_folder(out / SCANNED / "labels"))
    work = steps(options, _table(files, options, out), out)
    settings = {name: value for name, value in environment(out).items() if name != "YUCCA_SOURCE"}
    for folder in (value for name, value in settings.items() if name != "YUCCA_SEED"):
        make_folder(folder)
    write_text(
        out / "commands.sh",
        "\n".join(["set -e", *(f"export {k}={v}" for k, v in settings.items()), *(step.shown() for step in work)])
        + "\n",
    )
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    Runner(out, settings, {"PATH": programs, "MPLBACKEND": "Agg", "PYTHONUNBUFFERED": "1"}, jobs=2).run(work)
    heads = heads_of(Path(settings["YUCCA_RAW_DATA"]) / TASK)
    loaded = [load_head(path) for path in heads.values()]
    positions_of(loaded).save(out / "positions.npz")
    mean_head_of(loaded).save(out / "mean_head.npz")
    for recipe in RECIPES:
        path = out / f"{recipe.name}.zip"
        print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")
    return 0


def beside_people(files: dict[str, Path], folder: Path) -> None:
    """Make links to the label maps of heads beside those of people with scans."""
    for path in files.values():
        link = folder / path.name
        link.unlink(missing_ok=True)
        link.symlink_to(path)


def _table(files: dict[str, Path], options: argparse.Namespace, out: Path) -> Path:
    """Table of heads, named after the files that everything depends on: with other files, every step is due again."""
    masks = nifti_files(options.lesion_masks).values() if options.lesion_masks else ()
    scans = [path for person in options.people or () for path in sorted(person.glob("*.nii*"))]
    all_files = [*files.values(), *masks, *scans, *([options.template] if options.template else [])]
    states = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in all_files]
    digest = hashlib.sha256("\n".join(states).encode()).hexdigest()[:8]
    rows = "".join(f"{name}\t{path}\n" for name, path in files.items())
    return write_text(out / f"heads-{digest}.tsv", f"subject\twm\n{rows}")


if __name__ == "__main__":
    run(main)
