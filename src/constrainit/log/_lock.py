"""A file that one process holds: the system lets go of it when the process ends, however."""

import contextlib
import errno
import os
from pathlib import Path

try:
    import fcntl
except ImportError:
    import msvcrt


_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""What systems say of a file that somebody else holds."""


class LockedError(Exception):
    """Somebody else holds the file."""


class Lock:
    """Holds a file until `release`.

    SQLite lets writers take turns, which two trainings on one log would do without a word.

    Raises:
        LockedError: Somebody else holds it.
        OSError: It can not be made, or its file system has no locks.
    """

    def __init__(self, path: Path):
        self.path = path
        self._handle = _held(path)
        # Removed by its last holder in between: the next one makes another.
        while os.fstat(self._handle).st_nlink == 0:
            os.close(self._handle)
            self._handle = _held(path)

    def release(self) -> None:
        """Lets go, and removes the file."""
        # Windows does not remove a file that is open.
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(self._handle)


def _held(path):
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _take(handle)
    except OSError as reason:
        os.close(handle)
        if reason.errno in _HELD:
            raise LockedError from None
        raise
    return handle


if os.name == "nt":

    def _take(handle):
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # pyright: ignore

else:

    def _take(handle):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
