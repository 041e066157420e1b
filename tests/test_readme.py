"""What the README says is what is run: its chain of commands is the demo's, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

from yucca_wm.demo import chain

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SAME = ("-t", "-s", "-d", "-m", "-man", "--save_softmax", "-c")
"""Options that must agree; the demo adds sizes (epochs, patches) and its own paths."""


def readme_commands() -> list[list[str]]:
    """The chain's block in words, the loop over tasks unrolled, ``$(seq 0 36)`` expanded."""
    block = README.split("<!-- chain -->")[1].split("```")[1].replace("\\\n", " ")
    block = block.replace("$(seq 0 36)", " ".join(map(str, range(37))))
    loop = re.search(r"for task in (.*?); do\n(.*?)\ndone", block, re.DOTALL)
    assert loop is not None
    unrolled = "\n".join(loop[2].replace("$task", task) for task in loop[1].split())
    lines = block.replace(loop[0], unrolled).splitlines()
    return [
        shlex.split(line, comments=True)
        for line in lines
        if line.strip() and not line.startswith(("#", "COHORT", "RUN", "export"))
    ]


def essence(words: list[str]) -> tuple[str, ...]:
    """Program and the options that must agree, with their values, in a fixed order."""
    program = words[2] if words[0] == "python" else words[0]
    found = [program]
    for option in SAME:
        if option in words:
            start = words.index(option) + 1
            end = next((i for i in range(start, len(words)) if words[i].startswith("-")), len(words))
            found += [option, *words[start:end]]
    return tuple(found)


def test_the_readme_shows_the_chain_that_the_demo_runs() -> None:
    shown = [essence(words) for words in readme_commands()]
    run = [essence([*step.command]) for step in chain.steps(chain.FULL, Path("out"))]
    without_atlas = [words for words in shown if words[0] != "yucca_wm.atlas"]
    assert sorted(without_atlas) == sorted(words for words in run if words[0] != "yucca_wm.demo.make_cohort")


def test_links_of_all_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_chains_folders_are_those_that_unset_variables_mean(tmp_path: Path) -> None:
    """Pasted into a shell where nothing is set, the block must not look into ``/Task001...``."""
    from yucca_wm.bridge.fixes.paths import ROOT as DATA

    (export,) = (line for line in README.splitlines() if line.startswith("export YUCCA_"))
    show = f"cd {tmp_path} && {export} && echo $YUCCA_RAW_DATA $YUCCA_RESULTS"
    said = subprocess.run(
        ["bash", "-c", show], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == [str(tmp_path / DATA / "raw_data"), str(tmp_path / DATA / "results")]
