"""The same answers from one process, several, and threads, also when a worker dies on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engine_jobs import CASES, EXPECTED, die, eventually, lives, square, working_folder

from yucca_wm.core.errors import InputError
from yucca_wm.jobs.cases import run_cases
from yucca_wm.jobs.options import RunOptions

from .conftest import HERE


@pytest.mark.parametrize(("jobs", "threads"), [(1, False), (2, False), (2, True)])
def test_answers_are_in_order_and_one_failure_stops_nobody(jobs: int, threads: bool) -> None:
    outcome = run_cases(square, CASES, jobs=jobs, threads=threads)
    assert list(outcome.results.items()) == list(EXPECTED.items())
    assert outcome.failures == {"case5": "five: is bad"}


def test_relative_paths_start_where_the_run_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes are kept between runs, and were started elsewhere."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found = run_cases(working_folder, dict.fromkeys("abc"), jobs=2).results
        assert set(found.values()) == {str(tmp_path / name)}


def test_a_killed_process_costs_its_own_case_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    outcome = run_cases(die, CASES, jobs=2)
    assert {**outcome.results, "case7": 49} == EXPECTED
    assert list(outcome.failures) == ["case5", "case7"]
    assert "killed" in outcome.failures["case7"]


def test_an_error_while_handing_out_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)

    def full(name: str) -> None:
        if name == "case6":
            raise InputError("record", "cannot be written")

    for jobs in (1, 2):
        with pytest.raises(InputError, match="cannot be written"):
            run_cases(square, CASES, jobs=jobs, sent=full)


@pytest.mark.processes
def test_jobs_never_exceed_what_may_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 3)
    assert RunOptions(jobs=None).workers() == 3
    assert RunOptions(jobs=2).workers() == 2
    assert capsys.readouterr().err == ""
    assert RunOptions(jobs=64).workers() == 3
    assert "--jobs 64 is reduced to the 3" in capsys.readouterr().err


def test_workers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, engine_jobs; from yucca_wm.jobs.cases import run_cases\n"
        "run_cases(engine_jobs.wait, dict.fromkeys('abcd', pathlib.Path(sys.argv[1])), jobs=2)"
    )
    pids = tmp_path / "pids"
    pids.mkdir()
    environment = {**os.environ, "PYTHONPATH": HERE, "LOKY_MAX_CPU_COUNT": "2"}
    with subprocess.Popen([sys.executable, "-c", code, str(pids)], env=environment, stderr=subprocess.DEVNULL) as run:
        workers = eventually(lambda: [int(path.name) for path in pids.iterdir()])
        run.kill()
    assert workers
    assert eventually(lambda: not any(lives(pid) for pid in workers))
