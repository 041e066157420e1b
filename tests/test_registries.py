"""One entry is enough: a line is put into a registry's file, and whatever ought to know of it does.

Each runs in an interpreter of its own, which is given the file with that line in place of the one on disk. Columns of
tables are added in tests/test_columns.py, networks of other packages in tests/bridge/test_overlays.py.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

START = """
import sys
from importlib.util import find_spec, module_from_spec
from pathlib import Path

def replace(name, old, new):
    spec = find_spec(name)
    text = Path(spec.origin).read_text(encoding="utf-8")
    assert text.count(old) == 1, (name, old, text.count(old))
    module = sys.modules[name] = module_from_spec(spec)
    exec(compile(text.replace(old, new), spec.origin, "exec"), module.__dict__)
    parent, _, last = name.rpartition(".")
    setattr(sys.modules[parent], last, module)

def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

here = Path.cwd()
"""


def run_with(here: Path, module: str, old: str, new: str, script: str) -> None:
    """Run ``script``, whose assertions are the test, with ``old`` replaced by ``new`` in the file of ``module``."""
    change = f"replace({module!r}, {old!r}, {new!r})\n"
    command = [sys.executable, "-W", "error", "-c", START + change + textwrap.dedent(script)]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_modality_is_known_to_layouts_check_tasks_and_localize(tmp_path: Path) -> None:
    run_with(
        tmp_path, "yucca_wm.core.modality", 'FLAIR = "FLAIR", "FLAIR"', 'FLAIR = "FLAIR", "FLAIR"; T2 = "T2", "T2w"',
        """
        from yucca_wm.cohort.layouts import find_subjects
        from yucca_wm.core.modality import Modality

        touch(here / "wmh/1/pre/T2.nii.gz", here / "wmh/2/pre/T1.nii.gz")
        touch(here / "bids/sub-1/anat/sub-1_T2w.nii.gz")
        touch(here / "bids/derivatives/lesions/sub-1/anat/sub-1_space-T2w_label-lesion_mask.nii.gz")
        (here / "cohort.tsv").write_text("subject\\tt2\\na\\tx.nii\\n")
        found = {root: find_subjects(here / root) for root in ("wmh", "bids", "cohort.tsv")}
        assert found["wmh"][0].scans == {Modality.T2: here / "wmh/1/pre/T2.nii.gz"}
        assert found["bids"][0].scans == {Modality.T2: here / "bids/sub-1/anat/sub-1_T2w.nii.gz"}
        assert found["bids"][0].lesions is not None
        assert found["cohort.tsv"][0].files("t1", "t2") == {"t2": here / "x.nii"}

        from yucca_wm.check.cohort import _missing

        assert [(p.subject, p.problem) for p in _missing(found["wmh"])] == [
            ("WMH_1", "has no T1"), ("WMH_2", "has no T2")
        ]

        from yucca_wm.tasks.case import Request
        from yucca_wm.tasks.definition import TASKS
        from yucca_wm.tasks.raw_folder import RawFolder
        from yucca_wm.tasks.split import person_of_case
        from yucca_wm.cohort.subject import Split

        task = TASKS["Task001_WM_Lesion"]
        assert list(Request(task, found["bids"][0], Split.TRAIN, None).cases()) == ["sub-1_T2"]
        assert person_of_case("sub-1_ses-2_T2") == "sub-1"

        from yucca_wm.localize.__main__ import build_parser
        from yucca_wm.localize.measures.columns import MODALITY
        from yucca_wm.localize.measures.flags import disagreement
        from yucca_wm.localize.measures.load import LoadRow, modality_rows

        given = build_parser().parse_args(["--out-dir", "o", "--t2-lesions", "folder"])
        assert given.t2_lesions == "folder"
        assert [c.name for c in MODALITY][4:8] == ["ensemble_ml", "t1_ml", "flair_ml", "t2_ml"]

        def load(ml):
            row = LoadRow(1, "a", "left", "", 9.0, ml, None, None, 1, 1, ml, 9, 9)
            return [row, row]

        alone = {"T1": load(2.0), "FLAIR": load(2.0), "T2": load(9.0)}
        row = modality_rows(load(2.0), alone)[0]
        assert [c.text(row) for c in MODALITY][4:8] == ["2.000000", "2.000000", "2.000000", "9.000000"]
        assert row.range_ml == 7.0
        assert "T1 2.0 ml and T2 9.0 ml" in disagreement(load(2.0), alone)["modality_disagreement"]
        """,
    )  # fmt: skip


def test_a_layout_is_known_to_every_command_that_reads_a_cohort(tmp_path: Path) -> None:
    (tmp_path / "flat_layout.py").write_text(
        "from yucca_wm.cohort.subject import Subject\n"
        "from yucca_wm.core.modality import Modality\n"
        "def matches(root): return root.is_dir() and any(root.glob('*-flair.nii'))\n"
        "def subjects(root):\n"
        "    return [Subject(p.name[:-10], {Modality.FLAIR: p}) for p in root.glob('*-flair.nii')]\n"
    )
    module = '__import__("flat_layout")'
    entry = f'"flat": Layout("<id>-flair.nii (flat)", {module}.matches, {module}.subjects), '
    run_with(
        tmp_path, "yucca_wm.cohort.layouts", '"wmh": Layout(', f'{entry}"wmh": Layout(',
        """
        from importlib import import_module

        import pytest
        from yucca_wm.cohort.layouts import LAYOUTS, find_subjects
        from yucca_wm.core.errors import InputError

        touch(here / "flat/b-flair.nii", here / "flat/a-flair.nii")
        for layout in ("auto", "flat"):
            assert [subject.name for subject in find_subjects(here / "flat", layout)] == ["a", "b"]
        (here / "empty").mkdir()
        with pytest.raises(InputError, match=r"<id>-flair.nii \\(flat\\), sub-<id>/anat/"):
            find_subjects(here / "empty")
        asked = []
        for step in ("check", "localize", "parcellate", "predict"):
            command = import_module(f"yucca_wm.{step}.__main__")
            parser = command.build_parser()
            action = next(a for a in parser._actions if "--layout" in a.option_strings)
            assert tuple(action.choices) == ("auto", *LAYOUTS), step
        assert "flat" in LAYOUTS
        """,
    )  # fmt: skip


def test_a_place_stands_in_tables_sidecars_and_on_maps(tmp_path: Path) -> None:
    new = """    Place(
        "touching_both", "touching a ventricle and the cortex", "#000000",
        lambda s: s.lesions_at_ventricle & s.lesions_at_cortex,
        lambda s: (s.lesions_at_ventricle & s.lesions_at_cortex)[s.lesion],
    ),
    Place(
        "periventricular_touching","""
    run_with(
        tmp_path, "yucca_wm.localize.measures.places", '    Place(\n        "periventricular_touching",', new,
        """
        import json

        import numpy as np
        from yucca_wm.core.tissue import Tissue
        from yucca_wm.core.tsv import read_rows
        from yucca_wm.imaging.images import Image, save
        from yucca_wm.localize.__main__ import main

        # along x: cortex, white matter and ventricle, 20 voxels of 1 x 10 x 10 mm each; a lesion spans it all
        tissue = np.full((60, 3, 3), Tissue.CEREBRAL_WHITE_MATTER, np.uint8)
        tissue[:20], tissue[40:] = Tissue.CORTICAL_GREY_MATTER, Tissue.LATERAL_VENTRICLES
        lesions, regions = np.zeros_like(tissue), np.full_like(tissue, 3)
        lesions[20:40, 1, 1] = 1
        affine = np.diag([1.0, 10.0, 10.0, 1.0])
        for name, data in (("lesions", lesions), ("regions", regions), ("tissue", tissue)):
            save(Image(data, affine), here / f"{name}.nii.gz")
        names = ("lesions", "regions", "tissue")
        words = [word for name in names for word in (f"--{name}", str(here / f"{name}.nii.gz"))]
        assert main([*words, "--out-dir", str(here / "out"), "--jobs", "1"]) == 0
        places = {row["place"]: row for row in read_rows(here / "out" / "places.tsv")}
        assert list(places) == [
            "infratentorial", "touching_both", "periventricular_touching", "juxtacortical", "periventricular_near",
            "deep", "total",
        ]
        assert places["touching_both"]["lesion_volume_ml"] == places["total"]["lesion_volume_ml"] == "2.000000"
        assert places["periventricular_touching"]["n_lesions"] == "0"
        assert [row["place"] for row in read_rows(here / "out" / "lesions.tsv")] == ["touching_both"]
        for sidecar in ("places.json", "lesions.json"):
            levels = json.loads((here / "out" / sidecar).read_text())["place"]["Levels"]
            assert levels["touching_both"] == "touching a ventricle and the cortex"
        said = json.loads((here / "out" / "localize.json").read_text())
        assert said["places"]["touching_both"] == "touching a ventricle and the cortex"
        (person,) = said["subjects"].values()
        assert person["lesion_volume_ml_by_place"]["touching_both"] == 2.0

        from yucca_wm.report import layers

        assert "touching_both" in [place.name for place in layers.PLACES]
        """,
    )  # fmt: skip


def test_a_network_is_listed_and_found_by_its_name(tmp_path: Path) -> None:
    """A module of ``training/networks`` and one line of the registry."""
    (tmp_path / "half_unet.py").write_text(
        "from yucca_wm.training.networks.unet import UNet\n\n\nclass HalfUNet(UNet):\n    pass\n"
    )
    entry = 'Network("HalfUNet_k5", 90.3, (32, 128, 128), (3, 6, 17, 64), 5)'
    run_with(
        tmp_path, "yucca_wm.training.registry", 'Network("UNetR",', f'{entry}, Network("UNetR",',
        """
        import pkgutil
        from types import ModuleType

        import yucca_wm.training.networks as networks

        networks.__path__.append(str(here))  # as if the module lay there
        from yucca_wm.bridge.fixes import lookup

        yucca = ModuleType("files_and_folders")
        yucca.recursive_find_python_class = lambda *_: None
        assert lookup.apply(yucca)
        found = yucca.recursive_find_python_class([], "HalfUNet", "yucca.modules.networks")
        assert found.__name__ == "HalfUNet"

        from yucca_wm.upkern import TARGETS

        assert "HalfUNet_k5" in TARGETS
        """,
    )  # fmt: skip
