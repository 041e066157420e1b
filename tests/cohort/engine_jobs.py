"""Work for the tests of the engine: in a module of its own, so that other processes can import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from yucca_wm.cli import run
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path
from yucca_wm.jobs.options import Level, RunOptions
from yucca_wm.jobs.resumable import only_run_in, run_step
from yucca_wm.jobs.step import Step, Work

CASES = {f"case{number}": number for number in range(12)}
EXPECTED = {name: number**2 for name, number in CASES.items() if number != 5}


def square(number: int) -> int:
    if number == 5:
        raise InputError("five", "is bad")
    return number**2


def die(number: int) -> int:
    """One case takes its process with it."""
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number)


def working_folder(_: object) -> str:
    return str(Path.cwd())


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


def lives(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition, seconds: float = 120.0):  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


def write_slowly(target: Path) -> None:
    """A file that is never whole: half of it is there, the rest takes its time."""
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        (target.parent / f"began-{target.stem}-{os.getpid()}").touch()
        time.sleep(60)


def write_at_once(target: Path) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("whole")


def first_is_quick(target: Path) -> str:
    write_at_once(target) if target.stem == "case0" else write_slowly(target)
    return target.stem


def command(folder: Path, jobs: int, *, threads: bool, level: Level) -> None:
    """A command that is at work until it is stopped."""
    works = {f"case{n}": Work(folder / f"case{n}.txt", {}, [folder / f"case{n}.txt"]) for n in range(5)}

    def main() -> int:
        options = RunOptions(jobs=jobs, level=level)
        with only_run_in(folder, options):
            run_step(Step("slow", folder), first_is_quick, works, options, threads=threads)
        return 0

    run(main)
