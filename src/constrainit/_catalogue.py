"""The catalogue: every set with what it offers, read from the sets themselves."""

import importlib
import inspect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from constrainit import _text
from constrainit._elsewhere import hint

# The order of the page: from single entries to whole matrices, then what is made of other sets.
_FAMILIES = [
    "elementwise", "pattern", "grid", "norms", "l1", "sums", "linear", "stochastic", "order",
    "sparse", "structured", "definite", "cholesky", "orthogonal", "spectral", "combine", "blocks",
    "intersection", "paced", "braked", "self_starting", "mapped", "custom",
]  # fmt: skip
# The heads of the columns, and the attributes that they show.
_FACES = {
    "convex": "convex", "projection": "projection", "start": "start", "mask": "mask",
    "smooth map": "map",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One set of the catalogue.

    Attributes:
        family: What its family is about.
        name: Its name with its arguments, without an `axis` that the layer tells.
        sentence: What it allows.
        convex: `"yes"`, `"no"`, or `"depends"` on its arguments.
        projection: How near the projection comes to the nearest member.
        start: Where its initial weights come from.
        mask: `"yes"` if `Masked` can hold it.
        map: `"yes"` if there is a smooth map onto it, else `"no"` and why.
    """

    family: str
    name: str
    sentence: str
    convex: str
    projection: str
    start: str
    mask: str
    map: str


def entries() -> list[Entry]:
    """Every set of the library, by family, in the order in which a module defines them."""
    return [_entry(one) for one in sorted(_classes().values(), key=_place)]


def parts() -> Iterator[Any]:
    """The catalogue as parts that rich can print."""
    from rich.text import Text

    header = ("set", "the weights", *_FACES)
    for family, members in itertools.groupby(entries(), key=lambda entry: entry.family):
        rows = [(one.name, one.sentence, *_faces(one)) for one in members]
        yield Text(family, style="bold")
        yield _text.Grid(header, rows, unwrapped=tuple(_FACES)[:-1])
        yield ""
    yield Text(_BESIDE)


def details(name: str) -> str:
    """All about one set: its arguments, its docstring up to the examples, and what it offers.

    Args:
        name: The name of the set, in letters of any case.

    Raises:
        ValueError: There is none; the message names those near to it.
    """
    known = {one.lower(): made for one, made in _classes().items()}
    if name.strip().lower() == "joint":
        raise ValueError("Joint groups weights and is no set of one: docs/sets.md tells of it.")
    one = known.get(name.strip().lower())
    if one is None:
        names = [made.__name__ for made in known.values()]
        found = hint(name, names) or "`constrainit sets` lists them."
        raise ValueError(f"There is no set {name!r}. {found}")
    call = _call(one, inspect.signature(one).parameters.values())
    text = (inspect.getdoc(one) or "").split("\n>>> ")[0].rstrip()
    offers = [f"{face:12}{what}" for face, what in zip(_FACES, _faces(_entry(one)), strict=True)]
    return "\n".join([call, "", text, "", *offers])


def markdown() -> str:
    """The catalogue as a page."""
    found, lines = entries(), [_HEAD]
    for family in dict.fromkeys(entry.family for entry in found):
        lines += [
            f"## {family}",
            "",
            f"| set | the weights | {' | '.join(_FACES)} |",
            "|---" * (2 + len(_FACES)) + "|",
        ]
        for entry in found:
            if entry.family == family:
                shown = (f"`{entry.name}`", entry.sentence, *_faces(entry))
                lines.append(f"| {' | '.join(shown)} |")
        lines.append("")
    return "\n".join(lines)


# What is no row: it has none of the faces of a single weight but the projection.
_BESIDE = "Beside these: Joint(set) holds several weights together in one set, see docs/sets.md."

_HEAD = """# The catalogue

Every set, as `constrainit sets` prints it; made from the sets' own docstrings and attributes by
`constrainit sets --format markdown`. All of them have `project`, `violation`, `initializer` and
`describe`; those with a smooth map also `transform`, for `Reparametrized`. Sets that speak of units
take an `axis` too; None, its default, is found from the layer. For several weights that obey one
set together there is `Joint`, which projects and has no smooth map.

`violation` tells how far a weight is from being a member, not how near to the old weight a
projection has ended. Where a method that goes in rounds ends early, `DoublyStochastic`,
`Transport`, `Correlation`, `Convex` and `Polyhedron` still give a member, if not the nearest; an
intersection gives what lies outside of some of its sets, and `violation` says how far.

- **projection**: *exact* is the nearest member to the rounding of the storage dtype, *one of
  several* where more than one member can be nearest (the set is not convex); a number is an
  accuracy relative to the largest weight.
- **start**: *own law* if the initial weights come from a law whose moments `plan` knows,
  *projected* if uniform draws are projected and `plan` measures them.
- **mask**: whether `Masked` can hold the set.
- **smooth map**: whether the set has a `transform`: `forward(v)` is a member for every finite `v`.
  Sets made of others have one if those do, `Masked` if theirs can be taken under a mask.
"""


def _classes() -> dict[str, Any]:
    sets: Any = importlib.import_module("constrainit.sets")
    return {name: one for name in sets.__all__ if inspect.isclass(one := getattr(sets, name))}


def _faces(entry):
    return tuple(getattr(entry, attribute) for attribute in _FACES.values())


def _place(one):
    family = one.__module__.rsplit(".", 1)[1]
    return _FAMILIES.index(family), inspect.getsourcelines(one)[1]


def _entry(one: Any) -> Entry:
    module: Any = inspect.getmodule(one)
    parameters = inspect.signature(one).parameters.values()
    arguments = [p for p in parameters if p.name != "axis" or p.default is not None]
    inner = any(p.name in ("set", "sets") for p in arguments)
    convex = {True: "yes", False: "no"}.get(one.convex, "depends")
    return Entry(
        _first_line(module).rstrip("."),
        _call(one, arguments),
        _first_line(one),
        "as the set" if inner else convex,
        _projection(one, inner, convex),
        _start(one, inner),
        "yes" if one.maskable else "no",
        _map(one, inner),
    )


def _call(one, arguments):
    shown = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in arguments]
    return f"{one.__name__}({', '.join(shown)})"


def _first_line(thing):
    return (inspect.getdoc(thing) or "").splitlines()[0]


def _projection(one, inner, convex):
    if one.projects:
        return one.projects
    if inner:
        return "as the set"
    return "exact" if convex == "yes" else "exact, one of several"


def _start(one, inner):
    if inner:
        return "as the set"
    return "own law" if _own(one, "_law") or _own(one, "_law_of") else "projected"


def _map(one, inner):
    if _own(one, "_transform"):
        chosen = "map" in inspect.signature(one).parameters
        return one.maps or ("chosen" if chosen else "as the set" if inner else "yes")
    return f"no: {one.no_map}" if one.no_map else "no"


def _own(one, method):
    from constrainit._set import ConstraintSet

    return getattr(one, method) is not getattr(ConstraintSet, method)
