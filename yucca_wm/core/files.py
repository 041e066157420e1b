"""Atomic writing of files, their names and checksums."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from yucca_wm.core.errors import InputError

NIFTI_SUFFIXES = (".nii.gz", ".nii")

IMAGE_SUFFIXES = (*NIFTI_SUFFIXES, ".mgz", ".mgh")
"""Extensions of images that can be read; images are always written as NIfTI."""

PAIR = re.compile(r"\.(hdr|img)(\.gz)?$", re.IGNORECASE)
"""Ends of the names of two files that are one image."""

UNREAD = (
    ".nrrd", ".nhdr", ".mha", ".mhd", ".mif", ".mif.gz", ".mnc", ".img", ".hdr", ".nii.bz2", ".nii.xz", ".nii.zst",
)  # fmt: skip
"""Image formats that cannot be read: such files are named in a message instead of being passed over silently."""

TEMPORARY = re.compile(r"\.(?P<stem>.+)\.tmp-[a-z0-9_]{8}(\.\w+)*")
"""Names that `atomic_path` gives to unfinished files."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""Error numbers that mean a full or read-only disk."""

UMASK = os.umask(0)
os.umask(UMASK)
"""The umask, read once: reading it means changing it, for all threads."""


def no_such_file(path: str | os.PathLike[str]) -> InputError:
    """Error for a file that is not there, or only as a link."""
    if Path(path).is_symlink():
        return InputError(path, "is a link that leads nowhere", "fetch the file (git annex: datalad get)")
    return InputError(path, "no such file")


def check_not_read(outputs: Iterable[Path], inputs: Iterable[str | os.PathLike[str] | None]) -> None:
    """Raise InputError if a file to be written is one that is read, also through links. inputs : None: not given."""
    read = {os.path.realpath(path) for path in inputs if path is not None}  # a loop of links is itself
    for path in outputs:
        if os.path.realpath(path) in read:
            raise InputError(path, "is read by this run, which would replace it", "choose another --out-dir")


def check_ours(folder: Path, names: Iterable[str], manifest: str, remedy: str = "choose another --out-dir") -> None:
    """Raise InputError if one of the files ``names`` is in ``folder`` without ``manifest``, which this package leaves
    beside them: they come from elsewhere."""
    there = next((folder / name for name in sorted(names) if (folder / name).exists()), None)
    if there is not None and not (folder / manifest).is_file():
        raise InputError(there, f"exists already and was not written by yucca-wm (there is no {manifest})", remedy)


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key for names with numbers: ``Subj2`` before ``Subj10``."""
    parts = re.split(r"(\d+)", name.casefold())
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], name


def case_name(path: str | os.PathLike[str]) -> str:
    """File name without its NIfTI (or other single) suffix: ``a/sub-1.T1.nii.gz`` -> ``sub-1.T1``."""
    name = Path(path).name
    for suffix in NIFTI_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return Path(name).stem


def nifti_files(folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Case name -> path of every image (IMAGE_SUFFIXES) directly in ``folder``, in natural order.

    Raises InputError if the folder is absent or holds one case twice (.nii and .nii.gz).
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(root, "is not a folder", "give a folder of .nii.gz files")
    found: dict[str, Path] = {}
    for path in sorted(root.iterdir(), key=lambda path: natural_key(path.name)):
        if path.name.startswith(".") or not path.name.lower().endswith(IMAGE_SUFFIXES):
            continue
        if (name := case_name(path)) in found:
            raise InputError(path, f"case '{name}' occurs twice in this folder", "keep one of the two files")
        found[name] = path
    return found


def missing_folders(folder: Path) -> list[Path]:
    """``folder`` and its parents that do not exist yet, ``folder`` first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Create ``path`` and its parents; raises InputError if it cannot be written to."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(folder, f"cannot be written ({reason})", "choose another output folder") from error
    return folder


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` (same suffix); on success it is synced and renamed to ``path``.

    sync : False for files that can be made again: they survive a killed process, but not a power cut.

    On any exception the temporary file is removed and ``path`` is left as it was.
    """
    target = Path(path)
    suffix = next((s for s in NIFTI_SUFFIXES if target.name.lower().endswith(s)), target.suffix)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{case_name(target)}.tmp-", suffix=suffix, dir=target.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(target, f"cannot be written ({reason})", "check the folder and its free space") from error
    os.close(handle)
    temporary = Path(name)
    PASSING.add(temporary)
    try:
        if _closed.is_set():
            raise InputError(target, "is not written any more: the command was stopped")
        yield temporary
        temporary.chmod(0o666 & ~UMASK)
        if sync:
            with open(temporary, "rb") as stream:
                os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise InputError(target, f"cannot be written ({error.strerror})", "make room, and run again") from error
    finally:
        temporary.unlink(missing_ok=True)
        PASSING.discard(temporary)


PASSING: set[Path] = set()
"""Temporary files and locks of this process, removed when it ends."""

_closed = threading.Event()

CLOSE_S = 5.0
"""Seconds that threads get to finish the current file when the command is stopped."""


def close_all() -> None:
    """Stop writing files as the process ends: threads may finish their current file, then leftovers are removed."""
    _closed.set()
    end = time.monotonic() + CLOSE_S
    while PASSING and time.monotonic() < end:
        time.sleep(0.01)
    for path in list(PASSING):
        path.unlink(missing_ok=True)


def remove_temporaries(folder: str | os.PathLike[str], stems: Collection[str] | None = None) -> None:
    """Remove files that killed runs left half-written in ``folder``; with ``stems``, only files of those names.

    Use only on a folder that no other run is writing to.
    """
    if not Path(folder).is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            found = TEMPORARY.fullmatch(entry.name)
            if found and (stems is None or found["stem"] in stems) and entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)


def files_of(path: str | os.PathLike[str]) -> list[Path]:
    """The file; both of a header and its image (``.hdr``, ``.img``); the files in a folder (a DICOM series)."""
    path = Path(path)
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file())
    if not PAIR.search(path.name):
        return [path]
    stem, ends = PAIR.sub("", path.name), ("hdr", "img", "HDR", "IMG")
    likely = [path.with_name(f"{stem}.{end}{packed}") for end in ends for packed in ("", ".gz", ".GZ")]
    return sorted({path, *(file for file in likely if file.is_file())})


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, in hexadecimal; of several (`files_of`), of their names and checksums. Raises InputError if it
    cannot be read, or is a pipe or a device."""
    if not (Path(path).is_file() or Path(path).is_dir()):
        raise no_such_file(path)
    if (files := files_of(path)) != [Path(path)]:
        return hashlib.sha256("".join(f"{file.name} {_sha256(file)}\n" for file in files).encode()).hexdigest()
    return _sha256(path)


def _sha256(path: str | os.PathLike[str]) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from error


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write UTF-8 ``text`` to ``path`` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return Path(path)


def write_json(path: str | os.PathLike[str], content: Any) -> Path:
    """Write ``content`` as indented JSON (no NaN) to ``path`` atomically."""
    return write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
