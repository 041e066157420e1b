"""What the site has beyond the pages in ``docs``: README as start page, files that pages link to, the public names.

Pages link to files outside ``docs`` (changelog, licence, the sample's README) as GitHub needs it; here the links are
changed to where the site has these files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import yucca_wm

ROOT = Path(__file__).parents[1]
START = "index.md"
LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)\s#]+)")
"""A Markdown link or image whose target is a file: its opening, and the file."""

PUBLIC_NAMES = "<!-- every name in yucca_wm.__all__ -->"
"""Where ``api.md`` has the entries of the public names."""

WAY = ("predict", "localize", "parcellate", "evaluate", "groups")
"""Subpackages in the order of a scan's way; what others define comes last."""


def linked_files(markdown: str, folder: Path) -> set[str]:
    """Files outside ``docs``, relative to the repository, that a page in ``folder`` links to."""
    targets = ((folder / target).resolve() for _, target in LINK.findall(markdown))
    paths = (target.relative_to(ROOT).as_posix() for target in targets if target.is_file())
    return {path for path in paths if not path.startswith("docs/")} - {"README.md"}


def on_files(files: Files, config: Any) -> Files:
    """README becomes the start page, and what pages link to outside ``docs`` is part of the site."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = linked_files(readme, ROOT)
    for page in files.documentation_pages():
        linked |= linked_files(page.content_string, ROOT / "docs")
    files.append(File.generated(config, START, content=readme.replace("](docs/", "](")))
    for path in sorted(linked):
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def public_names() -> list[str]:
    """Where each name in ``yucca_wm.__all__`` is defined, in the order of a scan's way, functions before classes."""
    found = [getattr(yucca_wm, name) for name in getattr(yucca_wm, "__all__", ())]
    defined = [getattr(each, "function", each) for each in found]  # a subpackage that is called as its function

    def place(each: Any) -> tuple[int, bool]:
        room = each.__module__.split(".")[1]
        return (WAY.index(room) if room in WAY else len(WAY)), isinstance(each, type)

    return [f"{each.__module__}.{each.__qualname__}" for each in sorted(defined, key=place)]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """``../FILE`` of a page in ``docs`` is ``FILE`` on the site; README is its start page."""
    if page.file.src_uri == START:
        return markdown
    markdown = markdown.replace(PUBLIC_NAMES, "\n\n".join(f"::: {name}" for name in public_names()))
    return markdown.replace("](../README.md", f"]({START}").replace("](../", "](")
