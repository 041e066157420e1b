"""A picture of the atlas, and its region table in formats that viewers and other tools read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from yucca_wm.atlas.maps import DSEG, check_label_table
from yucca_wm.cohort.region_record import check_names
from yucca_wm.core.errors import InputError, MissingExtraError
from yucca_wm.core.files import atomic_path, make_folder, write_text
from yucca_wm.core.regions import FORM, Region, RegionTable, Side, regions
from yucca_wm.core.tsv import tsv_lines
from yucca_wm.imaging.images import load, load_labels
from yucca_wm.imaging.kinds import labels_in

SLICES = 7


def show(
    labels: str | os.PathLike[str],
    out: str | os.PathLike[str],
    table: RegionTable | None = None,
    background: str | os.PathLike[str] | None = None,
) -> Path:
    """Draw axial slices of ``labels`` in the table's colours, with a legend, into ``out`` (.png, .pdf or .svg)."""
    try:
        from nilearn.plotting import plot_roi
    except ImportError as error:
        raise MissingExtraError("nilearn", "atlas") from error
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    if table is None:
        check_label_table(Path(labels))
    table = table or regions()
    image = load_labels(labels, allowed=(0, *table.indices))
    if not image.data.any():
        raise InputError(labels, "holds no label: every voxel is 0")
    check_names(Path(labels), image, labels_in(image), table)
    rank = np.zeros(max(table.indices) + 1, np.uint8 if len(table) < 256 else np.uint16)
    for number, region in enumerate(table, start=1):
        rank[region.index] = number
    shown: Any = nib.Nifti1Image(rank[image.data], image.affine)
    height = image.affine[2, :3] @ np.array(np.nonzero(image.data)) + image.affine[2, 3]
    below: Any = None
    if background is not None:
        under = load(background)
        below = nib.Nifti1Image(under.data, under.affine)
    figure = Figure(figsize=(14, 4.4), facecolor="white")
    plot_roi(
        shown,
        bg_img=below,
        cut_coords=np.percentile(height, np.linspace(4, 96, SLICES)).round().tolist(),
        display_mode="z",
        cmap=ListedColormap([region.color for region in table]),
        vmin=1,
        vmax=len(table),
        alpha=0.8 if below is not None else 1.0,
        black_bg=False,
        colorbar=False,
        axes=(0.0, 0.36, 1.0, 0.64),
        figure=figure,
    )
    handles = [Patch(color=region.color, label=f"{region.index} {region.name}") for region in table]
    figure.legend(handles=handles, loc="lower center", ncols=6, fontsize=8, frameon=False)
    try:
        with atomic_path(out) as temporary:
            figure.savefig(temporary, dpi=110)
    except ValueError as error:
        raise InputError(out, f"is no picture format ({error})", "end the name with .png, .pdf or .svg") from error
    return Path(out)


ITK_SNAP, FREESURFER = "regions_itksnap.txt", "regions_freesurfer_lut.txt"

ITK_SNAP_HEADER = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
################################################
"""


def write_tables(table: RegionTable, folder: str | os.PathLike[str]) -> list[Path]:
    """Write the region table into ``folder`` as BIDS, ITK-SNAP and FreeSurfer (also read by 3D Slicer) files."""
    root = make_folder(folder)
    texts = {DSEG: bids_dseg(table), ITK_SNAP: itk_snap(table), FREESURFER: freesurfer_lut(table)}
    return [write_text(root / name, text) for name, text in texts.items()]


def bids_dseg(table: RegionTable) -> str:
    """BIDS label table: index, name, color, and this package's own columns; 'Background' is index 0."""
    columns = {column.name: column for column in FORM.columns}
    header = ("index", "name", "color", "full_name", "side", "group")
    everything = [Region(0, "background", "Background", Side.NONE, "", "#000000"), *table]
    return tsv_lines([header, *([columns[name].text(region) for name in header] for region in everything)])


def itk_snap(table: RegionTable) -> str:
    """ITK-SNAP label description file."""
    lines = ['    0     0    0    0        0  0  0    "Clear Label"']
    for region in table:
        red, green, blue = region.rgb
        lines.append(f'{region.index:5d} {red:5d} {green:4d} {blue:4d}        1  1  1    "{region.name}"')
    return ITK_SNAP_HEADER + "\n".join(lines) + "\n"


def freesurfer_lut(table: RegionTable) -> str:
    """FreeSurfer colour look-up table: number, name without spaces, red, green, blue, 0."""
    lines = ["#No. Label Name:  R G B A", "0 Unknown 0 0 0 0"]
    lines += [f"{region.index} {'_'.join(region.name.split())} {' '.join(map(str, region.rgb))} 0" for region in table]
    return "\n".join(lines) + "\n"
