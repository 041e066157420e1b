"""Errors that are the user's to mend: each names the file, what is wrong and what to do."""

from __future__ import annotations

from os import PathLike


class YuccaWMError(Exception):
    """Base of every error this package raises on purpose; commands print it and exit with 1."""


class InputError(YuccaWMError):
    """A file or folder that was given cannot be used.

    Parameters
    ----------
    path : the offending file or folder.
    problem : what is wrong with it.
    remedy : what the user can do about it.
    """

    def __init__(self, path: str | PathLike[str], problem: str, remedy: str = "") -> None:
        self.path, self.problem, self.remedy = str(path), problem, remedy
        super().__init__(path, problem, remedy)

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" + (f"; {self.remedy}" if self.remedy else "")


class MissingExtraError(YuccaWMError):
    """An optional dependency is needed for what was asked."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"this needs '{module}': pip install 'yucca-wm[{extra}]'")
