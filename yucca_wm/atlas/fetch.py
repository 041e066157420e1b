"""Atlas cache and download: from the atlas's publishers, at fixed revisions and with checksums.

Neither repository states a licence for the files, so they are fetched to the user's own cache and never shipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from yucca_wm.core.errors import InputError, MissingExtraError
from yucca_wm.core.files import atomic_path, make_folder, sha256, write_json

TYPE2, WHITE_MATTER = "JHU_MNI_SS_WMPM_Type-II.nii.gz", "36_labels_merged_only_WM.nii.gz"
"""The two published files that are fetched: all labels, and the refined labels in white matter only."""

REFINED = "refined_labels.nii.gz"
"""Regions made from all labels by `yucca_wm.atlas.maps.refine`."""

MADE_FROM = "refined_labels.json"
"""Record of what the refined labels were made from, read by `renew`."""


def cache_folder() -> Path:
    """``$YUCCA_WM_CACHE``, or ``yucca_wm`` in the user's cache folder."""
    if chosen := os.environ.get("YUCCA_WM_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "yucca_wm"


def cached_atlas(or_else: str = "give the files of another one") -> tuple[Path, Path]:
    """White matter and labels of the fetched atlas.

    Labels that were merged from another file, or with another region table, are merged again. Raises InputError if the
    atlas has not been fetched; its message says how to fetch it, or suggests ``or_else``.
    """
    folder = cache_folder()
    if path := not_fetched():
        remedy = f"run 'python -m yucca_wm.atlas fetch', or {or_else}"
        raise InputError(path, "no atlas has been fetched", remedy)
    return folder / WHITE_MATTER, renew(folder)


def not_fetched() -> Path | None:
    """The first file of the published atlas that is not in the cache; None if all are."""
    paths = (cache_folder() / name for name in (WHITE_MATTER, TYPE2))
    return next((path for path in paths if not path.is_file()), None)


def renew(folder: Path) -> Path:
    """The refined labels in ``folder``, made again if they come from other labels or another region table."""
    refined, record = folder / REFINED, folder / MADE_FROM
    sources = {"labels": sha256(folder / TYPE2), "table": _table_digest()}
    try:
        if json.loads(record.read_text(encoding="utf-8")) == {**sources, "refined": sha256(refined)}:
            return refined
    except (OSError, ValueError):  # missing, or from an earlier version
        pass
    from yucca_wm.atlas.maps import refine_file

    refine_file(folder / TYPE2, refined)
    write_json(record, {**sources, "refined": sha256(refined)})
    return refined


def _table_digest() -> str:
    """Digest of which labels go into which region; names and colours do not count."""
    from yucca_wm.core.regions import regions

    members = [(region.index, *region.jhu_ids) for region in regions()]
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()


GITHUB = "https://raw.githubusercontent.com"


@dataclass(frozen=True)
class Source:
    """One published file: local name, address at a fixed revision, SHA-256."""

    name: str
    url: str
    sha256: str


SOURCES = (
    Source(
        TYPE2,
        f"{GITHUB}/muschellij2/Eve_Atlas/178dedbb2621ad6759dc2a7476607a018312bba7/{TYPE2}",
        "467cfe8cf7dba3a1cb2af8b8e205eb442fa5f4d1a3b42b166ab56bbabdff57dc",
    ),
    Source(
        WHITE_MATTER,
        f"{GITHUB}/juliamachnio/WMHLocalization/cb50dde5858e077f74942ba8b1d830af91bae2f1/{WHITE_MATTER}",
        "a75fbc93d88cafcb664aa5f25d9b4c72317b1554882c76f52049eb1168433d55",
    ),
)


def fetch(
    folder: str | os.PathLike[str] | None = None,
    offline: str | os.PathLike[str] | None = None,
    sources: tuple[Source, ...] = SOURCES,
) -> Path:
    """Download every source into ``folder`` (default: the cache), and make the refined atlas there.

    offline : a folder that already holds the files; they are copied after the same check.

    Existing files with the right checksum are left alone. Raises InputError if a file is unavailable or its checksum
    is wrong; that file is then not kept.
    """
    target = make_folder(cache_folder() if folder is None else folder)
    for source in sources:
        path = target / source.name
        if path.is_file() and sha256(path) == source.sha256:
            continue
        if offline is None:
            _download(source, target)
        else:
            _copy(source, Path(offline), path)
    renew(target)
    return target


def _copy(source: Source, folder: Path, path: Path) -> None:
    given = folder / source.name
    if not given.is_file():
        raise InputError(given, "no such file", f"it is published at {source.url}")
    if (found := sha256(given)) != source.sha256:
        raise InputError(given, f"has SHA-256 {found[:12]}..., not {source.sha256[:12]}...", "get the published file")
    with atomic_path(path) as temporary:
        shutil.copyfile(given, temporary)


def _download(source: Source, folder: Path) -> None:
    try:
        import pooch
    except ImportError as error:
        raise MissingExtraError("pooch", "atlas") from error
    try:
        pooch.retrieve(source.url, f"sha256:{source.sha256}", fname=source.name, path=folder)
    except Exception as error:
        reason = shorten(str(error), 200, placeholder=" ...")
        remedy = "try again, or download the files elsewhere and use --from DIR"
        raise InputError(source.url, f"could not be fetched ({reason})", remedy) from error
