"""Files: written durably, read whole, and put in another's place in one step, so that nothing saved meanwhile goes without being seen.

Linux can exchange two names, and can rename without replacing. Elsewhere (`Unsupported`) looking and replacing are two steps.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

_HERE = -100  # AT_FDCWD
_NO_REPLACE, _EXCHANGE = 1, 2


class Unsupported(OSError):
    """Neither this system nor this file system has such a rename."""


def exchange(one: Path, other: Path) -> None:
    """Let two files trade their names.

    Raises:
        FileNotFoundError: one of them is not there. Unsupported: not possible here.
    """
    _rename(one, other, _EXCHANGE)


def place(new: Path, target: Path) -> None:
    """Rename a file to a name that nobody has.

    Raises:
        FileExistsError: somebody has it. Unsupported: not possible here.
    """
    _rename(new, target, _NO_REPLACE)


def _rename(source: Path, target: Path, flag: int) -> None:
    call = _renameat2()
    if call is None:
        raise Unsupported(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(_HERE, os.fsencode(source), _HERE, os.fsencode(target), flag) == 0:
        return
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        raise Unsupported(number, os.strerror(number))
    raise OSError(number, os.strerror(number), str(source), None, str(target))


@cache
def _renameat2() -> Any:
    """The C library's call, None where it has none."""
    found = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name == "posix" else None
    if found is not None:
        found.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
        found.restype = ctypes.c_int
    return found


def write_if_new(file: Path, content: bytes) -> bool:
    """Write a file where it says something else: to a neighbour that is renamed, so readers see the old bytes or the new, no part."""
    if file.exists() and file.read_bytes() == content:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        write_durably(draft, content)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return True


def write_durably(file: Path, content: bytes) -> None:
    """Write a file that survives a power failure."""
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def make_durable(folder: Path) -> None:
    """A rename survives a power failure from here on; else what is recorded of a page could be newer than the page."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(content: bytes) -> str:
    """The hash, hexadecimal."""
    return hashlib.sha256(content).hexdigest()
