"""The shipped models on real scans with a truth, compared with other tools' results on the same scans.

    python benchmarks/real_scans.py --data ../shared/data/real [--only PART ...] [--heads DIR] [--cache DIR] [--json]

Scans are used unprocessed, with ``yucca_wm.predict``'s own steps. Eight people of `nichart` were in the training set:
they are left out, unless ``--trained-on`` is given. Parts:

- ``lesions``: multiple sclerosis, hand-drawn lesions (`wmh_ms5`, `mslub_mni`): Dice, F1 of lesions, volume error, 95 %
  Hausdorff distance; masks of other tools if they lie beside the scan.
- ``white-matter``: 12 T1 with manual labels (`oasis_nc`): Dice of cerebral white matter; lesion volume found there.
- ``agreement``: T1 alone against FLAIR alone (`nichart`, `mslub_raw`), mean region Dice; two visits of one person,
  except for lesions that changed in between (by hand, `p01_change_lesions`).
- ``lobes``: volumes of lobar white matter compared with another tool's (`nichart`).
- ``regions``: the same 12 T1; region Dice with the atlas registered (deformable) to the manual white matter. Those maps
  are kept in ``--cache``; ``--parcellate`` passes on options such as ``--atlas-wm`` and ``--atlas-labels``. The
  network's regions, and those of ``predict --region-model atlas`` (the fetched atlas).
- ``other-tools``: the brain of MNI152, onto which others have registered the atlas with two tools (``--eve DIR``: that
  brain and both label maps, `github.com/muschellij2/Eve_Atlas`). Region Dice of all four maps, within the white matter
  that contains ours: how well one registration agrees with another.
- ``sides``: voxels of regions on their own side of the head's midplane, all scans. The plane is the scan's own plane of
  symmetry (`midplane.py`); the corpus callosum and 3 mm on either side of it do not count. Hemispheres may bend across
  that plane: where structures were labelled by hand (`oasis_nc`), also voxels in a structure of the other side.
- ``healthy``: false lesion volume on FLAIRs painted without lesions, from heads held out of training (``--heads``,
  prepared by ``python -m yucca_wm.training.synthesis``).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from real_scans_lesions import HELD_OUT_HEADS, healthy, lesions
from real_scans_regions import agreement, lobes, other_tools, region_dice, sides, white_matter

PARTS = {
    "lesions": lesions,
    "white-matter": white_matter,
    "agreement": agreement,
    "lobes": lobes,
    "regions": region_dice,
    "other-tools": other_tools,
    "sides": sides,
    "healthy": healthy,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real scans")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="(default: all)")
    parser.add_argument("--heads", type=Path, help="folder of prepared heads, for 'healthy'")
    parser.add_argument(
        "--held-out", nargs="+", default=list(HELD_OUT_HEADS), help="heads to paint (default: %(default)s)"
    )
    parser.add_argument("--eve", type=Path, help="folder of the atlas on MNI152's brain, for 'other-tools'")
    parser.add_argument("--trained-on", action="store_true", help="also the people of nichart who were trained on")
    parser.add_argument("--cache", type=Path, default=Path("real_scans_out"), help="(default: real_scans_out)")
    parser.add_argument("--parcellate", default="", help="options of yucca_wm.parcellate, in one argument")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    options = parser.parse_args()
    found = {}
    for part, flag in (("healthy", "heads"), ("other-tools", "eve")):
        if getattr(options, flag) is None and part in options.only:
            options.only.remove(part)
            print(f"{part}: left out, it needs --{flag}", file=sys.stderr)
    for part in options.only:
        rows = list(PARTS[part](options))
        found[part] = rows
        show(part, rows)
    if options.json:
        print(json.dumps(found))
    return 0


def show(part: str, rows: list[dict[str, Any]]) -> None:
    """Print a table, and the mean of every number in it."""
    print(f"\n{part}")
    names = list(dict.fromkeys(name for row in rows for name in row))
    numeric = [n for n in names if any(isinstance(row.get(n), float) for row in rows)]
    mean = {n: float(np.mean([row[n] for row in rows if n in row])) for n in numeric} | {names[0]: "mean"}
    for row in [dict(zip(names, names, strict=True)), *rows, mean]:
        cells = (row.get(n, "") for n in names)
        print("\t".join(f"{c:.3f}" if isinstance(c, float) else str(c) for c in cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())
