"""The list of commands: complete, in an order that can be typed, and on one set of folders."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from yucca_wm.demo import chain


@pytest.mark.parametrize("settings", [chain.FULL, chain.QUICK], ids=["full", "quick"])
def test_the_papers_chain_is_complete(settings: chain.Settings) -> None:
    steps = chain.steps(settings, Path("out"))
    programs = Counter(step.command[0] for step in steps)
    assert programs == {
        "python": 3,
        "yucca_convert_task": 6,
        "yucca_preprocess": 2,
        "yucca_train": 2,
        "yucca_inference": 4,
        "yucca_ensemble": 2,
        "yucca_evaluation": 2,
    }
    seen: set[str] = set()
    for step in steps:
        assert set(step.needs) <= seen, f"{step.name} comes before what it needs"
        seen.add(step.name)


def test_everything_stays_in_the_output_folder() -> None:
    out = Path("/somewhere/out")
    folders = {name: value for name, value in chain.environment(out).items() if name != "YUCCA_SEED"}
    assert len(folders) == 5
    assert all(Path(value).is_relative_to(out) for value in folders.values())
    assert all(path.is_relative_to(out) for step in chain.steps(chain.FULL, out) for path in step.makes)


def test_the_full_demo_has_the_promised_cohort() -> None:
    assert (chain.FULL.train, chain.FULL.test) == (12, 4)
    assert chain.QUICK.train >= 5, "five folds need five subjects"


def test_the_real_atlas_is_passed_on() -> None:
    cohort = chain.steps(chain.FULL, Path("out"), Path("/atlas"))[0]
    assert cohort.command[-2:] == ("--atlas", "/atlas")
