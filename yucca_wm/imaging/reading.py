"""How headers are read and which doubts they left, for every file that a command opens, in workers too.

Kept as context variables, as these settings would otherwise pass through everything between a command's options and
the many places that open a file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

OPTION = "--header {}"


class HeaderForm(StrEnum):
    """Which of a header's two affines to use if they disagree."""

    SFORM = "sform"
    QFORM = "qform"


@dataclass(frozen=True)
class Headers:
    """form : of `HeaderForm`, which of a header's two affines counts if they disagree; None: no choice was made.

    option : how the user of this command makes the choice, with {} for the form; "" where that is not possible.
    """

    form: str | None = None
    option: str = ""

    @property
    def remedy(self) -> str:
        """Remedy for a header that contradicts itself."""
        if not self.option:
            return "copy the right one over the other"
        return f"say which one to use: {' or '.join(map(self.option.format, HeaderForm))}"


NOBODY_SAID = Headers()
_headers: ContextVar[Headers] = ContextVar("headers", default=NOBODY_SAID)
_notes: ContextVar[dict[str, None] | None] = ContextVar("notes", default=None)


def headers() -> Headers:
    """The settings given to `reading`."""
    return _headers.get()


def spelled(flag: str, argument: str) -> str:
    """How a user gives something: with ``flag`` on a command line, with ``argument`` in Python."""
    return flag if "--" in headers().option else argument


def note(*lines: str) -> None:
    """Keep ``lines`` as notes for the user who started the command; repeated lines are kept once."""
    if (notes := _notes.get()) is not None:
        notes.update(dict.fromkeys(lines))


@contextmanager
def reading(headers: Headers) -> Iterator[dict[str, None]]:
    """Read headers this way within the context; yields the notes, line by line, as they come."""
    notes: dict[str, None] = {}
    tokens = _headers.set(headers), _notes.set(notes)
    try:
        yield notes
    finally:
        _headers.reset(tokens[0])
        _notes.reset(tokens[1])


@contextmanager
def reading_aloud(form: str | None, option: str = OPTION) -> Iterator[None]:
    """`reading` with a command's settings; prints the notes on stderr at the end."""
    with reading(Headers(form, option)) as notes:
        try:
            yield
        finally:
            say(notes)


def say(notes: Iterable[str]) -> None:
    """Print ``notes`` on stderr."""
    for line in notes:
        print(f"note: {line}", file=sys.stderr)
