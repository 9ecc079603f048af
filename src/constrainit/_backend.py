"""Which backend Keras runs on, where nobody has said and its default is not installed."""

import importlib.util
import json
import os
import sys
from pathlib import Path


def choose() -> None:
    """Names an installed backend to Keras, if Keras would take one that is not.

    Keras takes TensorFlow where neither `KERAS_BACKEND` nor its configuration file says otherwise.

    Raises:
        ModuleNotFoundError: None is installed.
    """
    if "keras" in sys.modules or os.environ.get("KERAS_BACKEND"):
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
        "Keras needs a backend, and none is installed. Install one, such as "
        'pip install "constrainit[jax]" (or [tensorflow], [torch]).'
    )


choose()
