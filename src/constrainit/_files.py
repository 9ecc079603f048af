"""Files that are written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def write_whole(target: Path, text: str) -> None:
    """Writes a file by way of a second one beside it, so that it is never half there."""
    with whole(target) as beside:
        beside.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Gives a file beside another one, which takes its place if all goes well, or is gone."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    os.close(handle)
    try:
        yield Path(name)
        # A file of `mkstemp` is for its owner only.
        Path(name).chmod(target.stat().st_mode if target.exists() else 0o666 & ~_mask())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _mask() -> int:
    """What the system takes from the rights of new files; it tells only whoever sets it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths are the same file, by whatever name or link."""
    try:
        return one.samefile(other)
    except OSError:
        return one.resolve() == other.resolve()
    except ValueError:  # a name that no file can have, which whoever opens it tells
        return False
