"""The catalogue: every set with what it offers, read from the sets themselves."""

import importlib
import inspect
from dataclasses import dataclass
from typing import Any

# The order of the page: from single entries to whole matrices, then what is made of other sets.
_FAMILIES = [
    "elementwise", "pattern", "grid", "norms", "sums", "stochastic", "order", "sparse",
    "structured", "definite", "orthogonal", "spectral", "combine", "blocks", "intersection",
    "paced", "self_starting", "custom",
]  # fmt: skip


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
        map: `"yes"` if there is a smooth map onto it.
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
    sets: Any = importlib.import_module("constrainit.sets")
    classes = [thing for name in sets.__all__ if inspect.isclass(thing := getattr(sets, name))]
    return [_entry(one) for one in sorted(classes, key=_place)]


def markdown() -> str:
    """The catalogue as a page."""
    found, lines = entries(), [_HEAD]
    for family in dict.fromkeys(entry.family for entry in found):
        lines += [
            f"## {family}",
            "",
            "| set | the weights | convex | projection | start | mask | smooth map |",
        ]
        lines += ["|---|---|---|---|---|---|---|"]
        for entry in found:
            if entry.family == family:
                lines.append(
                    f"| `{entry.name}` | {entry.sentence} | {entry.convex} | {entry.projection} | "
                    f"{entry.start} | {entry.mask} | {entry.map} |"
                )
        lines.append("")
    return "\n".join(lines)


_HEAD = """# The catalogue

Every set, as `constrainit sets` prints it; made from the sets' own docstrings and attributes by
`constrainit sets --format markdown`. All of them have `project`, `violation`, `initializer` and
`describe`; those with a smooth map also `transform`, for `Reparametrized`. Sets that speak of units
take an `axis` too; None, its default, is found from the layer. For several weights that obey one
set together there is `Joint`.

- **projection**: *exact* is the nearest member to the rounding of the storage dtype, *one of
  several* where more than one member can be nearest (the set is not convex); a number is an
  accuracy relative to the largest weight.
- **start**: *own law* if the initial weights come from a law whose moments `plan` knows,
  *projected* if uniform draws are projected and `plan` measures them.
- **mask**: whether `Masked` can hold the set.
- **smooth map**: whether the set has a `transform`: `forward(v)` is a member for every finite `v`.
"""


def _place(one):
    family = one.__module__.rsplit(".", 1)[1]
    return _FAMILIES.index(family), inspect.getsourcelines(one)[1]


def _entry(one: Any) -> Entry:
    module: Any = inspect.getmodule(one)
    arguments = [
        p for p in inspect.signature(one).parameters.values()
        if p.name != "axis" or p.default is not None
    ]  # fmt: skip
    shown = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in arguments]
    inner = any(p.name in ("set", "sets") for p in arguments)
    convex = {True: "yes", False: "no"}.get(one.convex, "depends")
    return Entry(
        _first_line(module).rstrip("."),
        f"{one.__name__}({', '.join(shown)})",
        _first_line(one),
        "as the set" if inner else convex,
        _projection(one, inner, convex),
        _start(one, inner),
        "yes" if one.maskable else "no",
        "yes" if _own(one, "_transform") else "no",
    )


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


def _own(one, method):
    from constrainit._set import ConstraintSet

    return getattr(one, method) is not getattr(ConstraintSet, method)
