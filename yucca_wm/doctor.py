"""``python -m yucca_wm.doctor``: check whether this installation works, and suggest remedies."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from yucca_wm import cli


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    remedy : what to do; empty if all is well. optional : nothing is wrong, and the remedy is only for some users.
    """

    what: str
    found: str
    remedy: str = ""
    optional: bool = False

    @property
    def is_problem(self) -> bool:
        return bool(self.remedy) and not self.optional


EXTRAS = {
    "report": ("nilearn", "the HTML pages"),
    "groups": ("firthmodels", "yucca-wm groups, the statistics"),
    "atlas": ("pooch", "yucca-wm atlas fetch"),
}
"""Extra -> a module that only the extra installs, and the purpose of the extra."""


def check_hook() -> Finding:
    """Whether the start-up hook is active in this process (checked before anything here could install it)."""
    from yucca_wm.bridge.diagnose import startup_file

    live = any(getattr(finder, "__name__", "") == "YuccaFinder" for finder in sys.meta_path)
    if os.environ.get("YUCCA_WM_DISABLE", "0") not in ("", "0"):
        return Finding("start-up hook", "off: YUCCA_WM_DISABLE is set", "unset YUCCA_WM_DISABLE")
    if live:
        return Finding("start-up hook", "live")
    if startup_file() is None:
        return Finding(
            "start-up hook", "off: yucca_wm.pth is not in site-packages", "pip install --force-reinstall yucca-wm"
        )
    return Finding(
        "start-up hook", "off: Python runs without site-packages start-up (-S or -I?)", "run python without -S"
    )


def check_versions() -> Iterator[Finding]:
    """Versions of the packages that results depend on, and whether torchvision was built for this torch."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    installed: dict[str, str] = {}
    for package in ("yucca-wm", "yucca", "torch", "torchvision", "lightning", "numpy", "nibabel", "SimpleITK"):
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            yield Finding(package, "not installed", "pip install yucca-wm")
    yield Finding("versions", ", ".join(f"{package} {found}" for package, found in installed.items()))
    if "torch" in installed and "torchvision" in installed:
        needs = [needed for text in requires("torchvision") or [] if (needed := Requirement(text)).name == "torch"]
        if not all(needed.specifier.contains(installed["torch"], prereleases=True) for needed in needs):
            yield Finding(
                "torchvision",
                f"{installed['torchvision']} needs {needs[0]}, but torch is {installed['torch']}",
                f"pip install '{needs[0]}', or the torchvision of this torch",
            )


def check_device() -> Iterator[Finding]:
    """Import torch and torchvision, and name the device that training would use."""
    try:
        import torch
    except Exception as error:  # noqa: BLE001
        yield Finding("torch", f"cannot be imported ({error})", "reinstall torch")
        return
    try:
        import torchvision  # noqa: F401
    except Exception as error:  # noqa: BLE001
        yield Finding("torchvision", f"cannot be imported ({error})", "install the torchvision of this torch")
    if torch.cuda.is_available():
        yield Finding("device", f"CUDA: {torch.cuda.get_device_name()}")
    elif torch.backends.mps.is_available():
        yield Finding("device", "Apple GPU (MPS)")
    else:
        yield Finding("device", f"CPU, {torch.get_num_threads()} threads (no CUDA device; training is slow but works)")


def check_fixes() -> Iterator[Finding]:
    """Import every patched Yucca module and report the outcome of each fix; find our manager as Yucca would."""
    from yucca_wm.bridge.diagnose import found_manager, import_everything

    with _folders_elsewhere():
        outcomes = import_everything()
        where = found_manager("YuccaManager_SkeletonLoss")
    for fix, outcome in outcomes.items():
        if outcome not in ("applied", "not needed"):
            yield Finding(f"fix '{fix}'", outcome, "report it with this line; Yucca runs without this fix")
    remedy = "" if "alternative_managers" not in where else "see 'start-up hook' above"
    yield Finding("YuccaManager_SkeletonLoss", where, remedy)


@contextmanager
def _folders_elsewhere() -> Iterator[None]:
    """Set unset YUCCA_* folders to a temporary folder meanwhile, as importing Yucca creates them."""
    from yucca_wm.bridge.fixes.paths import VARIABLES

    unset = [variable for variable in VARIABLES if not os.environ.get(variable)]
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(dict.fromkeys(unset, folder))
        try:
            yield
        finally:
            for variable in unset:
                os.environ.pop(variable, None)


def check_models() -> Iterator[Finding]:
    """Whether the models that come with this package are present, with unchanged weights."""
    from yucca_wm.core.errors import InputError
    from yucca_wm.models.shipped import MODELS
    from yucca_wm.training.model import load_model

    for name, model in MODELS.items():
        try:
            load_model(model.path, model.scans)
        except InputError as error:
            yield Finding(f"model '{name}'", str(error), "pip install --force-reinstall yucca-wm")
        else:
            yield Finding(f"model '{name}'", f"whole (SHA-256 {model.identity})")


def check_extras() -> Iterator[Finding]:
    """Whether the optional packages are installed."""
    for extra, (module, purpose) in EXTRAS.items():
        what = f"extra '{extra}', for {purpose}"
        if importlib.util.find_spec(module) is None:
            yield Finding(what, "not installed", f"pip install 'yucca-wm[{extra}]'", optional=True)
        else:
            yield Finding(what, "installed")


def check_atlas() -> Finding:
    """Whether the published atlas has been fetched; most users do not need it."""
    from yucca_wm.atlas.fetch import cache_folder, not_fetched

    what = "atlas, for predict --region-model atlas, parcellate, synthesis and atlas"
    if not_fetched() is None:
        return Finding(what, f"fetched, in {cache_folder()}")
    return Finding(what, "not fetched", "yucca-wm atlas fetch", optional=True)


def check_folders() -> Iterator[Finding]:
    """Whether each YUCCA_* folder is writable; unset ones have a default below the working folder."""
    from yucca_wm.bridge.fixes.paths import VARIABLES, default_folder
    from yucca_wm.core.errors import InputError
    from yucca_wm.core.files import make_folder

    for variable in VARIABLES:
        folder = os.environ.get(variable)
        if not folder:
            yield Finding(variable, f"not set; Yucca's commands would use {default_folder(variable)}")
        elif variable == "YUCCA_SOURCE":
            yield Finding(variable, folder)
        else:
            try:
                make_folder(folder)
            except InputError as error:
                yield Finding(variable, f"{folder}: {error.problem}", f"set {variable} to a folder you can write")
            else:
                yield Finding(variable, folder)


def check_wandb() -> Finding:
    from yucca_wm.bridge.fixes.wandb_training import wandb_wanted

    return Finding("wandb", "on (you are logged in or ask for it)" if wandb_wanted() else "off (not logged in)")


def findings() -> Iterator[Finding]:
    yield check_hook()
    yield from check_versions()
    yield from check_device()
    yield from check_models()
    yield from check_extras()
    yield check_atlas()
    yield from check_fixes()
    yield from check_folders()
    yield check_wandb()


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    description = "Check whether this installation works, and say what to do where it does not."
    parser = cli.Parser("yucca-wm doctor", description=description)
    parser.add_argument("--fixes", action="store_true", help="print what is patched in Yucca, and why")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    if build_parser().parse_args(argv).fixes:
        from yucca_wm.bridge.diagnose import fixes_page

        print(fixes_page(), end="")
        return cli.EXIT_OK
    problems, optional = 0, False
    for finding in findings():
        optional |= bool(finding.remedy) and not finding.is_problem
        problems += finding.is_problem
        print(f"{'!!' if finding.is_problem else '--' if finding.remedy else 'ok'}  {finding.what}: {finding.found}")
        if finding.remedy:
            print(f"      -> {finding.remedy}")
    well = "all is well" + "; what is marked -- is optional" * optional
    print(f"{problems} problem{'s' if problems > 1 else ''} found" if problems else well)
    return cli.EXIT_FAILURE if problems else cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main)
