"""Inflate a gzip archive that is at hand, quickly, and no more of it than it should hold."""

from __future__ import annotations

from typing import Any

from zlib_ng import zlib_ng

MAX_TRAILER_BYTES = 2**26
"""An archive may hold so much besides its voxels (header, extensions); one that goes on is refused."""

MAX_DEFLATION = 1032
"""No byte of an archive stands for more bytes than this."""

INFLATER: Any = zlib_ng
"""zlib-ng inflates label maps ten times as fast as zlib; what comes out is the same."""


def inflate(archive: bytes, skip: int, size: int) -> bytes | memoryview:
    """What a gzip ``archive`` (all its members) holds after its first ``skip`` bytes, about ``size`` bytes in all.

    Raises the inflater's error, EOFError when it is cut short, ValueError when it goes on beyond MAX_TRAILER_BYTES.
    """
    most = size + MAX_TRAILER_BYTES
    if 0 < skip < size and len(archive) * MAX_DEFLATION <= most:  # one buffer of the right size is the fastest
        member = INFLATER.decompressobj(wbits=31)  # 31: gzip, with its checksum
        member.decompress(archive, skip)
        rest = member.flush(size - skip)
        if member.eof and not member.unused_data:
            return rest
    content = b""
    while archive:
        member = INFLATER.decompressobj(wbits=31)
        content += member.decompress(archive, max(most - len(content), 1))
        if not member.eof:
            if member.unconsumed_tail:
                raise ValueError("it holds far more than its header says")
            raise EOFError("the archive ends early")
        archive = member.unused_data.lstrip(b"\0")
    return memoryview(content)[skip:]
