"""What every ``python -m yucca_wm.<step>`` shares: exit codes and one-line errors."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from yucca_wm import files
from yucca_wm.errors import YuccaWMError

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
"""0: all done; 1: something failed (said on stderr); 2: wrong usage (argparse)."""

STOPS = (signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """SIGTERM (a scheduler's time limit) or SIGHUP (a terminal that is closed): everything is put in order, then the
    command ends."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn the first SIGTERM or SIGHUP into `Stopped`, raised in the main thread; further ones are ignored, so that
    nothing interrupts the putting in order. Signals that are ignored (nohup) stay so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [number for number in STOPS if signal.getsignal(number) is not signal.SIG_IGN]

    def stop(number: int, _: object) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(main: Callable[[], int | None]) -> int:
    """Run a command's ``main``: our own errors become one line on stderr and exit code 1; one that is stopped leaves
    no worker process and no temporary file, and can go on."""
    with stoppable():
        try:
            return main() or EXIT_OK
        except YuccaWMError as error:
            print(f"error: {error}", file=sys.stderr)
            return EXIT_FAILURE
        except (KeyboardInterrupt, Stopped) as stop:
            files.close_all()
            print("interrupted; run the same command again to resume", file=sys.stderr)
            return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_FAILURE
        except OSError as error:  # a disk that is full or gone, too many open files
            place = f"{error.filename}: " if error.filename else ""
            print(f"error: {place}{error.strerror or error}", file=sys.stderr)
            return EXIT_FAILURE


def run(main: Callable[[], int | None]) -> None:
    """Run a command's ``main`` and exit with its `exit_code`."""
    sys.exit(exit_code(main))


def report_failures(failures: Mapping[str, str], total: int) -> int:
    """Print the cases that failed (case -> reason) on stderr; returns the exit code (1 if any failed)."""
    if not failures:
        return EXIT_OK
    for case, reason in failures.items():
        print(f"error: {case}: {reason}", file=sys.stderr)
    print(f"{len(failures)} of {total} cases failed; the others are done", file=sys.stderr)
    return EXIT_FAILURE
