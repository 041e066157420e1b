"""A Dask cluster on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)  # as in worker processes, which import engine_jobs by this name


@pytest.fixture(scope="module")
def dask_cluster() -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """Address of a scheduler, and its two workers, each a process of its own on loopback."""
    pytest.importorskip("distributed")
    environment = {**os.environ, "PYTHONPATH": HERE, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    scheduler = subprocess.Popen([*command, "--no-dashboard"], stderr=subprocess.PIPE, text=True, env=environment)
    assert scheduler.stderr is not None
    address = next(found[1] for line in scheduler.stderr if (found := re.search(r"Scheduler at:\s*(tcp://\S+)", line)))
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
    workers = [
        subprocess.Popen([*command, "--no-nanny"], stderr=subprocess.DEVNULL, env=environment, text=True)
        for _ in range(3)
    ]
    yield address, workers
    for process in (*workers, scheduler):
        process.kill()
    for process in (*workers, scheduler):
        process.wait()
    scheduler.stderr.close()
