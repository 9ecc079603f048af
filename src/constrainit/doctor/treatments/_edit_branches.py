"""Edits of constraints with branches: of Python's `if`, and of one that gives nothing."""

import ast

from constrainit.doctor._code import called_of
from constrainit.doctor.treatments._edits import end_of, replaced

_OF_SHAPE = ("shape", "ndim", "dtype", "size")
_NUMBERS = ("bool", "float", "int")
_READ = ("item", "numpy", "tolist")
_FUNCTIONS = (ast.FunctionDef, ast.Lambda)


def without_branches(text: str) -> tuple[str, str] | None:
    """`keras.ops.where` in place of each `if` that depends on the weight.

    A branch that returns, or that assigns to one name, has such a form; where one has another,
    nothing is edited.
    """
    new = text
    while (found := _next_branch(new)) is not None:
        done = _as_where(new, *found)
        if done is None:
            return None
        new = done
    return ("keras.ops.where in place of Python's `if`", new) if new != text else None


def in_each_branch(text: str, function: ast.FunctionDef, weight: str) -> tuple[str, str] | None:
    """A constraint that returns its weight also where it returned nothing.

    Args:
        text: The source.
        function: What is called in it, which returns something in a branch at least.
        weight: The name of the weight there.
    """
    inner = [n for n in ast.walk(function) if isinstance(n, _FUNCTIONS) and n is not function]
    within = {id(part) for one in inner for part in ast.walk(one)}
    returns = [n for n in ast.walk(function) if isinstance(n, ast.Return) and id(n) not in within]
    empty = [n for n in returns if n.value is None or ast.unparse(n.value) == "None"]
    if not weight or len(empty) == len(returns):
        return None
    lines = text.splitlines(keepends=True)
    if _goes_on(function.body):
        last = function.body[-1]
        lines.insert(last.end_lineno or 0, f"{' ' * last.col_offset}return {weight}\n")
    new = "".join(lines)
    for node in sorted(empty, key=end_of, reverse=True):
        new = replaced(new, node, f"return {weight}")
    return (f"it returns {weight} in each of its branches", new) if new != text else None


def _goes_on(statements):
    """Whether what comes after some statements may be reached."""
    last = statements[-1]
    if isinstance(last, (ast.Return, ast.Raise)):
        return False
    both = isinstance(last, ast.If) and last.orelse
    return not both or _goes_on(last.body) or _goes_on(last.orelse)


def _next_branch(text):
    """The names that depend on the weight, and the last branch that does; None without one."""
    function, method = called_of(text)
    if function is None or not (arguments := function.args.args[1 if method else 0 :]):
        return None
    names = {arguments[0].arg}
    nodes = sorted(
        (one for one in ast.walk(function) if isinstance(one, (ast.stmt, ast.IfExp))), key=end_of
    )
    for node in nodes:
        if isinstance(node, (ast.Assign, ast.AugAssign)) and _depends(node.value, names):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {one.id for one in targets if isinstance(one, ast.Name)}
    tests = [one for one in nodes if isinstance(one, (ast.If, ast.IfExp))]
    asked = [one for one in tests if _depends(one.test, names)]
    # The branches within another one are read with it.
    outer = [one for one in asked if isinstance(one, ast.IfExp) or not _within(one, asked)]
    return (function, outer[0], names) if outer else None


def _within(node, others):
    return any(node is not one and node in ast.walk(one) for one in others)


def _depends(node, names):
    """Whether an expression takes the entries of one of the names, not its shape alone."""
    if isinstance(node, ast.Attribute) and node.attr in _OF_SHAPE:
        return False
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
        *_OF_SHAPE, "len", "isinstance", "hasattr",
    ):  # fmt: skip
        return False
    if isinstance(node, ast.Name):
        return node.id in names
    return any(_depends(child, names) for child in ast.iter_child_nodes(node))


def _as_where(text, function, node, names):
    """The source with one branch as a choice between two tensors."""
    if isinstance(node, ast.IfExp):
        parts = _condition(node.test, names), ast.unparse(node.body), ast.unparse(node.orelse)
        return replaced(text, node, f"keras.ops.where({', '.join(parts)})")
    for body in [getattr(one, "body", ()) for one in ast.walk(function)]:
        if isinstance(body, list) and node in body:
            rest = body[body.index(node) :]
            value = _returned(rest, names)
            if value is not None:
                return _until(text, node, rest[-1], f"return {value}")
    assigned = _assigned(node, names)
    return assigned and _until(text, node, node, f"{assigned[0]} = {assigned[1]}")


def _until(text, first, last, new):
    """The source with a statement in place of those from one to another."""
    lines = text.splitlines(keepends=True)
    indent = lines[first.lineno - 1][: first.col_offset]
    lines[first.lineno - 1 : last.end_lineno] = [f"{indent}{new}\n"]
    return "".join(lines)


def _returned(statements, names):
    """What a list of statements returns, as one expression; None where that can not be said."""
    first, *rest = statements
    if isinstance(first, ast.Return) and first.value is not None and not rest:
        return ast.unparse(first.value)
    if not isinstance(first, ast.If) or not _depends(first.test, names):
        return None
    others = first.orelse or rest
    if not others or (first.orelse and rest):
        return None
    values = _returned(first.body, names), _returned(others, names)
    if None in values:
        return None
    return f"keras.ops.where({_condition(first.test, names)}, {values[0]}, {values[1]})"


def _assigned(node, names):
    """The name that both branches give a value, and the choice between the two."""
    made = _value(node.body, names)
    other = _value(node.orelse, names) if node.orelse else made and (made[0], made[0])
    if made is None or other is None or made[0] != other[0]:
        return None
    return made[0], f"keras.ops.where({_condition(node.test, names)}, {made[1]}, {other[1]})"


def _value(statements, names):
    if len(statements) != 1:
        return None
    [one] = statements
    if isinstance(one, ast.If):
        return _assigned(one, names)
    if isinstance(one, ast.AugAssign) and isinstance(one.target, ast.Name):
        return one.target.id, ast.unparse(ast.BinOp(one.target, one.op, one.value))
    if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
        return one.targets[0].id, ast.unparse(one.value)
    return None


def _condition(test, names):
    """A condition on tensors: `and`, `or`, `not` and chains as functions, no numbers read."""
    if isinstance(test, ast.BoolOp):
        word = "and" if isinstance(test.op, ast.And) else "or"
        parts = [_condition(one, names) for one in test.values]
        made = parts[0]
        for part in parts[1:]:
            made = f"keras.ops.logical_{word}({made}, {part})"
        return made
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return f"keras.ops.logical_not({_condition(test.operand, names)})"
    if isinstance(test, ast.Compare) and len(test.ops) > 1:
        sides = [test.left, *test.comparators]
        pairs = zip(sides[:-1], test.ops, sides[1:], strict=True)
        links: list[ast.expr] = [ast.Compare(a, [how], [b]) for a, how, b in pairs]
        return _condition(ast.BoolOp(ast.And(), links), names)
    return ast.unparse(_Tensors().visit(test))


class _Tensors(ast.NodeTransformer):
    """`float(x)` and `x.item()` as `x`: a number that is read of a tensor."""

    def visit_Call(self, node):
        self.generic_visit(node)
        if ast.unparse(node.func) in _NUMBERS and len(node.args) == 1:
            return node.args[0]
        if isinstance(node.func, ast.Attribute) and node.func.attr in _READ and not node.args:
            return node.func.value
        return node
