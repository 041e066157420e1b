"""How a command runs: parser, verbosity, exit codes, one-line errors."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from yucca_wm.core import files, verbosity
from yucca_wm.core.errors import YuccaWMError

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
"""0: all done; 1: something failed (said on stderr); 2: wrong usage (argparse)."""

QUIET_HELP = "print notes and errors only: no progress, no summary"
VERBOSE_HELP = "also print each subject as it is finished, and where an error arose"

FLAG = re.compile(r"-[^\d.]")
"""Start of a flag, as opposed to that of a negative number."""

STOPS = (signal.SIGTERM, signal.SIGHUP)


class Parser(argparse.ArgumentParser):
    """Command line with the behaviour common to all commands: ``--quiet`` and ``--verbose``; flags must be written in
    full, so that an unknown one is refused, naming the one that may have been meant, and never taken for another with
    the same beginning. A usage error is reported in one line.

    bare : message for a word that belongs to no flag, if the command takes none.
    """

    def __init__(self, prog: str | None = None, *, bare: str = "", **settings: Any) -> None:
        super().__init__(prog, allow_abbrev=False, **settings)
        self.bare = bare
        loud = self.add_mutually_exclusive_group()
        for flag, what in (("--quiet", QUIET_HELP), ("--verbose", VERBOSE_HELP)):
            loud.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=what)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in argparse; from here on the command is as verbose as requested (until `exit_code` returns)."""
        words = list(sys.argv[1:] if args is None else args)
        self._refuse_unknown_flags(words)
        if self.bare and words and not words[0].startswith("-"):
            self._refuse(words[:1])  # before argparse complains of a missing flag
        options, left = self.parse_known_args(words, namespace)
        if left:
            self._refuse(left)
        for level in (verbosity.QUIET, verbosity.VERBOSE):
            if getattr(options, level, False):
                os.environ[verbosity.VARIABLE] = level
        if verbosity.is_quiet():
            sys.stdout.flush()
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        return options

    def error(self, message: str) -> NoReturn:
        """As in argparse, without the list of all flags (unless the command has a usage text of its own)."""
        if self.usage is not None:
            super().error(message)
        self.exit(EXIT_USAGE, f"{self.prog}: error: {message}; see {self.prog} --help\n")

    def _refuse(self, words: Sequence[str]) -> NoReturn:
        self.error(": ".join(filter(None, (f"unrecognized arguments: {' '.join(words)}", self.bare))))

    def _refuse_unknown_flags(self, words: Sequence[str]) -> None:
        """End the program at a flag that neither the command nor its inner command has."""
        parsers: list[argparse.ArgumentParser] = [self]
        for action in self._actions:  # argparse has no public interface for this
            if isinstance(action, argparse._SubParsersAction):
                parsers += [inner for name, inner in action.choices.items() if name in words]
        known = {spelling for parser in parsers for spelling in parser._option_string_actions}
        for word in words[: words.index("--")] if "--" in words else words:
            flag = word.partition("=")[0]
            if FLAG.match(word) and " " not in word and flag not in known:
                shown = {
                    spelling for parser in parsers for action in parser._actions for spelling in action.option_strings
                }
                meant = "--" + flag.lstrip("-")
                near = difflib.get_close_matches(meant, sorted(shown), n=1) if len(meant) > 3 else []
                parsers[-1].error(f"unrecognized arguments: {flag}" + (f": did you mean {near[0]}?" if near else ""))


@contextmanager
def _as_loud_as_before() -> Iterator[None]:
    """Undo the changes made by ``--quiet`` and ``--verbose``."""
    stdout, level = sys.stdout, os.environ.get(verbosity.VARIABLE)
    try:
        yield
    finally:
        if sys.stdout is not stdout:
            sys.stdout.close()
            sys.stdout = stdout
        os.environ.pop(verbosity.VARIABLE, None)
        if level is not None:
            os.environ[verbosity.VARIABLE] = level


class Stopped(BaseException):
    """SIGTERM (a scheduler's time limit) or SIGHUP (a terminal that is closed): everything is cleaned up, then the
    command ends."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn the first SIGTERM or SIGHUP into `Stopped`, raised in the main thread; further ones are ignored, so that
    nothing interrupts the clean-up. Signals that are already ignored (nohup) stay so."""
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
    """Run a command's ``main``: the package's own errors become one line on stderr and exit code 1; a command that is
    stopped leaves no worker process and no temporary file, and can be resumed."""
    with stoppable(), _as_loud_as_before():
        try:
            return main() or EXIT_OK
        except YuccaWMError as error:
            verbosity.show_traceback()
            print(f"error: {error}", file=sys.stderr)
            return EXIT_FAILURE
        except (KeyboardInterrupt, Stopped) as stop:
            files.close_all()
            print("interrupted; run the same command again to resume", file=sys.stderr)
            return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_FAILURE
        except OSError as error:  # a full or missing disk, too many open files
            verbosity.show_traceback()
            place = f"{error.filename}: " if error.filename else ""
            print(f"error: {place}{error.strerror or error}", file=sys.stderr)
            return EXIT_FAILURE


def run(main: Callable[[], int | None]) -> None:
    """Run a command's ``main`` and exit with its `exit_code`."""
    sys.exit(exit_code(main))


def report_failures(failures: Mapping[str, str], total: int = 1) -> int:
    """Print the failed cases (case -> reason) on stderr, and their number out of ``total`` if that is more than one;
    returns the exit code (1 if any failed)."""
    if not failures:
        return EXIT_OK
    for case, reason in failures.items():
        print(f"error: {case}: {reason}", file=sys.stderr)
    if total > len(failures):
        print(f"{len(failures)} of {total} cases failed; the others are done", file=sys.stderr)
    elif total > 1:
        print(f"all {total} cases failed", file=sys.stderr)
    return EXIT_FAILURE
