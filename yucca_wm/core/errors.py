"""Errors that the user can fix: each names the file, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from os import PathLike


class YuccaWMError(Exception):
    """Base of every error that this package raises on purpose; commands print it and exit with 1.

    The Python API raises it (or a subclass) for unusable files, images and tables, and ValueError for arguments out of
    range.
    """


class InputError(YuccaWMError):
    """A given file, folder, image or table cannot be used.

    Parameters
    ----------
    path : str or path
        The offending file or folder, or the name of an image or table in memory.
    problem : str
        What is wrong with it.
    remedy : str
        What the user can do about it.

    Attributes
    ----------
    path, problem, remedy : str
        As given; ``str()`` of the error is all three in one line.
    """

    def __init__(self, path: str | PathLike[str], problem: str, remedy: str = "") -> None:
        self.path, self.problem, self.remedy = str(path), problem, remedy
        super().__init__(path, problem, remedy)

    def __str__(self) -> str:
        then = " " if self.problem.endswith("?") else "; "
        return f"{self.path}: {self.problem}" + (then + self.remedy if self.remedy else "")


class NotWholeNumbersError(InputError):
    """A label map is needed, and the values of the image are not whole numbers."""


class UnknownLabelsError(InputError):
    """A label map holds labels that it may not hold."""


class MissingExtraError(YuccaWMError):
    """An optional dependency is needed but not installed.

    Parameters
    ----------
    module : str
        The missing module.
    extra : str
        The extra that installs it: ``pip install 'yucca-wm[extra]'``.
    """

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"this needs '{module}': pip install 'yucca-wm[{extra}]'")


def by_axis(sizes: Iterable[float]) -> str:
    """Sizes along the axes in one text: ``1 x 1 x 3.5``."""
    return " x ".join(f"{size:.3g}" for size in sizes)


def some_of(values: Iterable[object], most: int = 5) -> str:
    """The first ``most`` of ``values`` in one line, with ``...`` for the rest."""
    first = list(islice(values, most + 1))
    return ", ".join([*map(str, first[:most]), *["..."] * (len(first) > most)])


def count(number: int | str, noun: str) -> str:
    """``1 lesion``, ``2 lesions``."""
    return f"{number} {noun}" if str(number) == "1" else f"{number} {noun}s"
