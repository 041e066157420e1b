"""A second run is refused while the first lives, and not a moment longer."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.jobs.lock import only_run
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import only_run_in

HOLD = """
import sys
from yucca_wm.jobs.lock import only_run
with only_run(sys.argv[1]): print('held', flush=True); input()
"""


@pytest.fixture
def holder(tmp_path: Path):  # type: ignore[no-untyped-def]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_second_run_is_refused(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another run is writing here"), only_run(tmp_path / "out"):
        pass
    with only_run(tmp_path / "elsewhere"):
        pass
    assert holder.poll() is None


def test_killed_run_leaves_nothing_stuck(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with only_run(tmp_path / "out"):
        pass
    assert not list(tmp_path.iterdir())


def test_one_after_the_other_and_after_an_error(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"), only_run(tmp_path / "out"):
            raise ValueError("broken")
    assert not list(tmp_path.iterdir())


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".out.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(InputError, match="cannot be written"), only_run(tmp_path / "out"):
        pass
    assert not (tmp_path / "precious").exists()


def test_a_folder_made_for_nothing_is_removed(tmp_path: Path) -> None:
    """For a wrong ``--participant-label``, say; one that holds something, or was there before, stays."""
    (tmp_path / "old").mkdir()
    for name, leaves in (("new/deep", False), ("old", False), ("used", True)):
        with suppress(InputError), only_run_in(tmp_path / name, RunOptions()) as out:
            if leaves:
                (out / "a.nii").touch()
            raise InputError(out, "nobody is left")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "used"]
