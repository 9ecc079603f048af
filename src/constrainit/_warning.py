"""Warnings that point at the user's own line."""

import os
import sys
import warnings
from pathlib import Path

import keras

_PASSED = tuple(f"{Path(str(path)).parent}{os.sep}" for path in (__file__, keras.__file__))


def warn(message: str) -> None:
    """Warns at the line that led here: the last one that is neither this library's nor Keras'."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PASSED):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
