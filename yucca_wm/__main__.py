"""``yucca-wm STEP ...``, the same as ``python -m yucca_wm.STEP ...``."""

from __future__ import annotations

import runpy
import sys

from yucca_wm import __version__

STEPS = {
    "doctor": "is everything in place?",
    "check": "is a cohort ready for hours of work?",
    "predict": "scans to lesions, regions, tissue, tables and pages",
    "atlas": "fetch and refine the published atlas",
    "parcellate": "region labels by registration of the atlas",
    "models": "the models that come with this package",
    "export": "pack a model that you trained into one file",
    "ensemble": "merge what several models say",
    "localize": "lesion and region maps to the load of each region",
    "evaluate": "compare label maps with the truth",
    "report": "pages from the tables of localize",
    "groups": "group people by regional load; test association with disease",
    "demo": "train everything on a synthetic cohort",
}
"""In the order of a scan's way, with what each is for."""


def main() -> None:
    """Run the step that the command line names."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        lines = (f"  {step:<11} {purpose}" for step, purpose in STEPS.items())
        print("usage: yucca-wm STEP ...\n\nWhere in the brain are the white-matter lesions?\n\n" + "\n".join(lines))
        print("\nyucca-wm STEP --help says more; python -m yucca_wm.STEP does the same.")
    elif name == "--version":
        print(f"yucca-wm {__version__}")
    elif name in STEPS:
        del sys.argv[1]
        runpy.run_module(f"yucca_wm.{name}", run_name="__main__", alter_sys=True)
    else:
        print(f"usage: yucca-wm STEP ...\nyucca-wm: no step is called {name}; see yucca-wm --help", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
