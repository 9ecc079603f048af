"""How long a step of a model takes."""

import contextlib
import time
from collections.abc import Iterator

DEAR = 0.2
"""A step that takes so many seconds is too dear for the hundreds of them that a trial takes."""


class Pace:
    """The least time that a step has taken: what else a machine does makes none of them shorter.

    Args:
        quicker: How many times as quick a step of those trials is, which may be compiled.

    Attributes:
        seconds: The lesser of its time by the clock and of the process; 0 while none is known.
    """

    def __init__(self, quicker: float = 1.0) -> None:
        self.seconds, self._quicker = 0.0, quicker

    @contextlib.contextmanager
    def timing(self) -> Iterator[None]:
        """Times a step, which must not be the first one, in which a backend may compile."""
        clock, process = time.perf_counter(), time.process_time()
        yield
        took = min(time.perf_counter() - clock, time.process_time() - process)
        self.seconds = min(self.seconds or took, took)

    @property
    def is_dear(self) -> bool:
        """Whether it is too long for many more."""
        return self.seconds > DEAR * self._quicker
