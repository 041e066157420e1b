"""Shell completion of steps, flags and files, by shtab."""

from __future__ import annotations

import argparse

from yucca_wm.cli.steps import STEPS, parser_of

SHELLS = ("bash", "zsh", "tcsh")
FOLDERS, FILES = ("DIR",), ("FILE", "TSV", "PATH", "MODEL", "COHORT", "FOLDER")
"""Metavars that stand for folders, and those that may stand for files."""


def script(shell: str) -> str:
    """Completion script for the shell, with every step and flag."""
    import shtab

    whole = argparse.ArgumentParser("yucca-wm")
    whole.add_argument("--version", action="store_true", help="print the version")
    whole.add_argument("--print-completion", choices=SHELLS, help="print a script that completes in this shell")
    steps = whole.add_subparsers(dest="step", parser_class=argparse.ArgumentParser)
    for name, step in STEPS.items():
        parser = parser_of(name)
        _complete_paths(parser)
        steps.add_parser(name, parents=[parser], add_help=False, help=step.purpose, description=step.purpose)
    return str(shtab.complete(whole, shell=shell))


def _complete_paths(parser: argparse.ArgumentParser) -> None:
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _complete_paths(inner)
        elif action.metavar in (*FOLDERS, *FILES):
            action.complete = shtab.DIRECTORY if action.metavar in FOLDERS else shtab.FILE  # type: ignore[attr-defined]
