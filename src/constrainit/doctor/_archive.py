"""What a file from elsewhere must be before it is opened: a .keras archive, an .npz file.

Nothing is extracted, allocated or imported here. What is refused, and where the bounds lie:

- an archive of more than `MEMBERS` members, of more than `max_size` bytes in total, or with a
  member beyond `FREE` bytes that is packed more than `RATIO` to one;
- members that are doubled, overlap, are links, are encrypted, or whose names lead out of a folder;
- a config of more than `CONFIG` bytes, nested more than `DEPTH` deep, with more than `OBJECTS`
  objects, or with an object that Keras would take from outside of the archive (`FOREIGN`);
- weights that are no numbers, are kept in another file, or claim to be more than is stored;
- a model that would make far more weights than the file holds: see `_ration.py`.

The numbers are in `_limits.py`.
"""

import contextlib
import json
import math
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from constrainit.doctor._limits import (
    CONFIG,
    DEPTH,
    FREE,
    MAX_SIZE,
    MEMBERS,
    OBJECTS,
    RATIO,
    brief,
    refuse,
    shown,
)
from constrainit.doctor._weights import LOCAL_HEADER, check_weights, member_stream

WEIGHTS = "model.weights.h5"

FOREIGN = {
    "__lambda__": "Python code (a lambda)",
    "TFSMLayer": "a SavedModel of another path",
    "TorchModuleWrapper": "a pickled PyTorch module",
}

DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError,
    NotImplementedError, RuntimeError, OverflowError, MemoryError,
)  # fmt: skip
"""What the standard library raises for archives that are not whole."""


def check_model(path: Path, max_size: int = MAX_SIZE) -> int:
    """The bytes of the weights that a .keras file holds.

    Raises:
        ArchiveError: The file is refused.
    """
    with _opened(path, "Keras archive", max_size) as archive:
        for part in ("config.json", WEIGHTS):
            if part not in archive.namelist():
                refuse(f"is no Keras archive: it has no {part}")
        _check_config(_read(archive, "config.json", CONFIG))
        with member_stream(archive, WEIGHTS) as stream:
            return check_weights(stream, archive.getinfo(WEIGHTS).file_size, max_size)


def read_arrays(path: Path, max_size: int = MAX_SIZE) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, by name.

    Raises:
        ArchiveError: The file is refused.
    """
    with _opened(path, ".npz file of plain arrays", max_size) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        _check_arrays(archive, names, max_size)
        found = {}
        for name in names:
            with archive.open(name) as stream:
                try:
                    found[name.removesuffix(".npy")] = np.lib.format.read_array(stream)
                except DAMAGED as reason:
                    refuse(f"is damaged: {name!r} can not be read ({brief(reason)})")
        return found


@contextlib.contextmanager
def _opened(path, kind, max_size):
    try:
        archive = zipfile.ZipFile(path)
    except DAMAGED:
        refuse(f"is no {kind}: it is damaged, cut short, or of another kind")
    with archive:
        _check_members(archive.infolist(), max_size, path.stat().st_size)
        yield archive


def _check_members(members, max_size, length):
    if len(members) > MEMBERS:
        refuse(f"has {len(members)} members, more than {MEMBERS}")
    seen = set()
    for member in members:
        name = member.filename
        if name in seen:
            refuse(f"has two members {name!r}")
        seen.add(name)
        if _leads_out(name):
            refuse(f"has a member that leads out of its folder: {name!r}")
        if not _is_plain(member.external_attr >> 16):
            refuse(f"has a member that is a link or a device: {name!r}")
        if member.flag_bits & 1:
            refuse(f"is encrypted ({name!r})")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            refuse(f"is packed in a way that Keras does not use ({name!r})")
        if member.file_size > FREE and member.file_size > RATIO * member.compress_size:
            refuse(
                f"is packed {RATIO} to one or more: {name!r} would grow from "
                f"{member.compress_size} to {member.file_size} bytes"
            )
    _check_places(members, length)
    total = sum(member.file_size for member in members)
    if total > max_size:
        refuse(f"would unpack to {shown(total)}, more than {shown(max_size)} (--max-size)")


def _leads_out(name):
    parts = re.split(r"[/\\]", name)
    return ".." in parts or parts[0] == "" or ":" in parts[0] or not name.isprintable()


def _is_plain(mode):
    """Whether the Unix mode of a member is that of a file or folder, or is not given."""
    return stat.S_IFMT(mode) in (0, stat.S_IFREG, stat.S_IFDIR)


def _check_places(members, length):
    """Members that share bytes unpack to far more than the archive holds."""
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            refuse(f"has members that overlap ({member.filename!r})")
        end = member.header_offset + LOCAL_HEADER + member.compress_size
    if end > length:
        refuse("is no Keras archive: it is damaged, cut short, or of another kind")


def _read(archive, name, limit):
    size = archive.getinfo(name).file_size
    if size > limit:
        refuse(f"has a {name} of {shown(size)}, more than {shown(limit)}")
    try:
        return archive.read(name)
    except DAMAGED as reason:
        refuse(f"is damaged: {name!r} can not be read ({brief(reason)})")


def _check_config(text):
    try:
        config = json.loads(text)
    except RecursionError:
        refuse(f"has a config.json that is nested more than {DEPTH} deep")
    except ValueError as reason:
        refuse(f"has a config.json that is no JSON ({brief(reason)})")
    if not isinstance(config, dict) or not {"class_name", "config"} <= set(config):
        refuse("has a config.json that describes no model")
    objects, level = 0, [config]
    for _ in range(DEPTH):
        objects += sum(isinstance(node, dict) for node in level)
        if objects > OBJECTS:
            refuse(f"has a config.json of more than {OBJECTS} objects")
        for node in level:
            _check_node(node)
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    refuse(f"has a config.json that is nested more than {DEPTH} deep")


def _check_node(node):
    if isinstance(node, dict):
        kind = node.get("class_name")
        if isinstance(kind, str) and kind in FOREIGN and "config" in node:
            refuse(f"holds {FOREIGN[kind]}, which is not loaded from a file: it could run any code")


def _children(node):
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [child for child in inside if isinstance(child, (dict, list))]


def _check_arrays(archive, names, max_size):
    total = 0
    for name in names:
        shape, dtype, size = _header(archive, name)
        if dtype.kind not in "fiub":
            kind = "Python objects" if dtype.hasobject else f"the dtype {dtype}"
            refuse(f"is no .npz file of plain arrays: {name!r} holds {kind}, not numbers")
        if math.prod(shape) * dtype.itemsize != size:
            refuse(f"is damaged: {name!r} claims the shape {shape}, but holds {size} bytes")
        total += size
    if total > max_size:
        refuse(f"holds {shown(total)}, more than {shown(max_size)} (--max-size)")
    return total


def _header(archive, name):
    """Shape, dtype, and the number of bytes that follow, of an .npy member."""
    formats = np.lib.format
    try:
        with archive.open(name) as stream:
            version = formats.read_magic(stream)
            read = (
                formats.read_array_header_1_0
                if version == (1, 0)
                else formats.read_array_header_2_0
            )
            shape, _, dtype = read(stream)
            return shape, dtype, archive.getinfo(name).file_size - stream.tell()
    # NumPy evaluates the header as a literal: what that raises is not documented.
    except Exception as reason:
        refuse(f"is damaged: {name!r} is no array ({brief(reason)})")
