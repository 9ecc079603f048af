"""A remedy for a layer that makes its weights for another axis of its input than the last."""

import ast
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import keras

from constrainit.doctor._finding import Finding
from constrainit.doctor._misbuilt import Misbuilt
from constrainit.doctor._problem import Problem
from constrainit.doctor._twin import twin_of
from constrainit.doctor.treatments._edits import all_replaced
from constrainit.doctor.treatments._remedy import Changed, seen, write
from constrainit.doctor.treatments._rewriting import registered_as_before, rewritten

_MOST = 4
"""So many places are edited one by one."""

_LOG = logging.getLogger(__name__)


def built_anew(
    misbuilt: Misbuilt | None, model: keras.Model, found: list[Finding], given: tuple[Any, ...]
) -> None:
    """Builds a model like one that could not be, with `build` of a layer edited, and looks at it.

    What shows only then is added to the findings.

    Args:
        misbuilt: What does not fit; nothing is tried if None.
        model: A model like the one that could not be built.
        found: The findings, one of them that it can not.
        given: The other arguments of `Problem`.
    """
    if misbuilt is None:
        return
    kind = next(c for c in type(misbuilt.layer).__mro__ if "build" in vars(c))
    wanted = [finding for finding in found if finding.code == "CW001"]
    for edit in _last_axis(misbuilt):
        with registered_as_before():
            try:
                after = _tried(kind, edit, model, given)
            # An edit may leave what does not fit either.
            except Exception as exception:
                _LOG.debug("no build of %s", kind.__name__, exc_info=exception)
                continue
        if after is None or after.evidence.faults:
            continue
        write(wanted, after, found, alone=False)
        known = {(f.code, f.weight, f.layer) for f in found}
        for finding in after.found:
            if (finding.code, finding.weight, finding.layer) not in known:
                finding.message = f"with {after.changed.change}: {finding.message}"
                found.append(finding)
        return


def _tried(kind, edit, model, given):
    made = rewritten(kind, edit)
    if made is None:
        return None
    new, sentence, diff = made
    with _running(vars(kind)["build"], vars(new)["build"]):
        twin = twin_of(model)
        if twin is None:
            return None
        x, *others = given
        twin(keras.tree.map_structure(lambda a: keras.KerasTensor(a.shape, a.dtype.name), x))
        return seen(Changed(sentence, diff=diff), Problem(twin, x, *others))


@contextlib.contextmanager
def _running(function: Any, other: Any) -> Iterator[None]:
    """A function runs the code of another one, whatever has taken hold of it before."""
    code = function.__code__
    function.__code__ = other.__code__
    try:
        yield
    finally:
        function.__code__ = code


def _last_axis(misbuilt):
    """Edits of `build`: the index of the axis becomes -1, wherever it stands, and at each place."""
    axes = (misbuilt.axis, misbuilt.axis - len(misbuilt.given))

    def edit_at(places):
        def edit(text):
            pairs, written = _indices(text, axes), []
            chosen = [pair for i, pair in enumerate(pairs) if places is None or i in places]
            if not chosen or (places and len(pairs) < 2):
                return None
            for node, new in chosen:
                written.append(f"{new} in place of {ast.unparse(node)} in build")
            return ", ".join(dict.fromkeys(written)), all_replaced(text, chosen)

        return edit

    return [edit_at(None), *(edit_at({place}) for place in range(_MOST))]


def _indices(text, axes):
    """Where `build` takes the size of one of these axes, each with what takes that of the last."""
    tree = ast.parse(text)
    build = next(
        one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name == "build"
    )
    found, named = [], {}
    for node in ast.walk(build):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            if _number(node.slice) in axes and isinstance(node.value, (ast.Name, ast.Subscript)):
                found.append((node, f"{ast.unparse(node.value)}[-1]"))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            for target in node.targets:
                parts = target.elts if isinstance(target, ast.Tuple) else []
                if axes[0] < len(parts) == axes[0] - axes[1]:
                    named[getattr(parts[axes[0]], "id", "")] = f"{node.value.id}[-1]"
    for node in ast.walk(build):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in named:
            found.append((node, named[node.id]))
    return found


def _number(node):
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
