"""Cost of the start-up hook at every Python start: ``python -c pass`` with and without it, interleaved.

Bar: at most 5 ms more (median). Run in an environment where yucca-wm is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

BAR_MS = 5.0


def start_ms(**environment: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], env=os.environ | environment, check=True)
    return (time.perf_counter() - begin) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 starts of each kind instead of 100")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    arguments = parser.parse_args()
    with_hook, without = [], []
    for _ in range(20 if arguments.quick else 100):
        with_hook.append(start_ms(YUCCA_WM_DISABLE="0"))
        without.append(start_ms(YUCCA_WM_DISABLE="1"))
    figures = {
        "with_hook_ms": statistics.median(with_hook),
        "disabled_ms": statistics.median(without),
        "import_of_hook_ms": statistics.median(import_ms() for _ in with_hook),  # happens with and without the hook
    }
    figures["added_ms"] = figures["with_hook_ms"] - figures["disabled_ms"] + figures["import_of_hook_ms"]
    for name, value in figures.items():
        print(f"{name:20} {value:7.2f}")
    passed = figures["added_ms"] <= BAR_MS
    if arguments.json:
        print(json.dumps(figures | {"pass": passed}))
    return 0 if passed else 1


def import_ms() -> float:
    """Time (ms) to import the hook within a running Python."""
    code = "import time; b = time.perf_counter(); import yucca_wm.bridge.startup; print(time.perf_counter() - b)"
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env=os.environ | environment, capture_output=True, check=True
    )
    return float(done.stdout) * 1000


if __name__ == "__main__":
    sys.exit(main())
