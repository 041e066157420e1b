"""The steps of ``yucca-wm``, in the order in which a scan passes through them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Step:
    """A command. purpose : one-line help. module : where it is, if not in ``yucca_wm.<step>.__main__``."""

    purpose: str
    module: str = ""


GROUPS = {
    "before the first scan": {
        "doctor": Step("check this installation", "yucca_wm.doctor"),
        "atlas": Step("fetch, refine and draw the published atlas"),
        "check": Step("look for problems in a cohort before hours of work"),
    },
    "from scans to results": {
        "predict": Step("find lesions, regions and tissue on T1 and FLAIR; write tables and pages"),
        "parcellate": Step("label white matter by region, by registration of the atlas"),
        "ensemble": Step("merge the softmax files of several models"),
        "localize": Step("measure the lesion load of every region"),
        "evaluate": Step("compare label maps with the truth"),
        "report": Step("write HTML pages from the tables of localize"),
        "groups": Step("cluster people by regional load; test association with disease"),
    },
    "models": {
        "models": Step("list the models that come with this package"),
        "synthesis": Step("make training data from label maps of heads", "yucca_wm.training.synthesis.__main__"),
        "upkern": Step("start a large-kernel MedNeXt from a small-kernel one", "yucca_wm.upkern"),
        "export": Step("pack a model that you trained into one file"),
        "demo": Step("run the whole training chain on a synthetic cohort"),
    },
}
"""Heading -> step -> its command. A new command is entered here."""

STEPS = {name: step for steps in GROUPS.values() for name, step in steps.items()}


def _module(name: str) -> object:
    return import_module(STEPS[name].module or f"yucca_wm.{name}.__main__")


def main_of(name: str) -> Callable[[list[str] | None], int]:
    """The function that runs a step; its argument is the list of words after the step's name."""
    main: Callable[[list[str] | None], int] = _module(name).main  # type: ignore[attr-defined]
    return main


def parser_of(name: str) -> argparse.ArgumentParser:
    """The argument parser of a step."""
    parser: argparse.ArgumentParser = _module(name).build_parser()  # type: ignore[attr-defined]
    return parser
