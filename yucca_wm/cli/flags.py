"""Flags shared by commands: each has one meaning and one default, wherever it occurs.

A command lists those that it supports (`add_flag`, `add_run_flags`); argparse refuses the others. Every flag of several
words can also be written with underscores, as in Yucca and the BIDS apps; those spellings and names from earlier
versions are not shown in the help.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yucca_wm.cohort.ids import names_a_file
from yucca_wm.cohort.layouts import AUTO, LAYOUTS
from yucca_wm.imaging.reading import HeaderForm
from yucca_wm.jobs.options import Level, RunOptions


@dataclass(frozen=True)
class Flag:
    """A shared flag.

    name : as it is written, with dashes. means : its effect; commands may add a detail (`add_flag`).
    settings : further arguments for ``argparse``: type, choices, nargs. old : earlier names in some command.
    short : its letter, ``-x``, if it has one.
    """

    name: str
    means: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    old: tuple[str, ...] = ()
    short: str = ""

    @property
    def spellings(self) -> tuple[str, ...]:
        """All spellings that any command accepts."""
        underscored = self.name[:2] + self.name[2:].replace("-", "_")
        return tuple(dict.fromkeys((self.name, underscored, *self.old)))


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _subject_name(text: str) -> str:
    if not names_a_file(text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be the name of a file")
    return text


SWITCH = {"action": "store_true"}
FLAGS = {
    flag.name: flag
    for flag in (
        Flag("--out-dir", "folder for the results", {"type": Path, "metavar": "DIR"}, short="-o"),
        Flag(
            "--cohort",
            "cohort: a folder (WMH challenge or BIDS) or a table of paths",
            {"type": Path, "metavar": "PATH"},
            ("--input",),
        ),
        Flag("--layout", "how the cohort is arranged (default: auto)", {"choices": (AUTO, *LAYOUTS)}),
        Flag(
            "--name",
            "name of the subject, if there is only one (default: from the file)",
            {"type": _subject_name, "metavar": "NAME"},
        ),
        Flag(
            "--names",
            "table of the regions: index, name, side, group (BIDS dseg.tsv)",
            {"type": Path, "metavar": "TSV"},
        ),
        Flag(
            "--jobs",
            "subjects processed in parallel (default: one for each processor that may be used)",
            {"type": _positive, "metavar": "N"},
        ),
        Flag("--scheduler", "work on a Dask cluster, for instance tcp://host:8786", {"metavar": "ADDRESS"}),
        Flag(
            "--slurm",
            "start the workers as Slurm jobs (queue=..., account=..., memory=4GB, walltime=04:00:00, cores=1)",
            {"nargs": "*", "metavar": "KEY=VALUE"},
        ),
        Flag("--force", "redo subjects that are already done", SWITCH),
        Flag(
            "--participant-label",
            "process only these subjects, without tables and pictures of the cohort (several such runs may be "
            "active at once)",
            {"nargs": "+", "default": [], "metavar": "LABEL"},
        ),
        Flag(
            "--level",
            "participant: subjects only; group: tables and pictures from what is done (default: both)",
            {"type": Level, "choices": list(Level), "metavar": "LEVEL"},
        ),
        Flag(
            "--header",
            "which affine to use if the sform and qform of a header disagree",
            {"choices": tuple(map(str, HeaderForm))},
        ),
        Flag("--resample", "accept maps on different grids", SWITCH),
        Flag(
            "--exclude-flagged",
            "leave out subjects with any of these flags (none named: any but no_lesion, small_load and high_load)",
            {"nargs": "*", "metavar": "FLAG"},
        ),
        Flag("--anonymise", "numbers instead of names, and no paths, on the pages", SWITCH),
    )
}
"""Shared flags by name. A new one is entered here; tests/cli/test_flags.py then looks for it in every command."""


def add_flag(
    where: argparse._ActionsContainer,
    name: str,
    detail: str = "",
    *,
    means: str | None = None,
    old: Sequence[str] = (),
    **settings: Any,
) -> argparse.Action:
    """Add a shared flag to a parser or to one of its groups.

    detail : addition to the help in this command, after a semicolon. means : its help, where the shared wording is too
    general. old : earlier names in this command only. settings : as for ``add_argument`` (``required``), never a type
    or default of its own.
    """
    flag = FLAGS[name]
    said = "; ".join(filter(None, (means or flag.means, detail)))
    action = where.add_argument(*filter(None, (flag.name, flag.short)), **{**flag.settings, "help": said, **settings})
    for spelling in (*flag.spellings[1:], *old):  # accepted but not shown: argparse has no public interface for this
        where._option_string_actions[spelling] = action
    return action


def add_run_flags(parser: argparse.ArgumentParser, *, levels: bool = True, local: bool = True) -> None:
    """Add ``--jobs``, ``--scheduler``, ``--slurm``, ``--force``; with ``levels`` ``--participant-label``, ``--level``.

    local : whether several subjects can be processed at a time on this machine; if not, ``--jobs`` is for Slurm only.
    """
    group = parser.add_argument_group("running")
    if local:
        add_flag(group, "--jobs", "with --slurm: how many Slurm jobs to start (default: 1)")
    else:
        add_flag(
            group,
            "--jobs",
            means="how many Slurm jobs to start, with --slurm (without, subjects are done one after the other)",
        )
    parser.set_defaults(jobs_are_local=local)
    for name in ("--scheduler", "--slurm", "--force", *(["--participant-label", "--level"] if levels else [])):
        add_flag(group, name)


def run_options(options: argparse.Namespace, parser: argparse.ArgumentParser) -> RunOptions:
    """Run options from the flags of `add_run_flags`; ``--participant-label`` alone means the participant level.

    Flags without any effect end the program as wrong usage.
    """
    labels = tuple(getattr(options, "participant_label", ()))
    level = getattr(options, "level", None) or (Level.PARTICIPANT if labels else Level.BOTH)
    slurm = None if options.slurm is None else tuple(options.slurm)
    if level is Level.GROUP and (options.force or options.scheduler or slurm is not None):
        parser.error("--force, --scheduler and --slurm are for subjects; --level group processes no subject again")
    if options.scheduler is not None and slurm is not None:
        parser.error("--scheduler is for a cluster that runs already, --slurm starts one: give one of them")
    if options.scheduler is not None and options.jobs is not None:
        parser.error("--jobs does nothing with --scheduler: the scheduler determines the number of workers")
    if not options.jobs_are_local and slurm is None and (options.jobs or 1) > 1:
        parser.error("--jobs goes with --slurm: here one subject is done at a time, on all processors")
    return RunOptions(options.jobs, options.scheduler, slurm, options.force, labels, level)
