"""Run commands that depend on each other: two at a time, logged, resumable, and stopped at the first failure."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yucca_wm.core.errors import YuccaWMError
from yucca_wm.core.files import make_folder, write_json

LOG_LINES_SHOWN = 15

HEARTBEAT_S = 60.0
"""Interval in seconds at which the demo prints what is running and the time left."""


@dataclass(frozen=True)
class Step:
    """One command.

    name : name of its log; title : text for the user; needs : names of the steps before it.
    makes : files and folders that are removed before it runs with other settings than last time.
    expected_s : seconds it takes on two cores without a GPU, for the time left.
    threads : threads of its computation; 0: an equal share of the cores.
    """

    name: str
    title: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    makes: tuple[Path, ...] = ()
    expected_s: float = 10.0
    threads: int = 0

    def shown(self) -> str:
        """The command, ready to be pasted into a shell."""
        return shlex.join(self.command)


class StepError(YuccaWMError):
    """A command failed; names it, with the end of its log."""

    def __init__(self, step: Step, code: int, log: Path) -> None:
        lines = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").splitlines()
        tail = "\n".join(f"    {line}" for line in [line for line in lines if line.strip()][-LOG_LINES_SHOWN:])
        super().__init__(f"step '{step.name}' failed (exit {code}): {step.shown()}\n{tail}\n  whole log: {log}")


@dataclass
class Runner:
    """Runs steps; finished steps are not repeated.

    folder : for ``logs/`` and ``steps/`` (a marker per finished step, keyed by its command, its environment and the
        keys of the steps before it, so that a step with a changed setting runs again, with all steps that depend on
        it).
    environment : variables set for every command, part of the key. quiet : variables that are not part of it.
    jobs : commands at a time.
    """

    folder: Path
    environment: Mapping[str, str]
    quiet: Mapping[str, str] = field(default_factory=dict)
    jobs: int = 2
    seconds: dict[str, float] = field(default_factory=dict)
    _expected: dict[str, float] = field(default_factory=dict)

    def _order(self, step: Step) -> int:
        return list(self._expected).index(step.name)

    def run(self, steps: Sequence[Step]) -> None:
        """Run unfinished steps. Raises StepError; commands still running are then stopped, as at SIGTERM."""
        make_folder(self.folder / "logs")
        make_folder(self.folder / "steps")
        self._expected = {step.name: step.expected_s for step in steps}
        keys = self._keys(steps)
        waiting = [step for step in steps if not self._is_done(step, keys[step.name])]
        for number, step in enumerate(steps, start=1):
            if step not in waiting:
                self._say(number, steps, f"{step.title}: done before")
        running: dict[Step, tuple[subprocess.Popen[bytes], float]] = {}
        heartbeat = time.monotonic()
        stop = threading.Event()  # checked between starts: an interrupted start would leave its command running
        before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
        try:
            while waiting or running:
                if stop.is_set():
                    sys.exit(128 + signal.SIGTERM)
                unfinished = {step.name for step in [*waiting, *running]}
                for step in [s for s in waiting if not unfinished.intersection(s.needs)][: self.jobs - len(running)]:
                    left = _minutes(self._left_s([*waiting, *running]))
                    self._say(steps.index(step) + 1, steps, f"{step.title} ({left} left)\n    {step.shown()}")
                    running[step] = (self._start(step, keys[step.name]), time.monotonic())
                    waiting.remove(step)
                time.sleep(0.05)
                if time.monotonic() - heartbeat > HEARTBEAT_S:
                    heartbeat = time.monotonic()
                    names = ", ".join(f"{s.title} for {(heartbeat - t) / 60:.0f} min" for s, (_, t) in running.items())
                    left = _minutes(
                        self._left_s([*waiting, *running], {s: heartbeat - t for s, (_, t) in running.items()})
                    )
                    print(f"        {time.strftime('%H:%M:%S')} running: {names}; {left} left", flush=True)
                for step in [s for s, (process, _) in running.items() if process.poll() is not None]:
                    process, start = running.pop(step)
                    if process.returncode != 0:
                        raise StepError(step, process.returncode, self.log(step))
                    self.seconds[step.name] = time.monotonic() - start
                    marker = {"key": keys[step.name], "seconds": round(self.seconds[step.name], 1)}
                    write_json(self._marker(step), {**marker, "command": step.shown()})
                    self._say(steps.index(step) + 1, steps, f"{step.title}: {self.seconds[step.name]:.0f} s")
        finally:
            for process, _ in running.values():
                process.terminate()
            for process, _ in running.values():
                process.wait()
            signal.signal(signal.SIGTERM, before)

    def log(self, step: Step) -> Path:
        """Log file of ``step``."""
        return self.folder / "logs" / f"{step.name}.log"

    def _start(self, step: Step, key: str) -> subprocess.Popen[bytes]:
        begun = self.folder / "steps" / f"{step.name}.begun"
        if not begun.is_file() or begun.read_text(encoding="utf-8") != key:
            for path in step.makes:
                shutil.rmtree(path, ignore_errors=True)
        begun.write_text(key, encoding="utf-8")
        self._marker(step).unlink(missing_ok=True)
        with open(self.log(step), "wb") as log:
            threads = step.threads or max(1, (os.cpu_count() or 1) // self.jobs)
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads), **self.quiet, **self.environment}
            return subprocess.Popen(
                step.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment
            )

    def _keys(self, steps: Sequence[Step]) -> dict[str, str]:
        keys: dict[str, str] = {}
        for step in steps:
            parts = [*step.command, *sorted(f"{k}={v}" for k, v in self.environment.items())]
            parts += [keys[name] for name in step.needs]
            keys[step.name] = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return keys

    def _marker(self, step: Step) -> Path:
        return self.folder / "steps" / f"{step.name}.json"

    def _is_done(self, step: Step, key: str) -> bool:
        try:
            return bool(json.loads(self._marker(step).read_text(encoding="utf-8"))["key"] == key)
        except (OSError, ValueError, KeyError):
            return False

    def _left_s(self, steps: Sequence[Step], elapsed_s: Mapping[Step, float] | None = None) -> float:
        """Seconds until ``steps`` are done: the work shared out, or the longest chain in it, at the speed so far."""
        done = {name: seconds for name, seconds in self.seconds.items() if name in self._expected}
        expected = sum(self._expected[name] for name in done)
        speed = min(max(sum(done.values()) / expected, 0.2), 10.0) if expected else 1.0
        need = {s.name: max(speed * s.expected_s - (elapsed_s or {}).get(s, 0.0), 5.0) for s in steps}
        finish: dict[str, float] = {}
        for step in sorted(steps, key=self._order):
            finish[step.name] = need[step.name] + max((finish.get(name, 0.0) for name in step.needs), default=0.0)
        return max(max(finish.values(), default=0.0), sum(need.values()) / self.jobs)

    @staticmethod
    def _say(number: int, steps: Sequence[Step], text: str) -> None:
        print(f"[{number:2d}/{len(steps)}] {time.strftime('%H:%M:%S')} {text}", flush=True)


def _minutes(seconds: float) -> str:
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else "about a minute"
