"""Options of a run over a cohort. Imports little, so that ``--help`` is quick (the flags: `yucca_wm.cli.flags`)."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from yucca_wm.cohort.ids import bare, meant
from yucca_wm.cohort.visits import bare_person


class Level(StrEnum):
    """participant: subjects only. group: tables and figures of all subjects, from finished results. both: one after the
    other."""

    PARTICIPANT = "participant"
    GROUP = "group"
    BOTH = "both"


@dataclass(frozen=True)
class RunOptions:
    """Where a run is carried out and how much of it.

    jobs : subjects at a time; None: as many as this process may use processors.
    scheduler : address of a Dask scheduler whose workers process the subjects, instead of processes here.
    slurm : settings of Slurm jobs that are started for this run (``queue=long``, ``memory=8GB``); None: no Slurm.
    force : redo finished subjects.
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
        """Whether the run concerns the folder as a whole, so that no other may run beside it."""
        return self.level is not Level.PARTICIPANT

    @property
    def remote(self) -> bool:
        return self.scheduler is not None or self.slurm is not None

    def workers(self) -> int:
        """Number of processes here: ``jobs``, but never more than the CPU affinity and the container's limit allow."""
        from joblib import cpu_count

        allowed = int(cpu_count())
        if self.jobs is None or self.jobs <= allowed:
            return self.jobs or allowed
        print(f"note: --jobs {self.jobs} is reduced to the {allowed} processors that may be used", file=sys.stderr)
        return allowed


def selected(names: Iterable[str], labels: Iterable[str]) -> tuple[set[str], list[str]]:
    """The ``names`` that ``labels`` refer to (all if there are no labels), and the labels that match none.

    A label is an id (`yucca_wm.cohort.ids`) of a subject, or of a person, which stands for all sessions.
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


def _is_session(name: str, label: str) -> bool:
    return bare(name) != bare(label) == bare_person(name)
