"""One run at a time in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yucca_wm.errors import InputError


@contextmanager
def only_run(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Hold ``.<folder>.lock`` beside ``folder``; raises InputError at once if another run holds it.

    The operating system lets go of the lock when a process ends, however it ends: a crash leaves nothing stuck.
    """
    import fcntl

    folder = Path(folder)
    path = folder.with_name(f".{folder.name}.lock")
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            remedy = "choose another output folder"
            raise InputError(path, f"cannot be written ({error.strerror or error})", remedy) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise InputError(folder, "another run is writing here", "wait until it has ended") from error
        if path.exists() and path.stat().st_ino == os.fstat(handle).st_ino:
            break
        os.close(handle)  # its former owner removed the file in between: take a new one
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)
