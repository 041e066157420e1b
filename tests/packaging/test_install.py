"""A wheel and an editable install both carry the start-up files and the overlays, and Yucca finds them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.packaging

FIND = """
import inspect, sys, yucca_wm
from yucca_wm.bridge.overlays import MANAGERS
from importlib.util import find_spec
assert any(getattr(f, "__name__", "") == "YuccaFinder" for f in sys.meta_path), "hook is not live"
print(yucca_wm.__file__)
print(find_spec("yucca.pipeline.managers.YuccaManager_SkeletonLoss").origin)
print(find_spec("yucca.pipeline.task_conversion.Task004_WM_Location").origin)
"""


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("YUCCA", "PYTHON"))}
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Python of a new environment that sees our dependencies, pip too, but nothing that we installed at start-up."""
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    site_packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    (Path(site_packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel(clean: Path, wheel: Path, tmp_path: Path) -> None:
    run(clean, "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    package, manager, task = run(clean, "-c", FIND, cwd=tmp_path).splitlines()
    home = str(tmp_path / "venv")
    assert package.startswith(home)
    assert manager.startswith(home)
    assert task.startswith(home)
    run(clean, "-m", "pip", "uninstall", "--yes", "yucca-wm", cwd=tmp_path)
    left = [path for path in (tmp_path / "venv").rglob("*yucca_wm*") if "__pycache__" not in path.parts]
    assert left == []


SNIPPET = """
import re, shutil, sys, textwrap
from importlib.resources import files
from pathlib import Path

import matplotlib.figure, nibabel, numpy, pandas
import yucca_wm as yw
from yucca_wm.atlas.fetch import TYPE2, WHITE_MATTER
from yucca_wm.demo.make_study import write_study
from yucca_wm.imaging.images import load, save
from yucca_wm.core.regions import regions as table

assert (files("yucca_wm") / "py.typed").is_file()
sample = files("yucca_wm") / "data" / "sample"
for name in ("T1.nii.gz", "FLAIR.nii.gz"):
    shutil.copy(str(sample / name), name)
# people with known masks; an atlas of their regions, in the labels of the published one; a person's white matter
write_study(Path(), 24)
template = load("template.nii.gz")
published = template.with_data(template.data.copy())
for region in table().white_matter:
    published.data[template.data == region.index] = region.jhu_ids[0]
Path("cache").mkdir()
save(published, Path("cache") / TYPE2)
save(template, Path("cache") / WHITE_MATTER)
save(template.with_data((template.data > 0).astype("uint8")), "wm.nii.gz")

people = [f"sub-{number:02d}" for number in range(1, 25)]
maps = {name: (f"lesions/{name}.nii.gz", f"regions/{name}.nii.gz") for name in people}
lesions, regions = maps["sub-02"]
prediction, truth = maps["sub-02"][0], maps["sub-04"][0]
before, now = (yw.localize(*maps[name]) for name in people[:2])
loads = pandas.concat([yw.localize(*paths).loads for paths in maps.values()])
participants = "participants.tsv"

snippet = textwrap.dedent(re.search("(    import yucca_wm as yw.*?)\\n\\n(?! )", yw.__doc__, re.DOTALL)[1])
assert snippet.count("yw.") == 7
exec(snippet)

for image in (scan.lesions, scan.regions, scan.tissue, labels.regions):
    assert isinstance(image, nibabel.Nifti1Image)
assert nibabel.load("FLAIR.nii.gz").shape == scan.lesions.shape == scan.regions.shape
assert scan.loads["name"].tolist() == [region.name for region in table()] + ["outside", "total"]
counted_ml = (scan.lesions.get_fdata() == 1).sum() * abs(numpy.linalg.det(scan.lesions.affine[:3, :3])) / 1000
assert counted_ml > 0
assert abs(scan.loads["lesion_volume_ml"].iloc[-1] - counted_ml) < 1e-4
again = yw.localize(scan.lesions, scan.regions, tissue=scan.tissue, subject=scan.subject)
pandas.testing.assert_frame_equal(again.loads, scan.loads)
assert found.loads["subject"].unique().tolist() == ["sub-02"]
assert isinstance(found.flags, dict)
assert isinstance(found.plot(), matplotlib.figure.Figure)
assert change.regions["difference_ml"].iloc[-1] == round(now.result.total.lesion_volume_ml
                                                         - before.result.total.lesion_volume_ml, 6)
assert labels.quality["wm_dice"] > 0.95
assert scores["dice"].between(0, 1).all()
assert len(effects.effects) == 34
assert len(groups.members) == 24
print(yw.__file__)
"""


def test_the_snippet_of_the_python_api_runs_from_a_wheel(clean: Path, wheel: Path, tmp_path: Path) -> None:
    """The lines as they stand in the package's docstring, on the sample scan."""
    run(clean, "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    printed = run("env", f"YUCCA_WM_CACHE={work / 'cache'}", clean, "-c", SNIPPET, cwd=work)
    assert printed.splitlines()[-1].startswith(str(tmp_path / "venv"))


def test_editable(clean: Path, tmp_path: Path) -> None:
    run(clean, "-m", "pip", "install", "--no-deps", "--no-index", "--no-build-isolation", "-e", ROOT, cwd=tmp_path)
    package, manager, task = run(clean, "-c", FIND, cwd=tmp_path).splitlines()
    assert package == str(ROOT / "yucca_wm" / "__init__.py")
    assert manager == str(ROOT / "managers" / "YuccaManager_SkeletonLoss.py")
    assert task == str(ROOT / "task_conversion" / "Task004_WM_Location.py")
