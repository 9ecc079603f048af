"""A file that one process holds: the system lets go of it when the process ends, however."""

import contextlib
import os
from pathlib import Path

try:
    import fcntl
except ImportError:
    import msvcrt


class LockedError(Exception):
    """Somebody else holds the file."""


class Lock:
    """Holds a file until `release`.

    SQLite lets writers take turns, which two trainings on one log would do without a word.

    Raises:
        LockedError: Somebody else holds it.
    """

    def __init__(self, path: Path):
        self.path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _take(self._handle)
            # Removed by its last holder between the two lines: whoever comes next makes another.
            if os.fstat(self._handle).st_nlink == 0:
                raise OSError
        except OSError:
            os.close(self._handle)
            raise LockedError from None

    def release(self) -> None:
        """Lets go, and removes the file."""
        # Windows does not remove a file that is open.
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(self._handle)


if os.name == "nt":

    def _take(handle):
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # pyright: ignore

else:

    def _take(handle):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
