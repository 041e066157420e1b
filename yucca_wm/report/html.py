"""Self-contained HTML: one page a cohort, one a subject; no network, no files beside them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
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


def table_of(title: str, rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """What the template needs of a table: title, heads and rows; a column with one subject only is left out."""
    heads = [head for head in rows[0] if head != "subject" or len({row["subject"] for row in rows}) > 1]
    return {"title": title, "heads": heads, "rows": [[short(row[head]) for head in heads] for row in rows]}


def decimals(number: float) -> str:
    """A number of a table, empty where there is none."""
    return "" if math.isnan(number) else f"{number:.3f}"
