"""YUCCA_* folders have a default.

Patches ``get_environment_variable`` (yucca/paths.py).
Symptom: without YUCCA_RESULTS the managers cannot even be imported, and ``yucca_convert_task --help`` needs
YUCCA_SOURCE: "ValueError: Missing required environment variable".
Cure: an unset variable means ``./yucca_data/<name>``, which one line on stderr says. A folder that cannot be made is
one clear error.
"""

from __future__ import annotations

import os
import sys
from functools import wraps
from pathlib import Path
from typing import Any

ROOT = "yucca_data"
VARIABLES = ("YUCCA_SOURCE", "YUCCA_RAW_DATA", "YUCCA_PREPROCESSED_DATA", "YUCCA_MODELS", "YUCCA_RESULTS")


def default_folder(variable: str) -> Path:
    """``YUCCA_RAW_DATA`` -> ``<working folder>/yucca_data/raw_data``."""
    return Path.cwd() / ROOT / variable.removeprefix("YUCCA_").lower()


def apply(module: Any) -> bool:
    """Patch ``get_environment_variable`` to return `default_folder` for an unset variable."""
    plain = module.get_environment_variable

    @wraps(plain)
    def get_environment_variable(var: str) -> str:
        module.load_dotenv()
        asks_for_help = not {"-h", "--help"}.isdisjoint(sys.argv[1:])
        if not os.environ.get(var):
            folder = default_folder(var)
            if asks_for_help:
                return str(folder)
            if not any(os.environ.get(v, "").startswith(str(folder.parent)) for v in VARIABLES):
                print(f"yucca-wm: {var} is not set, using {folder.parent} for YUCCA_* folders", file=sys.stderr)
            os.environ[var] = str(folder)
        try:
            return plain(var)
        except OSError as error:
            raise SystemExit(f"error: {var}={os.environ[var]}: cannot be made ({error.strerror})") from None

    try:
        plain("YUCCA_WM_A_VARIABLE_THAT_IS_NOT_SET")
    except ValueError:
        module.get_environment_variable = get_environment_variable
        return True
    return False
