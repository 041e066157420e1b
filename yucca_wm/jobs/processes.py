"""Subjects processed in processes or threads of this machine, and the attempt at one subject, wherever it runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from yucca_wm.core import verbosity
from yucca_wm.core.errors import YuccaWMError

Answer = tuple[str, Any, str | None]
"""Case, result, and the reason for its failure (None if it succeeded)."""

WATCH_S = 0.1
"""Interval in seconds at which a worker process checks that its parent run is still alive."""


def attempt(
    function: Callable[[Any], Any], name: str, case: Any, parent: int | None = None, folder: str | None = None
) -> Answer:
    """``function(case)``, or the reason for its failure; a worker process of ``parent`` ends when the parent does.

    folder : working folder of the parent, which relative paths start from: the worker may be left from an earlier run.
    """
    if parent is not None and parent != os.getpid():
        _end_with(parent)
    if folder is not None:
        os.chdir(folder)
    try:
        return name, function(case), None
    except YuccaWMError as error:
        verbosity.show_traceback()
        return name, None, str(error)
    except Exception as error:  # noqa: BLE001  (one bad case never stops a cohort)
        verbosity.show_traceback()
        return name, None, f"{type(error).__name__}: {error}"


def in_this_process(
    function: Callable[[Any], Any], cases: Mapping[str, Any], jobs: int, sent: Callable[[str], None]
) -> Iterator[Answer]:
    """Process the cases in ``jobs`` threads of this process."""
    from joblib import Parallel, delayed

    names = _Sent(cases, sent)
    tasks = (delayed(attempt)(function, name, cases[name]) for name in names)
    yield from Parallel(n_jobs=jobs, backend="threading", return_as="generator_unordered")(tasks)
    names.check()


def in_processes(
    function: Callable[[Any], Any], cases: Mapping[str, Any], jobs: int, sent: Callable[[str], None]
) -> Iterator[Answer]:
    """Process the cases in ``jobs`` processes. A worker that is killed (out of memory) takes the cases of other workers
    down with it: those are tried again one by one."""
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left = dict(cases)
    in_hand: list[str] = []

    def task(name: str) -> Any:
        return delayed(attempt)(function, name, cases[name], os.getpid(), str(Path.cwd()))

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
    """Iterator over names that calls ``sent`` with each. An error ends the iteration and is raised by `check`: joblib
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
    """End this process soon after ``parent`` ends: an orphan must not write while the next run does."""
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
