"""Where the work on subjects is done: processes or threads here, a Dask cluster, or Slurm jobs started for it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.cohort.options import RunOptions
from yucca_wm.errors import InputError, MissingExtraError, YuccaWMError

Answer = tuple[str, Any, str | None]
"""Case, result, and why it failed (None if it did not)."""

WATCH_S = 0.1
"""How often a worker process looks whether the run that it works for still lives."""

IN_FLIGHT = 1000
"""Cases that a Dask scheduler holds at a time."""

CONNECT_S = 8
"""So long a Dask scheduler may take to answer."""

SLURM_DEFAULTS = {"cores": 1, "processes": 1, "memory": "4GB", "walltime": "04:00:00"}
SLURM_SETTINGS = (*SLURM_DEFAULTS, "queue", "account", "interface", "local_directory", "python", "job_name")
"""What can be said on the command line; Dask's jobqueue.yaml knows more."""


def answers(
    function: Callable[[Any], Any],
    cases: Mapping[str, Any],
    options: RunOptions,
    *,
    threads: bool = False,
    sent: Callable[[str], None] | None = None,
) -> Iterator[Answer]:
    """``function`` of every case, as they are finished. A case that raises, or whose worker dies, is an answer too.

    threads : threads suffice here (and share memory). sent : called with each case before it is handed out.
    """
    if not cases:
        return
    sent = sent or (lambda _: None)
    if options.remote:
        yield from _on_cluster(function, cases, options, sent)
    elif (jobs := options.workers()) == 1 or threads:
        yield from _in_this_process(function, cases, jobs, sent)
    else:
        yield from _in_processes(function, cases, jobs, sent)


def attempt(function: Callable[[Any], Any], name: str, case: Any, parent: int | None = None) -> Answer:
    """``function(case)``, or why not; a worker process of ``parent`` ends when that does."""
    if parent is not None and parent != os.getpid():
        _end_with(parent)
    try:
        return name, function(case), None
    except YuccaWMError as error:
        return name, None, str(error)
    except Exception as error:  # noqa: BLE001  (one bad case never stops a cohort)
        return name, None, f"{type(error).__name__}: {error}"


def _in_this_process(
    function: Callable[[Any], Any], cases: Mapping[str, Any], jobs: int, sent: Callable[[str], None]
) -> Iterator[Answer]:
    from joblib import Parallel, delayed

    names = _Sent(cases, sent)
    tasks = (delayed(attempt)(function, name, cases[name]) for name in names)
    yield from Parallel(n_jobs=jobs, backend="threading", return_as="generator_unordered")(tasks)
    names.check()


def _in_processes(
    function: Callable[[Any], Any], cases: Mapping[str, Any], jobs: int, sent: Callable[[str], None]
) -> Iterator[Answer]:
    """A worker that is killed (memory!) takes what others have in hand with it: those are tried again one by one."""
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left = dict(cases)
    in_hand: list[str] = []

    def task(name: str) -> Any:
        return delayed(attempt)(function, name, cases[name], os.getpid())

    def hand_out(name: str) -> None:
        sent(name)
        in_hand.append(name)

    while left:
        names = _Sent(list(left), hand_out)
        try:
            for answer in Parallel(n_jobs=jobs, return_as="generator_unordered")(task(name) for name in names):
                in_hand.remove(answer[0])
                del left[answer[0]]
                yield answer
            names.check()
        except TerminatedWorkerError:
            while in_hand:
                name = in_hand.pop()
                try:
                    (answer,) = Parallel(n_jobs=2)([task(name)])  # 2: not in this process
                except TerminatedWorkerError:
                    answer = (name, None, "its process was killed; was there enough memory?")
                del left[name]
                yield answer


class _Sent:
    """Iterates over names and calls ``sent`` with each. An error ends the iteration, and is raised by `check`: joblib
    iterates in threads of its own, where it would be lost."""

    def __init__(self, names: Iterable[str], sent: Callable[[str], None]) -> None:
        self._names, self._sent = iter(names), sent
        self._error: Exception | None = None

    def __iter__(self) -> Iterator[str]:
        for name in self._names:
            try:
                self._sent(name)
            except Exception as error:  # noqa: BLE001
                self._error = error
                return
            yield name

    def check(self) -> None:
        if self._error is not None:
            raise self._error


_watched: set[int] = set()


def _end_with(parent: int) -> None:
    """End this process soon after ``parent`` did: an orphan must not write beside the run that follows."""
    if os.getppid() != parent:
        os._exit(1)
    if parent in _watched:
        return
    _watched.add(parent)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_cluster(
    function: Callable[[Any], Any], cases: Mapping[str, Any], options: RunOptions, sent: Callable[[str], None]
) -> Iterator[Answer]:
    """On Dask workers. A case whose worker is lost goes to another; its result is taken once."""
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
    """`attempt` on a worker that may have been started elsewhere, with another version installed."""
    if version != __version__:
        return name, None, f"the worker has yucca-wm {__version__}, this is {version}: install the same on both"
    try:
        if str(Path.cwd()) != folder:
            os.chdir(folder)  # paths are as they were given
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
