"""The same answers from one process, several, threads, and a Dask cluster, also when a worker dies on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from yucca_wm.cohort.options import RunOptions
from yucca_wm.cohort.run import run_cases
from yucca_wm.errors import InputError, MissingExtraError

CASES = {f"case{number}": number for number in range(12)}
EXPECTED = {name: number**2 for name, number in CASES.items() if number != 5}


HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)
from engine_jobs import die, loses_its_worker_once, square  # noqa: E402  (workers import it by this name)


@pytest.mark.parametrize(("jobs", "threads"), [(1, False), (2, False), (2, True)])
def test_answers_are_in_order_and_one_failure_stops_nobody(jobs: int, threads: bool) -> None:
    outcome = run_cases(square, CASES, jobs=jobs, threads=threads)
    assert list(outcome.results.items()) == list(EXPECTED.items())
    assert outcome.failures == {"case5": "five: is bad"}


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
        "import sys, pathlib, engine_jobs; from yucca_wm.cohort.run import run_cases\n"
        "run_cases(engine_jobs.wait, dict.fromkeys('abcd', pathlib.Path(sys.argv[1])), jobs=2)"
    )
    pids = tmp_path / "pids"
    pids.mkdir()
    environment = {**os.environ, "PYTHONPATH": HERE, "LOKY_MAX_CPU_COUNT": "2"}
    with subprocess.Popen([sys.executable, "-c", code, str(pids)], env=environment, stderr=subprocess.DEVNULL) as run:
        workers = _eventually(lambda: [int(path.name) for path in pids.iterdir()])
        run.kill()
    assert workers
    assert _eventually(lambda: not any(_lives(pid) for pid in workers))


def _lives(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _eventually(condition, seconds: float = 120.0):  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


def test_dask_gives_what_a_local_run_gives_though_a_worker_is_killed(
    dask_cluster: tuple[str, list[Any]], tmp_path: Path
) -> None:
    cases = {name: (tmp_path, number) for name, number in CASES.items()}
    outcome = run_cases(loses_its_worker_once, cases, options=RunOptions(scheduler=dask_cluster[0]))
    assert outcome.failures == {"case5": "five: is bad"}
    assert list(outcome.results.items()) == list(EXPECTED.items())
    assert (tmp_path / "killed").exists()


def test_no_scheduler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("yucca_wm.cohort.schedule.CONNECT_S", 1)
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        run_cases(square, CASES, options=RunOptions(scheduler="tcp://127.0.0.1:9"))


@pytest.mark.parametrize("options", [RunOptions(scheduler="tcp://127.0.0.1:9"), RunOptions(slurm=())])
def test_without_the_extra_it_is_named(options: RunOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'yucca-wm\[cluster\]'"):
        run_cases(square, CASES, options=options)


def test_slurm_says_what_is_missing_or_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="sbatch was not found"):
        run_cases(square, CASES, options=RunOptions(slurm=()))
    (tmp_path / "sbatch").write_text("#!/bin/sh\n")
    (tmp_path / "sbatch").chmod(0o755)
    with pytest.raises(InputError, match="'queue' is not KEY=VALUE"):
        run_cases(square, CASES, options=RunOptions(slurm=("queue",)))
    with pytest.raises(InputError, match="does not know 'no_such_setting'"):
        run_cases(square, CASES, options=RunOptions(slurm=("no_such_setting=1",)))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_slurm_jobs_do_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With stand-ins for Slurm's own commands, which start and end jobs on this machine."""
    pytest.importorskip("dask_jobqueue")
    commands = {
        "sbatch": 'setsid sh "$1" > "$0.log" 2>&1 &\necho "$!" >> "$0.jobs"\necho "Submitted batch job $!"\n',
        "scancel": 'for job in "$@"; do kill -9 -- "-$job"; done\n',
    }
    for name, script in commands.items():
        (tmp_path / name).write_text("#!/bin/sh\n" + script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", HERE)
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    monkeypatch.chdir(tmp_path)
    outcome = run_cases(square, CASES, options=RunOptions(jobs=2, slurm=("memory=500MB", "interface=lo")))
    assert outcome.failures == {"case5": "five: is bad"}
    assert list(outcome.results.items()) == list(EXPECTED.items())
    jobs = [int(pid) for pid in (tmp_path / "sbatch.jobs").read_text().split()]
    assert len(jobs) == 2
    assert _eventually(lambda: not any(_lives(pid) for pid in jobs))
