"""``yucca-wm STEP ...``, the same as ``python -m yucca_wm.STEP ...``."""

from __future__ import annotations

import sys

from yucca_wm import __version__
from yucca_wm.cli.command import EXIT_OK, EXIT_USAGE, run
from yucca_wm.cli.steps import GROUPS, STEPS, main_of

USAGE = "usage: yucca-wm STEP [OPTIONS]\n       yucca-wm --version | --print-completion {bash,zsh,tcsh}"
END = """\
yucca-wm STEP --help     says what a step takes; python -m yucca_wm STEP does the same.
--version                prints the version.
--print-completion SHELL prints a script that completes steps, flags and files; for bash:
                         yucca-wm --print-completion bash > ~/.local/share/bash-completion/completions/yucca-wm"""


def help_page() -> str:
    """The steps in order, with their purpose."""
    tables = [
        "\n".join([f"{title}:", *(f"  {name:<11} {step.purpose}" for name, step in steps.items())])
        for title, steps in GROUPS.items()
    ]
    return "\n\n".join([USAGE, "Where in the brain are the white-matter lesions?", *tables, END])


def wrong_usage(problem: str) -> int:
    """Print usage and the problem; returns the exit code."""
    print(f"{USAGE}\nyucca-wm: error: {problem}", file=sys.stderr)
    return EXIT_USAGE


def command(words: list[str]) -> int:
    """Run the step that the first of ``words`` names; returns the exit code."""
    name, *rest = words or ["--help"]
    if name in STEPS:
        return main_of(name)(rest)
    if name in ("-h", "--help"):
        print(help_page())
    elif name == "--version":
        print(f"yucca-wm {__version__}")
    elif name == "--print-completion":
        from yucca_wm.cli.completion import SHELLS, script

        if len(rest) != 1 or rest[0] not in SHELLS:
            return wrong_usage(f"--print-completion takes one of {', '.join(SHELLS)}")
        print(script(rest[0]))
    else:
        import difflib

        near = difflib.get_close_matches(name, STEPS, n=1)
        remedy = f"did you mean '{near[0]}'?" if near else "see yucca-wm --help"
        return wrong_usage(f"there is no step '{name}'; {remedy}")
    return EXIT_OK


def main() -> None:
    """Run the command line of this process."""
    run(lambda: command(sys.argv[1:]))


if __name__ == "__main__":
    main()
