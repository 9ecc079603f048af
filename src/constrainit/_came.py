"""What an argument was, as an error says it: never the numbers of an array."""

from typing import Any

_MOST, _ENTRIES = 200, 4
_NESTED = (dict, list, tuple)


def came(value: Any) -> str:
    """The `repr` of a value, cut where it is long; of an array its shape and dtype."""
    text = _shown(value)
    return text if len(text) <= _MOST else f"{text[: _MOST - 4]} ..."


def _shown(value):
    if _is_array(value):
        return _array(value)
    if not isinstance(value, _NESTED) or not _holds_array(value):
        return repr(value)
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    shown = [
        f"{key!r}: {_shown(one)}" if isinstance(value, dict) else _shown(one)
        for key, one in pairs[:_ENTRIES]
    ]
    more = [f"... of {len(pairs)}"] if len(pairs) > _ENTRIES else []
    first, last = "{}" if isinstance(value, dict) else "()" if isinstance(value, tuple) else "[]"
    return f"{first}{', '.join([*shown, *more])}{last}"


def _is_array(value):
    """Whether a value is an array or a tensor of more than one number, or a variable."""
    shape = None if isinstance(value, type) else getattr(value, "shape", None)
    try:
        known = hasattr(value, "dtype") or hasattr(value, "dtypes")
        return known and len(tuple(shape)) > 0  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return False


def _holds_array(value):
    parts = value.values() if isinstance(value, dict) else value
    return any(_is_array(p) or (isinstance(p, _NESTED) and _holds_array(p)) for p in parts)


def _array(value):
    kind = {"ArrayImpl": "Array"}.get(type(value).__name__, type(value).__name__)
    shape = tuple(value.shape)
    dtype = getattr(value, "dtype", None)
    of = "" if dtype is None else f", {str(getattr(dtype, 'name', dtype)).removeprefix('torch.')}"
    return f"<{kind} of shape {shape}{of}>"
