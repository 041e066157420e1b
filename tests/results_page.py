"""The page of the documentation that names every file of a results folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "read-your-results.md"


def unnamed(folder: Path, subjects: Iterable[str], *, inside: str = "") -> list[str]:
    """The files in ``folder`` that the page does not name, with ``<subject>`` in place of a person's name.

    A file that the page names is not taken for one of somebody called ``left``, as ``left_right.png`` would be.

    inside : the folder's own place in a results folder. The JSON files beside tables are named in one sentence.
    """
    page = PAGE.read_text(encoding="utf-8")
    assert "there is a JSON file of the same name" in page.replace("\n", " ")
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not (path.suffix == ".json" and path.with_suffix(".tsv").is_file()):
            name = inside + str(path.relative_to(folder))
            own = name
            for subject in subjects:
                name = name.replace(f"/{subject}.", "/<subject>.").replace(f"/{subject}_", "/<subject>_")
            found += [] if f"`{name}`" in page or f"`{own}`" in page else [name]
    return found
