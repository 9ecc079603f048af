"""A remedy for weights that a call assigns a function of themselves: it is their constraint."""

import ast
import textwrap
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._obey import measured, move
from constrainit.doctor._code import kind_of_layer, named_once, of_self
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._edits import with_argument, without
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._rewriting import become, rewritten, scope_of, source_of

_NONNEGATIVE = "keras.constraints.NonNeg()"


def assigned_by_constraints(problem, evidence, found):
    """The classes of layers with a constraint in place of what `call` assigns to a weight.

    Only where that is computed of the weight alone: a state of the layer is no member of a set.
    """
    paths = {finding.weight for finding in found}
    records = [r for r in evidence.assigned if r.path in paths and is_custom(r.layer)]
    changes, diffs, kinds = [], [], {}
    for record in records:
        owner, name = kind_of_layer(record.layer), _attribute(record)
        rule = _rule(owner, record, name)
        if not rule:
            return None
        if (owner, name) not in kinds:
            made = rewritten(kinds.get(owner, owner), _in_place(name, rule))
            if made is None:
                return None
            new, sentence, diff = made
            kinds[owner, name] = kinds[owner] = new
            changes.append(sentence)
            diffs.append(diff)
        record.variable.constraint = _made(owner, record, rule)
    if not changes:
        return None
    for record in records:
        become(record.layer, kinds[kind_of_layer(record.layer)])
    moved = move(measured(problem.model, paths))
    return Changed(
        "; ".join(changes) + (", and the weights start inside" if moved else ""),
        with_other(problem),
        "ci.project(model)" if moved else "",
        "\n".join(diffs),
    )


def _attribute(record):
    """The name by which its layer holds a weight."""
    held = vars(record.layer).items()
    return next((name for name, value in held if value is record.variable), "")


def _made(owner, record, rule):
    """The constraint as an object."""
    if rule == _NONNEGATIVE:
        return keras.constraints.NonNeg()
    return eval(rule, {**scope_of(owner), "self": record.layer})


def _rule(owner, record, name):
    """The constraint as it is written, that does to a weight what a call assigns; or nothing."""
    found = source_of(owner)
    text = textwrap.dedent("".join(found[0])) if found and name else ""
    taken = _assigned(text, name) if text else None
    if taken is None:
        return ""
    _, expression, locals_ = taken
    free = {n.id for n in ast.walk(expression) if isinstance(n, ast.Name)}
    own = {one for n in ast.walk(expression) if (one := of_self(n))} - {name}
    if free & locals_ or any(isinstance(vars(record.layer).get(n), keras.Variable) for n in own):
        return ""
    rule = f"lambda w: {ast.unparse(expression).replace(f'self.{name}', 'w')}"
    draw = np.random.default_rng(0).normal(size=record.shape)
    try:
        image = to_numpy(_made(owner, record, rule)(ops.cast(draw, record.dtype)))
    # What stands alone may lack something that only the call knows.
    except Exception:
        return ""
    given = to_numpy(ops.cast(draw, record.dtype))
    return _NONNEGATIVE if np.array_equal(image, np.maximum(given, 0)) else rule


def _assigned(text, name) -> Any:
    """The statement of `call` that assigns to a weight, what it assigns, and the names there."""
    methods = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    called = [method for method in methods if method.name == "call"]
    found: list[Any] = [
        one for method in called for one in method.body
        if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call)
        and isinstance(one.value.func, ast.Attribute) and one.value.func.attr == "assign"
        and of_self(one.value.func.value) == name and len(one.value.args) == 1
    ]  # fmt: skip
    if len(called) != 1 or len(found) != 1:
        return None
    known, nodes = named_once(called[0]), list(ast.walk(called[0]))
    value = found[0].value.args[0]
    value = known.get(value.id, value) if isinstance(value, ast.Name) else value
    arguments = {n.arg for n in nodes if isinstance(n, ast.arg)} - {"self"}
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return found[0], value, arguments | stored


def _in_place(name, rule):
    """An edit: the weight is made with a constraint, and `call` assigns nothing to it."""

    def edit(text):
        taken = _assigned(text, name)
        shorter = without(text, taken[0]) if taken else ""
        calls = [
            ast.unparse(n.value) for n in ast.walk(ast.parse(shorter))
            if isinstance(n, ast.Assign) and any(of_self(t) == name for t in n.targets)
        ]  # fmt: skip
        if len(calls) != 1 or not calls[0].startswith("self.add_weight("):
            return None
        new = with_argument(
            shorter, "constraint", rule,
            lambda node: of_self(node.func) == "add_weight" and ast.unparse(node) == calls[0],
        )  # fmt: skip
        said = f"{name} has a constraint, in place of what call assigns to it"
        return (said, new) if new else None

    return edit
