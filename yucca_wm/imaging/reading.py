"""How a command reads headers, and what they left in doubt: in force for every file that it opens, in workers too.

Between a command's options and the many places that open a file this would pass through everything else.
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
    """Which of a header's two affines to take where they disagree."""

    SFORM = "sform"
    QFORM = "qform"


@dataclass(frozen=True)
class Headers:
    """form : of `HeaderForm`, which of a header's two places of the grid counts where they disagree; None: nobody said.

    option : how the command's user says it, {} for the form; "" where that is not possible.
    """

    form: str | None = None
    option: str = ""

    @property
    def remedy(self) -> str:
        """What to do about a header that says two things."""
        if not self.option:
            return "copy the right one over the other"
        return f"say which is right: {' or '.join(map(self.option.format, HeaderForm))}"


NOBODY_SAID = Headers()
_headers: ContextVar[Headers] = ContextVar("headers", default=NOBODY_SAID)
_notes: ContextVar[dict[str, None] | None] = ContextVar("notes", default=None)


def headers() -> Headers:
    """What `reading` was given."""
    return _headers.get()


def spelled(flag: str, argument: str) -> str:
    """How the one who asked says something: with ``flag`` on a command line, with ``argument`` in Python."""
    return flag if "--" in headers().option else argument


def note(*lines: str) -> None:
    """Leave ``lines`` for the person who started the command; what was said before is said once."""
    if (notes := _notes.get()) is not None:
        notes.update(dict.fromkeys(lines))


@contextmanager
def reading(headers: Headers) -> Iterator[dict[str, None]]:
    """Within it headers are read so; it gives the notes, line by line, as they come."""
    notes: dict[str, None] = {}
    tokens = _headers.set(headers), _notes.set(notes)
    try:
        yield notes
    finally:
        _headers.reset(tokens[0])
        _notes.reset(tokens[1])


@contextmanager
def reading_aloud(form: str | None, option: str = OPTION) -> Iterator[None]:
    """`reading` as a command was told; at its end the notes are on stderr."""
    with reading(Headers(form, option)) as notes:
        try:
            yield
        finally:
            say(notes)


def say(notes: Iterable[str]) -> None:
    """Print ``notes`` on stderr."""
    for line in notes:
        print(f"note: {line}", file=sys.stderr)
