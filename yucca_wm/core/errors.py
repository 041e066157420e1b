"""Errors that are the user's to mend: each names the file, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from os import PathLike


class YuccaWMError(Exception):
    """Base of every error that this package raises on purpose; commands print it and exit with 1.

    Functions of the Python API raise it (or one of those below it) for what is wrong with files, images and tables, and
    ValueError for arguments that are out of their range.
    """


class InputError(YuccaWMError):
    """A file, folder, image or table that was given cannot be used.

    Parameters
    ----------
    path : str or path
        The offending file or folder, or what an image or table in memory is called.
    problem : str
        What is wrong with it.
    remedy : str
        What the user can do about it.

    Attributes
    ----------
    path, problem, remedy : str
        The same; ``str()`` of the error is all three in one line.
    """

    def __init__(self, path: str | PathLike[str], problem: str, remedy: str = "") -> None:
        self.path, self.problem, self.remedy = str(path), problem, remedy
        super().__init__(path, problem, remedy)

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" + (f"; {self.remedy}" if self.remedy else "")


class MissingExtraError(YuccaWMError):
    """An optional dependency is needed for what was asked.

    Parameters
    ----------
    module : str
        What is not installed.
    extra : str
        The extra that brings it: ``pip install 'yucca-wm[extra]'``.
    """

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"this needs '{module}': pip install 'yucca-wm[{extra}]'")


def some_of(values: Iterable[object], most: int = 5) -> str:
    """The first ``most`` of ``values`` in a line, ``...`` for the rest."""
    first = list(islice(values, most + 1))
    return ", ".join([*map(str, first[:most]), *["..."] * (len(first) > most)])
