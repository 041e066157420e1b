"""How a cohort is worked through: the options that every such command shares. Light, so that ``--help`` is quick."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from yucca_wm.cohort.ids import bare, meant


class Level(StrEnum):
    """participant: subjects only. group: tables and pictures of all, from what is done. both: one after the other."""

    PARTICIPANT = "participant"
    GROUP = "group"
    BOTH = "both"


@dataclass(frozen=True)
class RunOptions:
    """Where and how far a run goes.

    jobs : subjects at a time; None: as many as this process may use processors.
    scheduler : address of a Dask scheduler whose workers do the subjects, in place of processes here.
    slurm : settings of Slurm jobs that are started for this run (``queue=long``, ``memory=8GB``); None: no Slurm.
    force : do again what is done already.
    participants : only these subjects (with or without ``sub-``; a person stands for all its sessions); empty: all.
    level : which half of the run.
    """

    jobs: int | None = 1
    scheduler: str | None = None
    slurm: tuple[str, ...] | None = None
    force: bool = False
    participants: tuple[str, ...] = ()
    level: Level = Level.BOTH

    @property
    def is_whole(self) -> bool:
        """Whether the run is about the folder as a whole, so that no other may go on beside it."""
        return self.level is not Level.PARTICIPANT

    @property
    def remote(self) -> bool:
        return self.scheduler is not None or self.slurm is not None

    def workers(self) -> int:
        """Processes to use here: ``jobs``, but never more than affinity and the container's limit allow."""
        from joblib import cpu_count

        allowed = int(cpu_count())
        if self.jobs is None or self.jobs <= allowed:
            return self.jobs or allowed
        print(f"note: --jobs {self.jobs} is reduced to the {allowed} processors that may be used", file=sys.stderr)
        return allowed


def add_run_options(
    parser: argparse.ArgumentParser, *, jobs: int | None = None, levels: bool = True, processes: bool = True
) -> None:
    """Add ``--jobs``, ``--scheduler``, ``--slurm``, ``--force``; with ``levels`` ``--participant-label``, ``--level``.

    jobs : what is used where ``--jobs`` is not given; None: all processors. processes : whether it means any but Slurm
    jobs.
    """
    shown = "all processors that may be used" if jobs is None else str(jobs)
    what = f"subjects at a time (default: {shown}); with --slurm: Slurm jobs"
    group = parser.add_argument_group("running")
    group.add_argument(
        "--jobs", type=_positive, default=jobs, metavar="N",
        help=what if processes else f"Slurm jobs, with --slurm (default: {shown})",
    )  # fmt: skip
    group.add_argument("--scheduler", metavar="ADDRESS", help="work on a Dask cluster, for instance tcp://host:8786")
    group.add_argument(
        "--slurm", nargs="*", metavar="KEY=VALUE",
        help="start the workers as Slurm jobs (queue=..., account=..., memory=4GB, walltime=04:00:00, cores=1)",
    )  # fmt: skip
    group.add_argument("--force", action="store_true", help="do again what the run record says is done")
    if levels:
        group.add_argument(
            "--participant-label", nargs="+", default=[], metavar="LABEL",
            help="only these subjects, and nothing of the whole group (several such runs may go on at once)",
        )  # fmt: skip
        group.add_argument(
            "--level", type=Level, choices=list(Level), metavar="LEVEL",
            help="participant: subjects only; group: tables and pictures from what is done; default: both",
        )  # fmt: skip


def run_options(options: argparse.Namespace, parser: argparse.ArgumentParser | None = None) -> RunOptions:
    """What was chosen with `add_run_options`; ``--participant-label`` alone means the participant level.

    With ``parser``, what would do nothing at the group level ends the program as wrong usage.
    """
    labels = tuple(getattr(options, "participant_label", ()))
    level = getattr(options, "level", None) or (Level.PARTICIPANT if labels else Level.BOTH)
    slurm = None if options.slurm is None else tuple(options.slurm)
    if parser is not None and level is Level.GROUP and (options.force or options.scheduler or slurm is not None):
        parser.error("--force, --scheduler and --slurm are for subjects; --level group does none of them again")
    return RunOptions(options.jobs, options.scheduler, slurm, options.force, labels, level)


def selected(names: Iterable[str], labels: Iterable[str]) -> tuple[set[str], list[str]]:
    """The ``names`` that ``labels`` mean (all where there is none), and the labels that mean none.

    A label is an id (`yucca_wm.cohort.ids`), of a subject or of a person, who stands for all sessions.
    """
    known = set(names)
    found: set[str] = set()
    unknown: list[str] = []
    wanted = list(labels)
    for label in wanted:
        own = {name} if (name := meant(label, known)) else {name for name in known if _is_session(name, label)}
        found |= own
        unknown += [] if own else [label]
    return (found if wanted else known), unknown


def _is_session(name: str, person: str) -> bool:
    return bare(name).startswith((f"{bare(person)}_ses-", f"{bare(person)}_run-"))


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
