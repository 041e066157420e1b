"""What every ``python -m yucca_wm.<step>`` shares: exit codes and one-line errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from yucca_wm.errors import YuccaWMError

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
"""0: all done; 1: something failed (said on stderr); 2: wrong usage (argparse)."""


def run(main: Callable[[], int | None]) -> None:
    """Run a command's ``main`` and exit: our own errors become one line on stderr and exit code 1."""
    try:
        code = main() or EXIT_OK
    except YuccaWMError as error:
        print(f"error: {error}", file=sys.stderr)
        code = EXIT_FAILURE
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_FAILURE
    except OSError as error:  # a disk that is full or gone, too many open files
        print(f"error: {error.filename or ''}{': ' * bool(error.filename)}{error.strerror or error}", file=sys.stderr)
        code = EXIT_FAILURE
    sys.exit(code)


def report_failures(failures: Mapping[str, str], total: int) -> int:
    """Print the cases that failed (case -> reason) on stderr; returns the exit code (1 if any failed)."""
    if not failures:
        return EXIT_OK
    for case, reason in failures.items():
        print(f"error: {case}: {reason}", file=sys.stderr)
    print(f"{len(failures)} of {total} cases failed; the others are done", file=sys.stderr)
    return EXIT_FAILURE
