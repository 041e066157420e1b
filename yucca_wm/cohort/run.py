"""Work done case by case: in parallel, with progress, and with failures kept apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from yucca_wm.errors import YuccaWMError

Case = TypeVar("Case")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """Results and failures (case -> reason) of `run_cases`, each in the order of the cases given."""

    results: dict[str, Result]
    failures: dict[str, str]


def run_cases(
    function: Callable[[Case], Result], cases: Mapping[str, Case], *, jobs: int = 1, label: str = ""
) -> Outcome[Result]:
    """Apply ``function`` to every case in ``jobs`` processes, with a progress bar on stderr.

    A case that raises is recorded and the others go on. ``function`` and its arguments must be picklable when
    ``jobs`` is not 1; results come back in the order of ``cases`` whatever the number of processes.
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    tasks = (delayed(_attempt)(function, name, case) for name, case in cases.items())
    outcomes = Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
    results: dict[str, Result] = {}
    failures: dict[str, str] = {}
    for name, result, failure in tqdm(outcomes, total=len(cases), desc=label, unit="case"):
        if failure is None:
            results[name] = result
        else:
            failures[name] = failure
    return Outcome({n: results[n] for n in cases if n in results}, {n: failures[n] for n in cases if n in failures})


def _attempt(function: Callable[[Case], Result], name: str, case: Case) -> tuple[str, Result | None, str | None]:
    try:
        return name, function(case), None
    except YuccaWMError as error:
        return name, None, str(error)
    except Exception as error:  # noqa: BLE001  (one bad case never stops a cohort)
        return name, None, f"{type(error).__name__}: {error}"
