"""The output folder: where the files of every subject go, whose files they are, and who is no longer in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import check_ours, make_folder
from yucca_wm.jobs.earlier import say_gone
from yucca_wm.jobs.not_replaced import Written, or_force
from yucca_wm.jobs.run_record import Record
from yucca_wm.jobs.step import Step, Work
from yucca_wm.localize.atlas_space import FOLDER as CARRIED
from yucca_wm.localize.atlas_space import STEP as TO_TEMPLATE
from yucca_wm.localize.inputs.pairs import Inputs, Pair
from yucca_wm.localize.inputs.records import recorded_by_predict
from yucca_wm.localize.maps import Derivative
from yucca_wm.localize.outputs.parts import Parts
from yucca_wm.localize.summary import MANIFEST, Summary
from yucca_wm.localize.tables import ALL_TABLES

STEP, MAPS = "localize", "maps"


@dataclass(frozen=True)
class OutputFiles:
    """Where the files of every subject go. maps, derivative : labelled lesion maps and BIDS derivative; None: not asked
    for. inputs : of the run."""

    folder: Path
    inputs: Inputs
    parts: Parts
    maps: Path | None
    derivative: Derivative | None

    @classmethod
    def of(cls, folder: Path, inputs: Inputs, *, maps: bool, bids: bool) -> OutputFiles:
        """The files in ``folder``, whose subfolders are made."""
        parts = Parts(make_folder(folder / "parts"))
        maps_dir = make_folder(folder / MAPS) if maps else None
        return cls(folder, inputs, parts, maps_dir, cls._derivative(folder, inputs) if bids else None)

    @staticmethod
    def _derivative(folder: Path, inputs: Inputs) -> Derivative:
        return Derivative(folder / "bids", inputs.lesions, inputs.regions)

    def work(self, pair: Pair) -> Work[Pair]:
        """One subject's part of the step; its other files are those that an earlier run was asked for."""
        image = self.folder / MAPS / f"{pair.subject}.nii.gz"
        bids = self._derivative(self.folder, self.inputs).files(pair)
        outputs = [self.parts.path(pair.subject), *[image] * bool(self.maps), *bids * bool(self.derivative)]
        read = {path.absolute() for path in pair.files().values()}
        others = [path for path in (image, *bids) if path not in outputs and path.absolute() not in read]
        return Work(pair, pair.files(), outputs, others, recorded_by_predict(pair.lesions, pair.regions))

    def remove_empty(self) -> None:
        """Remove folders that no subject has a file in."""
        for made in filter(None, (self.parts.folder, self.maps)):
            with suppress(OSError):  # not empty: killed runs leave files that the next one removes
                made.rmdir()


def check_tables(folder: Path) -> None:
    """Raise InputError if ``folder`` holds tables of these names that are not from this package."""
    if not Record(folder, STEP).subjects:
        check_ours(folder, ALL_TABLES, MANIFEST, or_force())


def check_folder(folder: Path, parts: Parts, added: Collection[str] | None, *, force: bool) -> None:
    """Raise InputError if ``folder`` holds tables that are not ours (unless ``force``), or results of others that the
    subjects ``added`` cannot be added to (None: the run replaces all)."""
    if not force:
        check_tables(folder)
    there = set() if parts.of_others(()) else Summary.of_earlier_run(folder).subjects.keys()
    if added is not None and (saved := sorted(there - set(added))):
        problem = f"holds results of {some_of(saved)}, saved from Python, which no others can be added to"
        raise InputError(folder, problem, "choose another --out-dir")


def remove_others(step: Step, parts: Parts, works: Mapping[str, Work[Pair]]) -> None:
    """Remove the files of subjects that are not among ``works``, as far as this package has written them."""
    gone = parts.of_others(works.keys())
    in_use = {path for work in works.values() for path in work.leaves}  # names in BIDS may change hands
    carried = Step(TO_TEMPLATE, step.folder / CARRIED)
    for of in (step, carried):
        written = Written(of, Record(of.folder, of.name))
        for subject in gone:
            written.remove(subject, in_use)
    for part in gone.values():
        part.unlink(missing_ok=True)
    say_gone(step.folder, gone)
