"""How much a command prints. Kept in the environment, so that worker processes know it too."""

from __future__ import annotations

import os
import sys
import traceback

VARIABLE = "YUCCA_WM_VERBOSITY"
QUIET, VERBOSE = "quiet", "verbose"


def is_quiet() -> bool:
    """Whether to print only notes and errors: no progress, nothing on standard output."""
    return os.environ.get(VARIABLE) == QUIET


def is_verbose() -> bool:
    """Whether to print every finished subject, and the traceback of every error."""
    return os.environ.get(VARIABLE) == VERBOSE


def show_traceback() -> None:
    """Print the traceback of the current exception on stderr; nothing unless the command is verbose."""
    if is_verbose():
        traceback.print_exc(file=sys.stderr)
