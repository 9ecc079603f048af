"""Remedies that raise: whether the model refused the change, or the remedy has a defect."""

import dis
import logging
import sysconfig
import traceback
from pathlib import Path

import constrainit

_OWN = str(Path(constrainit.__file__).parent)
_OTHERS = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib")})


class Noting(logging.Handler):
    """Keeps the defects among what remedies raise."""

    def __init__(self):
        super().__init__()
        self.defects = []

    def emit(self, record):
        """Notes a remedy that raised an error of its own."""
        error = record.exc_info[1]
        if is_defect(error):
            self.defects.append("".join(traceback.format_exception(error)))


def is_defect(error):
    """Whether an error of a remedy is no refusal.

    A change is refused by a ValueError that is raised on purpose, and by whatever is raised while
    code of the user's own runs.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    if any(not frame.f_code.co_filename.startswith((_OWN, *_OTHERS)) for frame, _ in frames):
        return False
    return not (isinstance(error, ValueError) and _is_raised_by_itself(error))


def _is_raised_by_itself(error):
    """Whether the line of this library that an error came from is one that raises."""
    last = error.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    code = last.tb_frame.f_code
    raises = code.co_code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return raises and code.co_filename.startswith(_OWN)
