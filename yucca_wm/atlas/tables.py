"""The table of regions in the forms that viewers and other tools read."""

from __future__ import annotations

import os
from pathlib import Path

from yucca_wm.core.files import make_folder, write_text
from yucca_wm.core.regions import FORM, Region, RegionTable, Side
from yucca_wm.core.tsv import tsv_lines

DSEG, ITK_SNAP, FREESURFER = "regions_dseg.tsv", "regions_itksnap.txt", "regions_freesurfer_lut.txt"

ITK_SNAP_HEADER = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
################################################
"""


def write_tables(table: RegionTable, folder: str | os.PathLike[str]) -> list[Path]:
    """Write all three into ``folder``: BIDS, ITK-SNAP, and FreeSurfer (which 3D Slicer reads as well)."""
    root = make_folder(folder)
    texts = {DSEG: bids_dseg(table), ITK_SNAP: itk_snap(table), FREESURFER: freesurfer_lut(table)}
    return [write_text(root / name, text) for name, text in texts.items()]


def bids_dseg(table: RegionTable) -> str:
    """BIDS label table: index, name, color, and our own columns; 'Background' is index 0."""
    columns = {column.name: column for column in FORM.columns}
    header = ("index", "name", "color", "full_name", "side", "group")
    everything = [Region(0, "background", "Background", Side.NONE, "", "#000000"), *table]
    return tsv_lines([header, *([columns[name].text(region) for name in header] for region in everything)])


def itk_snap(table: RegionTable) -> str:
    """ITK-SNAP label description file."""
    lines = ['    0     0    0    0        0  0  0    "Clear Label"']
    for region in table:
        red, green, blue = rgb(region)
        lines.append(f'{region.index:5d} {red:5d} {green:4d} {blue:4d}        1  1  1    "{region.name}"')
    return ITK_SNAP_HEADER + "\n".join(lines) + "\n"


def freesurfer_lut(table: RegionTable) -> str:
    """FreeSurfer colour look-up table: number, name without blanks, red, green, blue, 0."""
    lines = ["#No. Label Name:  R G B A", "0 Unknown 0 0 0 0"]
    lines += [f"{region.index} {'_'.join(region.name.split())} {' '.join(map(str, rgb(region)))} 0" for region in table]
    return "\n".join(lines) + "\n"


def rgb(region: Region) -> tuple[int, int, int]:
    """Red, green, blue, each 0..255."""
    red, green, blue = (int(region.color[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue
