"""`[tool.constrainit]` of a project's pyproject.toml."""

import difflib
import reprlib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAIL_ON = ("error", "warning", "never")
_KEYS = ("fail-on", "ignore", "select", "thresholds")
_LARGEST = 2**20
"""Bytes of a pyproject.toml; a parser in Python takes seconds for more."""


class ConfigError(Exception):
    """The file says something that can not be; the message is the one sentence for the user."""


@dataclass(frozen=True)
class Config:
    """What a project has chosen.

    Attributes:
        select: Codes, names or beginnings of codes that are reported; empty for all.
        ignore: Those that are not.
        fail_on: The level from which findings give exit status 1, or `never`.
        thresholds: By code, the least value of a finding's numbers below which it is left out.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str = "warning"
    thresholds: dict[str, dict[str, float]] = field(default_factory=dict)


def read_config(folder: Path) -> Config:
    """The choices of the nearest pyproject.toml of a folder or one above it.

    Raises:
        ConfigError: The file can not be read, or names a key or a value that there is not.
    """
    for place in (folder, *folder.parents):
        path = place / "pyproject.toml"
        if path.is_file():
            return _checked(path, _table(path))
    return Config()


def _table(path):
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST} bytes")
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    # Arrays in arrays beyond the depth of Python's calls are a RecursionError.
    except (OSError, ValueError, RecursionError) as reason:
        raise ConfigError(f"{str(path)!r} can not be read: {reason}.") from None
    tools = table.get("tool", {})
    return tools.get("constrainit", {}) if isinstance(tools, dict) else {}


def _checked(path, table):
    if not isinstance(table, dict):
        _fail(path, "[tool.constrainit]", "be a table", table)
    for key in table:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f" Write {near[0]} instead." if near else ""
            raise ConfigError(
                f"[tool.constrainit] of {str(path)!r} has no key {reprlib.repr(key)}, only "
                f"{', '.join(_KEYS)}.{hint}"
            )
    fail_on = table.get("fail-on", "warning")
    if fail_on not in FAIL_ON:
        _fail(path, "fail-on", f"be one of {', '.join(FAIL_ON)}", fail_on)
    lists = {name: _codes(path, name, table.get(name, [])) for name in ("select", "ignore")}
    return Config(fail_on=fail_on, thresholds=_thresholds(path, table), **lists)


def _codes(path, name, value):
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        _fail(path, name, 'be a list of codes, such as ["CW101"]', value)
    return tuple(value)


def _thresholds(path, table):
    value = table.get("thresholds", {})
    good = isinstance(value, dict) and all(
        isinstance(numbers, dict) and all(map(_is_number, numbers.values()))
        for numbers in value.values()
    )
    if not good:
        _fail(path, "thresholds", "hold numbers by code, such as CW101 = {violation = 0.1}", value)
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _fail(path, name, must, came):
    raise ConfigError(
        f"`{name}` of [tool.constrainit] in {str(path)!r} must {must}. Received: "
        f"{reprlib.repr(came)}."
    )
