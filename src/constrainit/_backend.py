"""Which backend Keras runs on, where nobody has said and its default is not installed."""

import importlib
import importlib.util
import itertools
import json
import os
import sys
from pathlib import Path

_READING = ("explain", "log", "sets")
"""The commands that compute nothing: any backend will do for them."""

_OPTIONAL = ("matplotlib", "pandas", "sklearn")
"""What Keras imports where it is installed, and does without: more than half of its time."""


def choose() -> None:
    """Names an installed backend to Keras, if Keras would take one that is not.

    Keras takes TensorFlow where neither `KERAS_BACKEND` nor its configuration file says otherwise,
    which takes seconds to import, and so does PyTorch: a command that computes nothing gets JAX,
    where that is installed. (Keras' backend of NumPy imports JAX itself.) It also gets a Keras that
    has not imported what such a command has no use for.

    Raises:
        ModuleNotFoundError: None is installed.
    """
    if "keras" in sys.modules:
        return
    if _only_reads() and importlib.util.find_spec("jax") is not None:
        os.environ["KERAS_BACKEND"] = "jax"
        _import_lean()
    if os.environ.get("KERAS_BACKEND"):
        return
    home = os.environ.get("KERAS_HOME", Path.home() / ".keras")
    try:
        wanted = json.loads((Path(home) / "keras.json").read_text()).get("backend", "tensorflow")
    # No file, or none that Keras could read either.
    except (OSError, ValueError, AttributeError):
        wanted = "tensorflow"
    for name in (wanted, "jax", "torch"):
        if isinstance(name, str) and importlib.util.find_spec(name) is not None:
            if name != wanted:
                os.environ["KERAS_BACKEND"] = name
            return
    raise ModuleNotFoundError(
        "Keras needs a backend, and none is installed. Install one: "
        "pip install jax (or tensorflow, torch)."
    )


def _import_lean():
    """Imports Keras as if what it can do without were not installed."""
    hidden = [name for name in _OPTIONAL if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # pyright: ignore[reportArgumentType]
    try:
        importlib.import_module("keras")
    finally:
        for name in hidden:
            del sys.modules[name]


def _only_reads():
    """Whether the process was started for a command of this package that computes nothing."""
    program, *arguments = sys.argv or [""]
    # While Python looks for what it is to run by `-m`, `sys.argv` does not name it yet.
    by_module = program == "-m" and ("-m", "constrainit") in itertools.pairwise(sys.orig_argv)
    if not (by_module or Path(program).stem == "constrainit"):
        return False
    helps = not arguments or arguments[0].startswith("-") or {"-h", "--help"} & set(arguments)
    return bool(helps) or arguments[0] in _READING


choose()
