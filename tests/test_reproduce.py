"""docs/reproduce.md gives the commands of the README, and every command it names knows its options."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def blocks(page: Path) -> list[str]:
    """Lines of commands, continued lines joined, blanks evened out."""
    text = "\n".join(page.read_text(encoding="utf-8").split("```")[1::2]).replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_the_chain_is_that_of_the_readme() -> None:
    chain = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- chain -->")[1].split("```")[1]
    shown = {" ".join(line.split()) for line in chain.replace("\\\n", " ").splitlines()}
    commands = {line for line in shown if line and not line.startswith(("#", "COHORT"))}
    assert len(commands) > 15
    assert commands <= set(blocks(ROOT / "docs" / "reproduce.md"))


def test_options_of_our_commands_exist() -> None:
    found: dict[tuple[str, ...], set[str]] = {}
    for page in ("reproduce", "large-cohorts"):
        for line in blocks(ROOT / "docs" / f"{page}.md"):
            for words in re.findall(r"python -m (yucca_wm\.\S+.*?)(?:\"|$)", line):
                module, *rest = shlex.split(words, comments=True)
                sub = tuple(rest[:1]) if module.endswith(("groups", "atlas")) else ()
                found.setdefault((module, *sub), set()).update(word for word in rest if word.startswith("--"))
    assert len(found) >= 8
    for (module, *sub), options in found.items():
        command = [sys.executable, "-m", module, *sub, "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert {option for option in options if option not in done.stdout} == set(), module
