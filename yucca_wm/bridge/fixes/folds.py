"""Folds by person, the same for every run.

Patches ``get_split_config``, ``kfold_split`` and ``simple_split`` (yucca/pipeline/configuration/split_data.py).
Symptom: folds are drawn over case names, seeded by the clock: T1 and FLAIR of one person land in training and
validation, so validation scores are too good; ``--split_data_param 5`` (text) draws a second, different split beside
the default 5 (a number); fewer cases than folds end in a message of scikit-learn.
People who are added later are never trained on, as the split that was drawn without them is used again.
Cure: `yucca_wm.tasks.split`; the parameter is a number however it was typed; a ``splits.pkl`` that puts one person on
both sides, or was drawn for other cases, is replaced, and a line says so.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from yucca_wm.core.errors import YuccaWMError
from yucca_wm.tasks.split import Fold, folds, person_of_case

DRAWN = ("kfold", "simple_train_val_split")
"""Methods by which Yucca draws a split; others are the user's own."""


def leaks(splits: list[Fold]) -> bool:
    """Whether any fold has one person in both training and validation."""
    return any({*map(person_of_case, fold["train"])} & {*map(person_of_case, fold["val"])} for fold in splits)


def cases_of(splits: list[Fold]) -> set[str]:
    """All cases of a split."""
    return {str(case) for fold in splits for side in ("train", "val") for case in fold[side]}


def as_number(param: Any) -> Any:
    """``"5"`` -> 5, ``"0.2"`` -> 0.2; anything that is not a number is returned unchanged (a custom split's name)."""
    try:
        value = float(param)
    except (TypeError, ValueError):
        return param
    return int(value) if value.is_integer() else value


def apply(module: Any) -> bool:
    """Patch ``get_split_config``, ``kfold_split`` and ``simple_split`` to keep all cases of a person together."""
    plain = module.get_split_config

    def split_or_exit(file_names: Any, method: str, param: float) -> list[Fold]:
        try:
            return folds(map(str, file_names), method, param)
        except YuccaWMError as error:
            raise SystemExit(f"error: {error}") from None

    @wraps(plain)
    def get_split_config(method: str, param: Any, path_config: Any) -> Any:
        param = as_number(param)
        splits_path = module.join(path_config.task_dir, "splits.pkl")
        if module.isfile(splits_path):
            splits = module.load_pickle(splits_path)
            drawn = splits.get(method, {}).get(param, []) if isinstance(splits, dict) else []
            why = ""
            if leaks(drawn):
                why = "has one person in training and validation: drawn again by person"
            elif drawn and method in DRAWN and cases_of(drawn) != {*module.get_file_names(path_config.train_data_dir)}:
                why = "was drawn for other cases than there are now: drawn again"
            if why:
                print(f"yucca-wm: {splits_path} {why}")
                del splits[method][param]
                module.save_pickle(splits, splits_path)
        return plain(method, param, path_config)

    module.kfold_split = wraps(module.kfold_split)(lambda names, k: split_or_exit(names, "kfold", k))
    module.simple_split = wraps(module.simple_split)(lambda names, p: split_or_exit(names, "simple_train_val_split", p))
    module.get_split_config = get_split_config
    return True
