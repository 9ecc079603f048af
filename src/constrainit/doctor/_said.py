"""What an exception says, without what Keras and the backend put around it."""

import re
from collections.abc import Callable

from constrainit._text import cut

_LONGEST = 400
_SEARCHED = 4_000
"""So much of a message is read at its beginning and at its end: a file's own text may be in it."""

_DEEPEST = 20
"""So many exceptions are looked into that one has caught inside of another."""

_CAUGHT = re.compile(r"(?:Exception|Error) encountered(?: during deserialization)?: ?")
"""What Keras writes before an exception that it has caught, at the end of its own message."""

_CONFIG = re.compile(r" using config=\{.*\}", re.DOTALL)
"""What Keras repeats of a file before it says what is wrong with it, of any length."""

_CALLING = "Exception encountered when calling"
_QUOTES = "'\""

_TRACED = re.compile(
    r"\.? ?The error occurred while tracing the function \S+(?: at (?P<file>.+?):\d+)? for \w+\."
    r"( This (?:concrete )?value was not available in Python because it depends on the values? of "
    r"the arguments? .*?\.(?= |$))?"
)
"""Where JAX began to trace, and of which arguments of that a value is made."""


def said(exception: BaseException, is_users: Callable[[str], bool]) -> str:
    """The first lines of what an exception says.

    Args:
        exception: Any exception.
        is_users: Whether a file is the user's own: of a function of another one that JAX traces,
            nothing is said.
    """
    try:
        text = str(real(exception))
    # A class of the user's own may raise even here.
    except Exception:
        text = ""

    def without(found):
        return found[0] if found["file"] and is_users(found["file"]) else "."

    return cut(_TRACED.sub(without, _first(text)[:_SEARCHED]), _LONGEST)


def real(exception: BaseException) -> BaseException:
    """The exception that Keras could not make anew, with its own words around those that it had.

    Keras makes an exception anew by its class and a text. A class that takes something else, as
    those of JAX do, raises then, and it is this that goes up.
    """
    found = one = exception
    while (other := one.__context__) is not None:
        if _is_of_making(one, other):
            found = other
        elif type(one) is not type(other) or _text_of(other) not in _text_of(one):
            break
        one = other
    return found


def _is_of_making(exception, other):
    """Whether an exception is what the class of another raises as it is given a text."""
    if type(exception) is type(other):
        return False
    try:
        type(other)("")
    # A class of the user's own may raise anything, as may JAX's.
    except Exception as raised:
        return type(raised) is type(exception) and _text_of(raised) in _text_of(exception)
    return False


def _text_of(exception):
    return str(exception.args[0]) if exception.args else ""


def _first(text, depth=_DEEPEST):
    """What is said first, without what Keras puts around it, and what it has caught itself."""
    text = text if len(text) <= 2 * _SEARCHED else f"{text[:_SEARCHED]} {text[-_SEARCHED:]}"
    parts = re.sub(r"\x1b\[\d*m", "", text).split("\n\n")
    parts = [" ".join(part.split()) for part in parts]
    outer, caught, inner = _parted("\n\n".join(parts))
    if caught and inner and depth:
        return f"{_first_sentence(outer)} {_first(_unquoted(inner), depth - 1)}"
    wrapped = parts[0].startswith(_CALLING) and len(parts) > 1
    return parts[1 if wrapped else 0]


def _parted(text):
    found = _CAUGHT.search(text)
    return (text[: found.start()], found[0], text[found.end() :]) if found else (text, "", "")


def _unquoted(text):
    text = text.strip()
    while len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        text = text[1:-1].strip()
    return text


def _first_sentence(text):
    return re.split(r"(?<=\.)\s", _CONFIG.sub("", text).lstrip(), maxsplit=1)[0]
