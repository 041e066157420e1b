"""The quick demo: every command of the chain, unmodified, without a network and with an empty HOME."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.chain

BLOCK = """
import socket

def refuse(*arguments, **options):
    raise OSError("network is off in this test")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
"""
PROBE = """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except TimeoutError:
    raise SystemExit("a packet left this process")
except OSError:
    pass
"""


@pytest.fixture
def offline(tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    """Command prefix and environment in which no connection can be made: a network namespace, or blocked sockets."""
    home, block = tmp_path / "home", tmp_path / "block"
    home.mkdir()
    block.mkdir()
    dropped = ("YUCCA", "WANDB", "PYTHONPATH", "XDG", "MPLCONFIGDIR", "NILEARN")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(dropped)} | {"HOME": str(home)}
    for prefix in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
        ):
            return prefix, environment
    (block / "sitecustomize.py").write_text(BLOCK)
    return [], environment | {"PYTHONPATH": str(block)}


def test_quick_demo_runs_every_command_offline(tmp_path: Path, offline: tuple[list[str], dict[str, str]]) -> None:
    prefix, environment = offline
    subprocess.run([*prefix, sys.executable, "-c", PROBE], env=environment, check=True)
    out = tmp_path / "out"
    command = [*prefix, sys.executable, "-m", "yucca_wm.demo", "--quick", "--out", str(out)]
    first = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    table = [line for line in first.stdout.splitlines() if " standin_" in line]
    assert [int(line.split()[0]) for line in table] == list(range(1, 35))
    assert (out / "demo.png").is_file()
    scores = json.loads((out / "scores.json").read_text())
    assert scores["registration"] > 0.75, "untrained networks are no excuse: registration does not learn"
    rows = (out / "localize" / "lesion_load.tsv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 38, "36 regions, outside and total, of two subjects"
    with_softmax = list((out / "yucca" / "results").glob("Task00[2356]_*/**/*.npz"))
    assert len(with_softmax) == 8, "four inferences of two subjects save their softmax"

    second = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stdout + second.stderr
    assert second.stdout.count("done before") == 21
