"""Subjects processed by the workers of a Dask cluster, or of Slurm jobs started for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.core.errors import InputError, MissingExtraError
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.processes import Answer, attempt

IN_FLIGHT = 1000
"""Number of cases that a Dask scheduler holds at a time."""

UNFINISHED = ("pending", "lost")
"""States of a case that the scheduler gives to another worker."""

CONNECT_S = 8
"""Seconds that a Dask scheduler gets to answer."""

SLURM_DEFAULTS = {"cores": 1, "processes": 1, "memory": "4GB", "walltime": "04:00:00"}
SLURM_SETTINGS = (*SLURM_DEFAULTS, "queue", "account", "interface", "local_directory", "python", "job_name")
"""Settings available on the command line; Dask's jobqueue.yaml has more."""


def on_cluster(
    function: Callable[[Any], Any], cases: Mapping[str, Any], options: RunOptions, sent: Callable[[str], None]
) -> Iterator[Answer]:
    """Process cases on Dask workers. If a worker is lost, its case goes to another; each result is taken once."""
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise MissingExtraError("distributed", "cluster") from error
    with ExitStack() as stack:
        cluster = None if options.slurm is None else stack.enter_context(_slurm_cluster(options))
        try:
            client = stack.enter_context(Client(cluster or options.scheduler, timeout=CONNECT_S, name="yucca-wm"))
        except (OSError, ValueError) as error:
            raise InputError(str(options.scheduler), "no Dask scheduler answers", "check the address") from error
        if not client.ncores():
            print("waiting for the first worker", file=sys.stderr)
        names = iter(cases)
        finished = as_completed(with_results=True, raise_errors=False)
        waiting: dict[Any, str] = {}
        here = str(Path.cwd())

        def send(count: int) -> None:
            for name in islice(names, count):
                sent(name)
                future = client.submit(_remote, function, name, cases[name], here, __version__, pure=False)
                waiting[future.key] = name
                finished.add(future)

        send(IN_FLIGHT)
        for future, result in finished:
            if future.status in UNFINISHED:  # its worker was lost before the result had been fetched
                finished.add(future)
                continue
            name = waiting.pop(future.key)
            yield result if future.status == "finished" else (name, None, _why_lost(future.exception()))
            send(1)


def _why_lost(error: BaseException | None) -> str:
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        return "every worker that it was given to was lost; was there enough memory?"
    reason = " ".join(str(error).split())
    return f"could not be done on the cluster ({reason}); scheduler and workers need yucca-wm installed too"


def _remote(function: Callable[[Any], Any], name: str, case: Any, folder: str, version: str) -> Answer:
    """`attempt` on a worker that may have been started elsewhere, with another version of the package installed."""
    if version != __version__:
        return name, None, f"the worker has yucca-wm {__version__}, this is {version}: install the same on both"
    try:
        if str(Path.cwd()) != folder:
            os.chdir(folder)  # given paths may be relative
    except OSError:
        return name, None, f"the worker does not see {folder}: the cluster needs a shared file system"
    return attempt(function, name, case)


def _slurm_cluster(options: RunOptions) -> Any:
    import shutil

    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError as error:
        raise MissingExtraError("dask_jobqueue", "cluster") from error
    if shutil.which("sbatch") is None:
        raise InputError("--slurm", "sbatch was not found", "run it on a login node, or use --scheduler or --jobs")
    settings: dict[str, Any] = dict(SLURM_DEFAULTS)
    for text in options.slurm or ():
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise InputError("--slurm", f"'{text}' is not KEY=VALUE", "for instance queue=long memory=8GB")
        if key not in SLURM_SETTINGS:
            raise InputError("--slurm", f"does not know '{key}'", f"it knows {', '.join(SLURM_SETTINGS)}")
        settings[key] = int(value) if value.isdigit() else value
    cluster = SLURMCluster(**settings, scheduler_options={"dashboard": False, "dashboard_address": ":0"})
    cluster.scale(jobs=options.jobs or 1)
    return cluster
