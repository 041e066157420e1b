"""How much a command says. Kept in the environment, so that worker processes know it too."""

from __future__ import annotations

import os
import sys
import traceback

VARIABLE = "YUCCA_WM_VERBOSITY"
QUIET, VERBOSE = "quiet", "verbose"


def is_quiet() -> bool:
    """Whether only notes and errors are to be said: no progress, nothing on standard output."""
    return os.environ.get(VARIABLE) == QUIET


def is_verbose() -> bool:
    """Whether every subject that is finished, and where an error arose, are to be said."""
    return os.environ.get(VARIABLE) == VERBOSE


def show_traceback() -> None:
    """On stderr, where the error that is being handled arose; nothing unless the command is verbose."""
    if is_verbose():
        traceback.print_exc(file=sys.stderr)
