"""Work for the tests of the engine: in a module of its own, so that other processes can import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from yucca_wm.errors import InputError


def square(number: int) -> int:
    if number == 5:
        raise InputError("five", "is bad")
    return number**2


def die(number: int) -> int:
    """One case takes its process with it."""
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number)


def loses_its_worker_once(case: tuple[Path, int]) -> int:
    folder, number = case
    with (folder / "calls").open("a") as calls:
        calls.write(f"{number}\n")
    if number == 7 and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number)


def wait(folder: Path) -> None:
    """Tells who does it, and takes its time."""
    (folder / str(os.getpid())).touch()
    time.sleep(60)
