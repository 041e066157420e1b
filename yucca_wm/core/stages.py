"""What is being done for one person, a line each on stderr: a bar that counts people would stand still."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from yucca_wm.core import verbosity

_aloud = False  # of the process: the work may go on in another thread


def stage(what: str) -> None:
    """Say that ``what`` begins; nothing unless `stages_aloud`, or with ``--quiet``."""
    if _aloud and not verbosity.is_quiet():
        print(f"{what} ...", file=sys.stderr, flush=True)


@contextmanager
def stages_aloud() -> Iterator[None]:
    """Within it, in this process, each `stage` is said."""
    global _aloud
    before, _aloud = _aloud, True
    try:
        yield
    finally:
        _aloud = before
