"""Files that are written whole or not at all."""

import os
import tempfile
from pathlib import Path


def write_whole(target: Path, text: str) -> None:
    """Writes a file by way of a second one beside it, so that it is never half there."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
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
