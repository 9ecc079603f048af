"""Remedies for an order, a sign or an axis that is the opposite of what is meant."""

import ast
from typing import Any

import numpy as np

from constrainit.doctor._code import as_kind, is_of_library, kind_of_layer
from constrainit.doctor._constraint_calls import another, arguments_of, called
from constrainit.doctor._ordered_against import Turned
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._calls import with_argument
from constrainit.doctor.treatments._edits import all_replaced
from constrainit.doctor.treatments._pastes import given, variable
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments._rewriting import kind_of, rewritten
from constrainit.doctor.treatments.axes import call_of
from constrainit.doctor.treatments.starts import start_at

_ROUNDING = 1e-5

_WORDS = (
    ("increasing", "decreasing"), ("ascending", "descending"), ("rising", "falling"), ("up", "down")
)  # fmt: skip


def the_other_way_round(problem, evidence, found):
    """Each order turned: by an argument of its constraint, else by an edit of its class."""
    said, sets, diffs, starts, paths = [], {}, [], [], {finding.weight for finding in found}
    for one in [one for one in evidence.ordered_against if one.record.path in paths]:
        record = one.record
        done = _by_argument(record, one.axis) or _by_an_edit(record, one.axis)
        if done is None:
            continue
        sentence, other, diff = done
        record.variable.constraint = other
        start = to_numpy(record.variable)
        start_at(record, np.flip(start, one.axis).copy())
        if not np.array_equal(start, to_numpy(record.variable)):
            sentence += ", and its start so"
            starts.append(_start(variable(problem, record), one.axis))
        said.append(sentence)
        diffs.append(diff)
        if not diff:
            sets[record.path] = call_of(other)
    if not said:
        return None
    code = "".join([given(problem, sets) if sets else "", *starts])
    return Changed(", ".join(said), code=code, diff="\n".join(dict.fromkeys(filter(None, diffs))))


def _start(weight, axis):
    return f"weight = {weight}\nweight.assign({_flipped('weight', axis)})\n"


def _by_argument(record, axis):
    """The constraint with the other direction, where one of its arguments says it."""
    constraint = record.constraint
    for name, value in arguments_of(constraint).items():
        new = _opposite(value)
        if new is None:
            continue
        other = another(constraint, name, new)
        if _is_turned(record, other, axis):
            kinds = [kind_of_layer(record.layer)] if is_custom(record.layer) else []
            kinds += [] if is_of_library(type(constraint).__module__) else [type(constraint)]
            diff = with_argument(kinds, type(constraint), name, _is_the(value), new, 1)
            return f"{call_of(other)} for {record.path}", other, diff
    return None


def _opposite(value: Any) -> Any:
    """What an argument is for the other direction; None for what is no direction."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)) and abs(value) == 1:
        return -value
    if isinstance(value, str):
        for pair in _WORDS:
            if value.lower() in pair:
                other = pair[1 - pair.index(value.lower())]
                return other.upper() if value.isupper() else other
    return None


def _is_the(value):
    return lambda one: type(one) is type(value) and one == value


def _is_turned(record, other, axis):
    """Whether a constraint does what that of a weight does from the other end of an axis."""
    turned, draws = Turned(record.constraint, axis), np.random.default_rng(0)
    for _ in range(3):
        draw = draws.normal(size=record.shape).astype("float32")
        one, wanted = called(record, draw, other), called(record, draw, turned)
        if one is None or wanted is None or not np.allclose(one, wanted, atol=_ROUNDING):
            return False
    return True


def _by_an_edit(record, axis):
    """The class or function of a constraint that takes its weight from the other end."""
    made = _edited(record, lambda text: _flipped(text, axis), f"from the other end of axis {axis}")
    return made if made is not None and _is_turned(record, made[1], axis) else None


def with_the_other_sign(problem, evidence, found):
    """A constraint that takes its weight with the other sign, in which the start is a member."""
    paths = {finding.weight for finding in found} & evidence.lost_inside
    return _inside_then(evidence, paths, _negative, "with the other sign")


def transposed(problem, evidence, found):
    """Constraints that take the transpose of their weight, of which the start is a member."""
    paths = {finding.weight for finding in found} & evidence.transposed
    return _inside_then(evidence, paths, _transpose, "transposed")


def _inside_then(evidence, paths, around, how):
    """The edits of the constraints of some weights that leave their starts as they are."""
    said, diffs = [], []
    for record in [one.record for one in evidence.constraints if one.record.path in paths]:
        done = _edited(record, around, how)
        if done is None:
            continue
        start = to_numpy(record.variable)
        image = called(record, start, done[1])
        if image is None or not np.allclose(image, start, atol=_ROUNDING):
            continue
        record.variable.constraint = done[1]
        said.append(done[0])
        diffs.append(done[2])
    if not said:
        return None
    return Changed(", ".join(dict.fromkeys(said)), diff="\n".join(dict.fromkeys(diffs)))


def _edited(record, around, how):
    """A constraint with something around what it takes and gives: its text, itself and a diff."""
    constraint = record.constraint
    kind = kind_of(constraint)
    made = None if is_of_library(kind.__module__) else rewritten(kind, _with_around(around, how))
    if made is None:
        return None
    new, sentence, diff = made
    return sentence, new if kind is constraint else as_kind(constraint, new), diff


def _with_around(around, how):
    """An edit: a constraint does something to its weight first, and again to what it gives."""

    def edit(text):
        functions: list[Any] = [
            one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)
        ]
        own = next((one for one in functions if one.name == "__call__"), None)
        own = functions[0] if own is None and len(functions) == 1 else own
        if own is None:
            return None
        weight = next((one.arg for one in own.args.args if one.arg != "self"), None)
        returns: list[Any] = [one for one in ast.walk(own) if isinstance(one, ast.Return)]
        if weight is None or not returns or any(one.value is None for one in returns):
            return None
        changes = [(one.value, around(ast.unparse(one.value))) for one in returns]
        lines = all_replaced(text, changes).splitlines(keepends=True)
        first: Any = own.body[1 if ast.get_docstring(own) and len(own.body) > 1 else 0]
        first_line = f"{' ' * first.col_offset}{weight} = {around(weight)}\n"
        lines.insert(first.lineno - 1, first_line)
        return f"the constraint takes {weight} {how}", "".join(lines)

    return edit


def _negative(text):
    return f"-{text}" if text.isidentifier() else f"-({text})"


def _transpose(text):
    return f"keras.ops.transpose({text})"


def _flipped(text, axis):
    return f"keras.ops.flip({text}, axis={axis})"
