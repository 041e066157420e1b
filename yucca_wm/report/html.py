"""Self-contained HTML: one page a cohort, one a subject; no network, no files beside them."""

from __future__ import annotations

import re
from typing import Any


def render(template: str, **content: Any) -> str:
    """Fill ``templates/<template>``; every text is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("yucca_wm.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(template).render(**content)


def count(number: int | str, noun: str) -> str:
    """``1 lesion``, ``2 lesions``."""
    return f"{number} {noun}" if str(number) == "1" else f"{number} {noun}s"


def short(text: str) -> str:
    """Six decimals are for files; three for reading."""
    return f"{float(text):.3f}" if re.fullmatch(r"-?[0-9]+\.[0-9]{6}", text) else text
