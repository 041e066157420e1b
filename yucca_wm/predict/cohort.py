"""All persons: predicted one after the other, then localized."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.cohort.run import Outcome, run_cases
from yucca_wm.cohort.subject import Subject
from yucca_wm.errors import InputError
from yucca_wm.files import make_folder, remove_temporaries, write_json, write_text
from yucca_wm.predict.case import Case, LoadedModel, Options, predict_case

LESIONS, REGIONS = "lesions", "regions"
MANIFEST, TABLE = "predict.json", "predictions.tsv"


def predict_cohort(
    cases: Sequence[Case], models: Mapping[str, LoadedModel], out_dir: str | os.PathLike[str], options: Options
) -> Outcome[dict[str, Any]]:
    """Predict every case with every model, then localize if both lesions and regions are there.

    models : `LESIONS` and/or `REGIONS` -> model. Writes a folder of label maps for each, predictions.tsv (which
    modalities were used), predict.json, and what `yucca_wm.localize` writes. Run again, it does only what is new.
    """
    out = make_folder(out_dir)
    _remove_leftovers(out)
    for what in models:
        (out / what).mkdir(exist_ok=True)
    manifest = out / MANIFEST
    known = _previous(manifest)
    done: dict[str, Any] = {}

    def predict(case: Case) -> dict[str, Any]:
        done[case.name] = predict_case(case, models, out, options, known.get(case.name))
        write_json(manifest, {"tool": f"yucca-wm {__version__}", "cases": {**known, **done}})
        return done[case.name]

    outcome = run_cases(predict, {case.name: case for case in cases}, label="predict")
    write_json(manifest, {"tool": f"yucca-wm {__version__}", "cases": outcome.results, "failed": outcome.failures})
    rows = [f"{name}\t{'+'.join(made['scans'])}" for name, made in outcome.results.items()]
    write_text(out / TABLE, "\n".join(["case\tused", *rows]) + "\n")
    if outcome.results and {LESIONS, REGIONS} <= set(models):
        _localize(out, sorted(outcome.results), outcome)
    return outcome


def cases_of(subjects: Sequence[Subject]) -> list[Case]:
    """Subjects of a cohort as cases; those without T1 and FLAIR fail later, by name."""
    scans = {subject.name: {"T1": subject.t1, "FLAIR": subject.flair} for subject in subjects}
    return [Case(name, {m: path for m, path in found.items() if path is not None}) for name, found in scans.items()]


def load(model: str | os.PathLike[str], device: str) -> LoadedModel:
    """A model and its network on ``device`` (auto, cpu, cuda or mps)."""
    from yucca_wm.training.model import load_model
    from yucca_wm.training.volume import choose_device

    loaded = load_model(model)
    return LoadedModel(loaded, loaded.network(choose_device(device, loaded.config["model_dimensions"])))


def check_classes(models: Mapping[str, LoadedModel]) -> None:
    """Raise InputError when a model of many classes is given for lesions, or one of few for regions."""
    for what, loaded in models.items():
        few = loaded.model.n_classes <= 3
        if few != (what == LESIONS):
            raise InputError(
                loaded.model.path,
                f"has {loaded.model.n_classes} classes: not a model of {what}",
                "check --lesion-model and --region-model",
            )


def _localize(out: Path, cases: Sequence[str], outcome: Outcome[dict[str, Any]]) -> None:
    from yucca_wm.localize.cohort import localize_cohort
    from yucca_wm.localize.settings import Settings
    from yucca_wm.regions import regions

    stray = [p for what in (LESIONS, REGIONS) for p in (out / what).glob("*.nii.gz") if p.name[:-7] not in cases]
    for path in stray:
        print(f"note: {path} is of no case of this run; it is localized with the others")
    _, failures = localize_cohort(out / LESIONS, out / REGIONS, out, regions(), Settings())
    outcome.failures.update(failures)


def _previous(manifest: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(manifest.read_text(encoding="utf-8"))["cases"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _remove_leftovers(out: Path) -> None:
    for folder in out.glob(".softmax-*"):
        shutil.rmtree(folder)
    for folder in (out, *(path for path in out.rglob("*") if path.is_dir())):
        remove_temporaries(folder)
