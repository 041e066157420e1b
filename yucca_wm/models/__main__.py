"""``python -m yucca_wm.models``: the models that come with this package, with their cards."""

from __future__ import annotations

import argparse

from yucca_wm.cli import Parser, run


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        "yucca-wm models",
        description="List the models that come with this package, or print the card of one: classes, grid, training "
        "data and licences, measured scores.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="print the card of this model")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    from yucca_wm.models.shipped import ALIASES, MODELS, shipped

    if arguments.name is None:
        for model in MODELS.values():
            print(f"{model.name}\t{model.path.stat().st_size / 2**20:.1f} MiB\t{model.finds}")
        return 0
    if (named := shipped(arguments.name)) is None:
        parser.error(f"no model is called {arguments.name}; there are: {', '.join([*MODELS, *ALIASES])}")
    print(named.card())
    return 0


if __name__ == "__main__":
    run(main)
