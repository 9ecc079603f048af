"""An edit of a source: a product of many steps is normalized in each, and the logarithms added."""

import ast
from typing import Any

from constrainit.doctor._products import keeps_rows, named, product_at
from constrainit.doctor.treatments._edits import end_of, replaced

_TOTAL, _LOGS = "total", "logs"


def normalized_in_each_step(line_text):
    """An edit: what a recursion multiplies is divided by its sum in each step.

    The logarithms of the sums are added up, and to that of the last product. None where the
    recursion is not plain to see, or the logarithm is not that of its sum along the last axis.
    """

    def edit(text):
        lines = [line.strip() for line in text.splitlines()]
        if lines.count(line_text) != 1:
            return None
        made = product_at(ast.parse(text), lines.index(line_text) + 1)
        names = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
        if made is None or not made.name or names & {_TOTAL, _LOGS}:
            return None
        if not keeps_rows(made.loop or made.step, made.name):
            return None
        ops = ast.unparse(made.log.func.value) if isinstance(made.log.func, ast.Attribute) else ""
        along = _along(made.log.args[0])
        if ops.split(".")[-1] != "ops" or along is None:
            return None
        pieces = [(made.log, f"({ast.unparse(made.log)} + {_LOGS}{along})")]
        found = _of_loop(made, ops) if made.loop is not None else _of_scan(made, ops)
        if found is None:
            return None
        more, added = found
        for node, new in sorted(pieces + more, key=lambda pair: end_of(pair[0]), reverse=True):
            if node.lineno != end_of(node)[0]:
                return None
            text = replaced(text, node, new)
        rows = text.splitlines(keepends=True)
        for number, column, new in sorted(added, reverse=True):
            rows[number:number] = [f"{' ' * column}{one}\n" for one in new]
        said = f"{made.name} is normalized in each step, and the logarithms of its sums added up"
        return said, "".join(rows)

    return edit


def _along(node: Any) -> str | None:
    """How the sums of all steps fit to that whose logarithm is taken; None if it is no such sum."""
    words = {word.arg: ast.unparse(word.value) for word in getattr(node, "keywords", ())}
    if named(node) != "sum" or len(node.args) != 1 or words.pop("axis", "") != "-1":
        return None
    return {None: "[..., 0]", "False": "[..., 0]", "True": ""}.get(words.pop("keepdims", None))


def _normalized(name, ops):
    return [
        f"{_TOTAL} = {ops}.sum({name}, axis=-1, keepdims=True)",
        f"{name} = {name} / {_TOTAL}",
        f"{_LOGS} = {_LOGS} + {ops}.log({_TOTAL})",
    ]


def _of_loop(made, ops):
    loop, last = made.loop, made.loop.body[-1]
    before = (loop.lineno - 1, loop.col_offset, [f"{_LOGS} = 0.0"])
    behind = (end_of(last)[0], last.col_offset, _normalized(made.name, ops))
    return [], [before, behind]


def _of_scan(made, ops):
    """The pieces of a scan whose outputs are of no use, and that carries one thing.

    Keras on TensorFlow takes for granted that what it gives in each step is as what it carries.
    """
    call: Any = made.scan.value
    step, target = made.step, made.scan.targets[0]
    ends = [n for n in ast.walk(step) if isinstance(n, ast.Return)]
    plain = named(call) == "scan" and len(call.args) == 3 and isinstance(target, ast.Tuple)
    if not plain or len(ends) != 1 or not isinstance(call.args[1], ast.Name):
        return None
    value: Any = ends[0].value
    start = call.args[1]
    carries = isinstance(value, ast.Tuple) and ast.unparse(value.elts[0]) == made.name
    carries = carries and len(value.elts) == 2
    last: Any = target.elts[0]
    unused = ast.unparse(target.elts[-1]) == "_" and isinstance(last, ast.Name)
    if not carries or not unused or step.args.args[0].arg != made.name:
        return None
    first = step.body[0]
    pieces = [
        (step.args.args[0], "carry"),
        *((one, f"({made.name}, {_LOGS})") for one in value.elts),
        (start, f"({start.id}, {ops}.zeros_like({start.id}[..., :1]))"),
        (last, f"({last.id}, {_LOGS})"),
    ]
    added = [
        (first.lineno - 1, first.col_offset, [f"{made.name}, {_LOGS} = carry"]),
        (ends[0].lineno - 1, ends[0].col_offset, _normalized(made.name, ops)),
    ]
    return pieces, added
