"""A training run can be repeated: ``YUCCA_SEED=0 yucca_train ...``.

Patches ``seed_everything_and_get_seed_config`` (yucca/pipeline/configuration/configure_seed.py).
Symptom: every new run is seeded by the clock, and no command has a flag for it.
Cure: where YUCCA_SEED is set it is the seed; a resumed run goes on with the seed of its checkpoint either way.
"""

from __future__ import annotations

import os
from functools import wraps
from typing import Any

VARIABLE = "YUCCA_SEED"


def apply(module: Any) -> bool:
    """Patch ``seed_everything_and_get_seed_config`` to take the seed from YUCCA_SEED, if it is set."""
    plain = module.seed_everything_and_get_seed_config

    @wraps(plain)
    def seed_everything_and_get_seed_config(manual_seed: int | None = None, ckpt_seed: int | None = None) -> Any:
        given = os.environ.get(VARIABLE, "")
        if manual_seed is None and ckpt_seed is None and given:
            if not given.isdigit():
                raise SystemExit(f"error: {VARIABLE}='{given}': a whole number is needed")
            manual_seed = int(given)
        return plain(manual_seed, ckpt_seed)

    module.seed_everything_and_get_seed_config = seed_everything_and_get_seed_config
    return True
