"""Progress within one subject, one line per stage on stderr, because a bar that counts subjects would stand still."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from yucca_wm.core import verbosity

_aloud = False  # for the whole process: the work may go on in another thread


def stage(what: str) -> None:
    """Announce that stage ``what`` begins; silent unless within `stages_aloud`, and always with ``--quiet``."""
    if _aloud and not verbosity.is_quiet():
        print(f"{what} ...", file=sys.stderr, flush=True)


@contextmanager
def stages_aloud() -> Iterator[None]:
    """Announce each `stage` within this context, in this process."""
    global _aloud
    before, _aloud = _aloud, True
    try:
        yield
    finally:
        _aloud = before
