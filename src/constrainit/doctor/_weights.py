"""The weights of a saved model: what they claim to be, before any is read."""

import io
import math
import struct
import zipfile
from pathlib import Path

from constrainit.doctor._limits import FREE, RATIO, ArchiveError, brief, refuse, shown

LOCAL_HEADER = 30
"""Bytes before each member of a zip archive, the lengths of its name and extra field last."""


def check_weights(stream: io.RawIOBase | io.BytesIO, size: int, max_size: int) -> int:
    """The bytes that the arrays of an HDF5 file of `size` bytes claim.

    Raises:
        ArchiveError: They claim more than is stored, or are no plain arrays of numbers.
    """
    import h5py

    # h5py turns what is wrong with a file into errors of many kinds.
    try:
        with h5py.File(stream, "r") as file:
            claimed = sum(_stored(h5py, file))
    except ArchiveError:
        raise
    except Exception as reason:
        refuse(f"is damaged: its weights can not be read ({brief(reason)})")
    if claimed > max_size or (claimed > FREE and claimed > RATIO * size):
        refuse(f"has weights that claim {shown(claimed)} in {shown(size)}")
    return claimed


def _stored(h5py, file):
    """The bytes that each array of an HDF5 file claims."""
    groups, seen = [file], set()
    while groups:
        group = groups.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                refuse(f"has weights that are a link to another place: {name!r}")
            item = group[name]
            if item.id in seen:
                continue
            seen.add(item.id)
            if isinstance(item, h5py.Group):
                groups.append(item)
                continue
            if item.external or item.is_virtual:
                refuse(f"has weights that are kept in another file: {item.name!r}")
            if item.dtype.kind not in "fiubV" or item.dtype.hasobject:
                refuse(f"has weights that are no numbers: {item.name!r}")
            yield math.prod(item.shape) * item.dtype.itemsize


def member_stream(archive: zipfile.ZipFile, name: str) -> io.RawIOBase | io.BytesIO:
    """A member as a stream that can be read at any place without unpacking it all."""
    member = archive.getinfo(name)
    if member.compress_type != zipfile.ZIP_STORED:
        return io.BytesIO(archive.read(name))
    return _Part(archive.filename, member)


class _Part(io.RawIOBase):
    def __init__(self, path, member):
        self._file = Path(path).open("rb")  # noqa: SIM115
        self._file.seek(member.header_offset)
        name, extra = struct.unpack("<26x2H", self._file.read(LOCAL_HEADER))
        self._start = member.header_offset + LOCAL_HEADER + name + extra
        self._size = member.file_size
        self._at = 0

    def seekable(self):
        return True

    def readable(self):
        return True

    def tell(self):
        return self._at

    def seek(self, offset, whence=io.SEEK_SET):
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer):
        self._file.seek(self._start + self._at)
        count = min(len(buffer), max(0, self._size - self._at))
        data = self._file.read(count)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self):
        self._file.close()
        super().close()
