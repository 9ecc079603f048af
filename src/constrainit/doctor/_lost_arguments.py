"""Arguments that are lost where Keras copies an object by its config."""

import inspect
import re
import sys

from constrainit.doctor._constructor import config_method
from constrainit.doctor._frames import Fault, line_of

_LOST = re.compile(
    r"<class '(?P<place>[\w.]+)'> could not be deserialized properly\. "
    r"\S*__init__\(\) missing \d+ required (?:positional|keyword-only) arguments?: (?P<names>.+)"
)


def lost_arguments(found: Fault) -> tuple[str, str, str] | None:
    """For a copy that Keras could not make: the cause, the line of the class and what to write."""
    match = _LOST.search(found.message)
    kind = _named(match["place"]) if match else None
    if match is None or kind is None:
        return None
    names = re.findall(r"'(\w+)'", match["names"])
    cause = (
        "Keras makes a copy of a layer from its config here, and the config of "
        f"{kind.__name__} lacks {' and '.join(map(repr, names))}, without which it can not be made"
    )
    return cause, str(line_of(kind.__init__) or ""), config_method(kind, names)


def _named(place):
    """The class of a module that has been imported."""
    module, _, name = place.rpartition(".")
    kind = getattr(sys.modules.get(module), name, None)
    return kind if inspect.isclass(kind) else None
