"""``yucca_ensemble`` checks its folders, says what is wrong in one line, and takes more options.

Patches ``main`` (yucca/pipeline/run/run_ensemble.py).
Symptom: empty folders end in UnboundLocalError, other shapes in a numpy error, missing cases in an AssertionError.
Cure: the command line of `yucca_wm.ensemble`, of which Yucca's two options are a part.
"""

from __future__ import annotations

from typing import Any


def apply(module: Any) -> bool:
    """Replace ``main`` by the command line of `yucca_wm.ensemble`."""

    def main() -> None:
        from yucca_wm.cli import run
        from yucca_wm.ensemble.__main__ import main as ensemble

        run(ensemble)

    module.main = main
    return True
