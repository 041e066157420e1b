"""Locks that the operating system releases when their holder ends, however it ends, so that a crash blocks nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import PASSING

POLL_S = 0.05
GRACE_S = 0.8
"""Seconds that a second run waits before it is refused: workers of a killed run end within that time."""

NO_LOCKS = frozenset({"ENOSYS", "ENOTSUP", "EOPNOTSUPP", "ENOLCK"})
"""Errors of network file systems without locks."""


@contextmanager
def only_run(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Hold ``.<folder>.lock`` beside ``folder``; raises InputError within a second if another run holds it."""
    folder = Path(folder)
    with hold(folder.with_name(f".{folder.name}.lock"), folder):
        yield


@contextmanager
def hold(
    path: str | os.PathLike[str], what: object, *, shared: bool = False, wait_s: float = GRACE_S
) -> Iterator[None]:
    """Hold the lock file ``path``; with ``shared``, together with other holders that share it.

    what : the locked thing, for the message.

    Raises InputError if it is not free within ``wait_s`` seconds, or cannot be made.
    """
    path = Path(path)
    handle = _acquire(path, what, shared=shared, until=time.monotonic() + wait_s)
    if not shared:
        PASSING.add(path)
    try:
        yield
    finally:
        PASSING.discard(path)
        if not shared or _lock(handle, shared=False):  # the last of the holders that share it removes it
            path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(path: Path, what: object, *, shared: bool, until: float) -> int:
    """A handle on ``path``, locked."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            remedy = "choose another output folder"
            raise InputError(path, f"cannot be written ({error.strerror or error})", remedy) from error
        if not _lock(handle, shared=shared):
            os.close(handle)
            if time.monotonic() > until:
                raise InputError(str(what), "another run is writing here", "wait until it has ended")
            time.sleep(POLL_S)
            continue
        try:
            if path.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)  # its former holder removed the file in the meantime: open a new one


def _lock(handle: int, *, shared: bool) -> bool:
    """Whether the lock was free; on a file system without locks, warn once and assume that this is the only run."""
    import errno
    import fcntl

    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if errno.errorcode.get(error.errno or 0) not in NO_LOCKS:
            return False
        _say_once("note: this file system has no locks: make sure that no other run writes into the folder")
    return True


_said: set[str] = set()


def _say_once(line: str) -> None:
    if line not in _said:
        _said.add(line)
        print(line, file=sys.stderr)
