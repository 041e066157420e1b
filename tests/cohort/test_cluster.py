"""A Dask cluster and Slurm jobs give what a local run gives, also when a worker dies on the way."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from engine_jobs import CASES, EXPECTED, eventually, lives, loses_its_worker_once, square

from yucca_wm.core.errors import InputError, MissingExtraError
from yucca_wm.jobs.cases import run_cases
from yucca_wm.jobs.options import RunOptions

from .conftest import HERE


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
    monkeypatch.setattr("yucca_wm.jobs.cluster.CONNECT_S", 1)
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
        # like sbatch, keeps the script: who submits removes it at once
        "sbatch": 'job=$(cat "$1")\nsetsid sh -c "$job" > "$0.log" 2>&1 &\n'
        'echo "$!" >> "$0.jobs"\necho "Submitted batch job $!"\n',
        "scancel": 'for job in "$@"; do kill -9 "-$job"; done\n',
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
    assert eventually(lambda: not any(lives(pid) for pid in jobs))
