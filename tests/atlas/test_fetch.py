"""Only the published bytes are kept."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from yucca_wm.atlas.fetch import REFINED, SOURCES, TYPE2, WHITE_MATTER, Source, cached_atlas, fetch
from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import RegionTable, regions
from yucca_wm.imaging.images import Image, load, save


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, tuple[Source, ...]]:
    """A folder that stands for the publishers, and sources with its checksums and file:// addresses."""
    folder = tmp_path / "published"
    folder.mkdir()
    labels = np.arange(1, 131, dtype=np.int16).reshape(13, 10, 1)
    save(Image(labels, np.eye(4)), folder / TYPE2)
    save(Image((labels > 9).astype(np.uint8), np.eye(4)), folder / WHITE_MATTER)
    names = (TYPE2, WHITE_MATTER)
    sums = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]
    return folder, tuple(
        Source(name, f"https://localhost:9/{name}", digest) for name, digest in zip(names, sums, strict=True)
    )


def test_sources_are_fixed_revisions_with_checksums() -> None:
    for source in SOURCES:
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/.+", source.url)
        assert re.fullmatch(r"[0-9a-f]{64}", source.sha256)


def test_offline_folder_to_a_usable_atlas(published, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    folder, sources = published
    monkeypatch.setenv("YUCCA_WM_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="no atlas has been fetched"):
        cached_atlas()
    fetch(offline=folder, sources=sources)
    wm, labels = cached_atlas()
    assert (wm.name, labels.name) == (WHITE_MATTER, REFINED)
    assert int(load(labels).data.max()) == 36
    before = labels.stat().st_mtime_ns
    fetch(sources=sources)  # all there: nothing to download, no network needed
    assert labels.stat().st_mtime_ns == before


def test_a_wrong_checksum_is_refused_and_leaves_nothing(published, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder, sources = published
    content = bytearray((folder / TYPE2).read_bytes())
    content[-1] ^= 1
    (folder / TYPE2).write_bytes(content)
    with pytest.raises(InputError, match="has SHA-256"):
        fetch(tmp_path / "cache", offline=folder, sources=sources)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wrong_download_is_refused_and_leaves_nothing(published, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Through pooch itself, with the transfer replaced."""
    pooch = pytest.importorskip("pooch")
    _, sources = published

    def download(self: object, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:  # noqa: ARG001
        Path(output_file).write_bytes(b"something else")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    with pytest.raises(InputError, match="could not be fetched"):
        fetch(tmp_path / "cache", sources=sources)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.shared_data
def test_the_checksums_are_those_of_the_published_files(shared_data: Path, tmp_path: Path) -> None:
    assert (fetch(tmp_path, offline=shared_data / "atlas") / REFINED).is_file()


def test_refined_labels_are_made_again_when_what_they_come_from_changes(
    published: tuple[Path, tuple[Source, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, sources = published
    cache = tmp_path / "cache"
    monkeypatch.setenv("YUCCA_WM_CACHE", str(cache))
    fetch(offline=folder, sources=sources)
    kept = (cache / REFINED).read_bytes()
    label_1 = int(load(cache / REFINED).data[0, 0, 0])
    save(load(cache / REFINED).with_data(np.full((13, 10, 1), 7, np.uint8)), cache / REFINED)
    assert cached_atlas()[1].read_bytes() == kept  # something else under its name
    labels = load(cache / TYPE2)
    save(labels.with_data(labels.data[::-1, ::-1].copy()), cache / TYPE2)
    assert int(load(cached_atlas()[1]).data[12, 9, 0]) == label_1 == 1  # JHU label 1 lies at the other end now
    before = (cache / REFINED).stat().st_mtime_ns
    cached_atlas()
    assert (cache / REFINED).stat().st_mtime_ns == before
    first, second, *others = regions()
    swapped = [replace(first, jhu_ids=second.jhu_ids), replace(second, jhu_ids=first.jhu_ids), *others]
    monkeypatch.setattr("yucca_wm.core.regions.regions", lambda: RegionTable(swapped))
    monkeypatch.setattr("yucca_wm.atlas.maps.regions", lambda: RegionTable(swapped))
    assert int(load(cached_atlas()[1]).data[12, 9, 0]) == 2  # JHU label 1 belongs to region 1 no longer
