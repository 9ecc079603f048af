"""The command line without what TensorFlow logs of itself while it is imported."""

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import Any

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"

# Of no package: it is started with none, and has to outlive a process that aborts.
_FILTER = """
import re, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
noted = re.compile(rb"I[0-9]{4} .*\\] |WARNING: All log messages before absl::InitializeLog")
for line in sys.stdin.buffer:
    if not noted.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def install() -> None:
    """From here on an import of TensorFlow logs warnings and errors only.

    Where `TF_CPP_MIN_LOG_LEVEL` is set, its user has decided: nothing is done.
    """
    if _LEVEL in os.environ or "tensorflow" in sys.modules:
        return
    os.environ[_LEVEL] = "2"
    sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds TensorFlow where others find it."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        """The specification of TensorFlow's module, with its loader in quiet."""
        if fullname != "tensorflow":
            return None
        # It is asked for by those who only want to know where it lies, too.
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            spec.loader = _Quiet(spec.loader)
        return spec


class _Quiet(Loader):
    """A loader in whose time notes are left out of the standard error."""

    def __init__(self, loader: Any):
        self.loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: Any) -> ModuleType | None:
        """As the loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As the loader, in quiet: some lines come before the level is known to TensorFlow."""
        with _without_notes():
            self.loader.exec_module(module)


@contextlib.contextmanager
def _without_notes() -> Iterator[None]:
    """Standard error, of libraries too, through a process that leaves out notes of absl."""
    if not sys.executable or sys.stderr is None:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    command = [sys.executable, "-I", "-S", "-c", _FILTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        os.dup2(process.stdin.fileno(), 2)
        process.stdin.close()
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
