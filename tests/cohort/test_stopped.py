"""SIGTERM (a scheduler's time limit) and SIGHUP (a closed terminal) end a command in order: its workers are gone, no
temporary file is left, what was done is on record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from engine_jobs import eventually, lives

from yucca_wm.jobs.run_record import RECORD

HERE = Path(__file__).parent

START = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup
from pathlib import Path
from engine_jobs import command
from yucca_wm.jobs.options import Level
command(Path(sys.argv[1]), int(sys.argv[2]), threads=sys.argv[3] == "threads", level=Level(sys.argv[4]))
"""


def start(folder: Path, jobs: int, how: str, level: str) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(HERE), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore", "LOKY_MAX_CPU_COUNT": "2"}
    words = [sys.executable, "-c", START, str(folder), str(jobs), how, level]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)


@pytest.mark.parametrize("level", ["both", "participant"])
@pytest.mark.parametrize(("jobs", "how"), [(1, "here"), (2, "threads"), (2, "processes")])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_stopped_ends_in_order(
    tmp_path: Path, jobs: int, how: str, level: str, number: signal.Signals
) -> None:
    if number is signal.SIGHUP and (how, level) != ("processes", "both"):
        pytest.skip("one is enough to see that it is treated alike")
    other = tmp_path / ".of_another_run.tmp-abcdefgh.txt"
    if level == "participant":
        other.touch()
    process = start(tmp_path, jobs, how, level)
    try:
        at_work = eventually(lambda: len(found := list(tmp_path.glob("began-*"))) == jobs and found)
        assert at_work
        assert eventually(lambda: (tmp_path / RECORD).is_file() and '"done"' in (tmp_path / RECORD).read_text())
        assert list(tmp_path.glob(".case*.tmp-*"))
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + number, said
    assert "interrupted; run the same command again to resume" in said
    assert "Traceback" not in said
    assert not any(lives(int(path.name.rpartition("-")[2])) for path in at_work)
    left = {path.name for path in tmp_path.iterdir()} - {path.name for path in at_work}
    assert left == {"case0.txt", RECORD} | ({other.name} if level == "participant" else set())
    entries = [json.loads(line) for line in (tmp_path / RECORD).read_text().splitlines()]
    assert [entry["subject"] for entry in entries if entry["state"] != "begun"] == ["case0"]
    assert {entry["subject"] for entry in entries} >= {path.name.split("-")[1] for path in at_work}


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    script = "import os, signal; from yucca_wm.cli import run\n"
    script += "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    script += "run(lambda: os.kill(os.getpid(), signal.SIGHUP))\n"
    assert subprocess.run([sys.executable, "-c", script], check=False, cwd=tmp_path).returncode == 0
