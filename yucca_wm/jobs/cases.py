"""Work done case by case: in parallel, with progress, with failures collected separately."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from yucca_wm.core import verbosity
from yucca_wm.imaging import reading
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.processes import Answer, in_processes, in_this_process

Case = TypeVar("Case")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """Results and failures (case -> reason) of `run_cases`, each in the order of the cases given.

    refused : failed cases that were not begun, and whose files are as they were.
    """

    results: dict[str, Result]
    failures: dict[str, str]
    refused: Collection[str] = ()


def run_cases(
    function: Callable[[Case], Result],
    cases: Mapping[str, Case],
    *,
    jobs: int | None = 1,
    label: str = "",
    options: RunOptions | None = None,
    threads: bool = False,
    sent: Callable[[str], None] | None = None,
    answered: Callable[[str, Any, str | None], Any] | None = None,
) -> Outcome[Result]:
    """Apply ``function`` to every case, with a progress bar on stderr if there are several.

    A case that raises, or whose process dies, is recorded and the others go on. ``function`` and its arguments must be
    picklable unless there is one job or ``threads`` are used; results come back in the order of ``cases`` whatever the
    number of processes. Files are read with the `reading` settings in force here, and doubts about them are noted here.

    jobs : processes (None: as many as allowed), unless ``options`` are given.
    sent : called in this process with each case before it is begun.
    answered : called in this process with case, result and failure once each is known; returns the result to keep.
    """
    from tqdm import tqdm

    live = sys.stderr.isatty()
    results: dict[str, Result] = {}
    failures: dict[str, str] = {}
    as_here = partial(_as_told, function=function, headers=reading.headers())
    finished = _answers(as_here, cases, options or RunOptions(jobs), threads=threads, sent=sent)
    with (
        closing(finished),
        tqdm(  # closed, so that workers end when this is stopped
            finished,
            total=len(cases),
            desc=label,
            unit=" case",
            mininterval=0.1 if live else 10,
            disable=len(cases) < 2 or verbosity.is_quiet(),  # with one case it would stand still
        ) as bar,
    ):
        for name, answer, failure in bar:
            result: Any = None
            if failure is None:
                result, notes = answer
                reading.note(*notes)
            if answered is not None:
                result = answered(name, result, failure)
            if failure is None:
                results[name] = result
                if verbosity.is_verbose():
                    bar.write(f"{label or 'done'}: {name}", file=sys.stderr)
                continue
            failures[name] = failure
            bar.set_postfix(failed=len(failures))
            if live:
                bar.write(f"failed: {name}: {failure}", file=sys.stderr)
    return Outcome({n: results[n] for n in cases if n in results}, {n: failures[n] for n in cases if n in failures})


def _answers(
    function: Callable[[Any], Any],
    cases: Mapping[str, Any],
    options: RunOptions,
    *,
    threads: bool = False,
    sent: Callable[[str], None] | None = None,
) -> Generator[Answer]:
    """Yield the answer of ``function`` for each case as it finishes. A case that raises, or whose worker dies, also
    answers.

    threads : threads suffice here (and share memory). sent : called with each case before it is handed out.
    """
    if not cases:
        return
    sent = sent or (lambda _: None)
    if options.remote:
        from yucca_wm.jobs.cluster import on_cluster

        yield from on_cluster(function, cases, options, sent)
    elif (jobs := options.workers()) == 1 or threads:
        yield from in_this_process(function, cases, jobs, sent)
    else:
        yield from in_processes(function, cases, jobs, sent)


def _as_told(
    case: Case, function: Callable[[Case], Result], headers: reading.Headers
) -> tuple[Result, tuple[str, ...]]:
    """In the worker: the result of ``function``, and the notes on the files it read."""
    with reading.reading(headers) as notes:
        return function(case), tuple(notes)
