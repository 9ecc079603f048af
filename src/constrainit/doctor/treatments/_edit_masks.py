"""Products of softmaxes with masks in the user's own code: where they stand, and edits of them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from constrainit.doctor.treatments._edit_losses import as_operand
from constrainit.doctor.treatments._edits import end_of, replaced

_RESHAPING = ("expand_dims", "reshape", "squeeze", "transpose", "cast", "unsqueeze")
_DRAWS = ("random", "dropout", "normal", "uniform")


@dataclass(frozen=True)
class Masking:
    """A factor of what a softmax is given, or of what it gives.

    Attributes:
        before: Whether it is a factor of what it is given.
        mask: The factor, as it is written.
        product: The product, as it is written.
        place: Which of the maskings at a line it is.
        softmax: The call of the softmax, as it is written.
        axis: Along which axis the softmax runs, as far as that is written.
    """

    before: bool
    mask: str
    product: str
    place: int
    softmax: str
    axis: int


def maskings(text: str, line_text: str) -> list[Masking]:
    """The factors of what a softmax on a line is given or gives that can be computed anew."""
    return [
        Masking(before, ast.unparse(mask), ast.unparse(product), i, ast.unparse(call), _axis(call))
        for i, (before, mask, product, call, _) in enumerate(_found(text, line_text))
    ]


def masked_first(line_text: str, place: int) -> Any:
    """An edit: a mask hides what it hides from the softmax; or what it leaves is shared anew."""

    def edit(text):
        found = list(_found(text, line_text))
        if place >= len(found):
            return None
        before, mask, product, call, statement = found[place]
        if before:
            given = call.args[0]
            pair = _pair(given)
            own = next((one for one in pair if one is not mask), given) if mask in pair else given
            new = f"keras.ops.where({as_operand(mask)} != 0, {ast.unparse(own)}, -1e9)"
            said = f"what {ast.unparse(mask)} hides is -1e9 for the softmax, and no longer 0"
            return said, replaced(text, given, new)
        said = f"what {ast.unparse(mask)} leaves of the shares is divided by its sum"
        name = _assigned(statement, product)
        if name is None:
            return said, replaced(text, product, f"({_shared(ast.unparse(product), _axis(call))})")
        lines = text.splitlines(keepends=True)
        last = end_of(statement)[0]
        indent = lines[statement.lineno - 1][: statement.col_offset]
        lines.insert(last, f"{indent}{name} = {_shared(name, _axis(call))}\n")
        return said, "".join(lines)

    return edit


def _shared(one, axis):
    one = one if one.isidentifier() else f"({one})"
    total = f"keras.ops.sum({one}, axis={axis}, keepdims=True)"
    return f"{one} / keras.ops.maximum({total}, 1e-9)"


def _found(text, line_text) -> Iterator[tuple[bool, Any, Any, Any, Any]]:
    """Whether before the softmax, the factor, the product, the softmax, the statement."""
    tree, lines = ast.parse(text), text.splitlines()
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    calls: list[Any] = [one for one in ast.walk(tree) if _is_softmax(one)]
    for call in calls:
        within = [one for one in functions if _holds(one, call)]
        if lines[call.lineno - 1].strip() != line_text or not within:
            continue
        statements = [one for one in ast.walk(within[-1]) if isinstance(one, ast.stmt)]
        own = next(one for one in reversed(statements) if _holds(one, call))
        for product in _before(call, statements):
            yield from ((True, f, product, call, own) for f in _factors(product) if _is_pure(f))
        for product, statement in _after(call, own, statements):
            others = [f for f in _factors(product) if not _holds(f, call)]
            yield from ((False, f, product, call, statement) for f in others if _is_pure(f))


def _is_softmax(node):
    if not isinstance(node, ast.Call) or not node.args:
        return False
    name = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
    return "softmax" in name.lower() and "log" not in name.lower()


def _axis(call):
    """A softmax runs along the last axis, unless it says another one by its number."""
    given = [*call.args[1:2], *(one.value for one in call.keywords if one.arg in ("axis", "dim"))]
    try:
        return next((ast.literal_eval(one) for one in given), -1)
    except ValueError:
        return -1


def _holds(node, part):
    return any(one is part for one in ast.walk(node))


def _before(call, statements):
    """The products that a softmax is given: as they are, or by a name that they were given."""
    given = call.args[0]
    if not isinstance(given, ast.Name):
        return [given]
    before = [
        one for one in statements
        if one.lineno < call.lineno and given.id in _targets(one)
    ]  # fmt: skip
    last = max(before, key=lambda one: one.lineno, default=None)
    if isinstance(last, ast.AugAssign):
        return [ast.BinOp(last.target, last.op, last.value)]
    return [last.value] if isinstance(last, ast.Assign) else []


def _after(call, own, statements):
    """The products of what a softmax gives, in its statement or of the name that it has there."""
    top, parents = call, {id(c): n for n in ast.walk(own) for c in ast.iter_child_nodes(n)}
    while (parent := parents.get(id(top))) is not None and _reshapes(parent, top):
        top = parent
    whole = top
    while (parent := parents.get(id(whole))) is not None and whole in _pair(parent):
        whole = parent
    if whole is not top:
        over = parents.get(id(whole))
        return (
            [] if isinstance(over, ast.BinOp) and isinstance(over.op, ast.Div) else [(whole, own)]
        )
    names = _targets(own) if isinstance(own, ast.Assign) and own.value is top else []
    for later in [one for one in statements if one.lineno > own.lineno] if names else ():
        if isinstance(later, ast.AugAssign) and names[0] in _targets(later):
            return [(ast.BinOp(ast.Name(names[0]), later.op, later.value), later)]
        for node in [] if hasattr(later, "body") else ast.walk(later):
            if any(isinstance(one, ast.Name) and one.id == names[0] for one in _pair(node)):
                return [(node, later)]
    return []


def _assigned(statement, product):
    """The name that a statement gives to a product as it is, or None."""
    names = _targets(statement)
    whole = isinstance(statement, ast.AugAssign) or getattr(statement, "value", None) is product
    return names[0] if names and whole else None


def _targets(statement):
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
    return [one.id for one in targets if isinstance(one, ast.Name)]


def _reshapes(node, part):
    if isinstance(node, ast.Subscript):
        return node.value is part
    name = getattr(getattr(node, "func", None), "attr", "")
    return isinstance(node, ast.Call) and name in _RESHAPING and part in node.args


def _pair(node) -> list[Any]:
    """The two factors of a product; an empty list of anything else."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [node.left, node.right]
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("multiply", "mul"):
        return list(node.args[:2])
    return []


def _factors(node):
    """All factors of a product, quotients by others included."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _factors(node.left) if _is_product(node.left) else []
    return [leaf for one in _pair(node) for leaf in (_factors(one) or [one])]


def _is_product(node):
    return bool(_pair(node)) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))


def _is_pure(node):
    """Whether an expression calls functions of modules and methods of tensors alone."""
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
    names = [ast.unparse(one.func) for one in calls]
    drawn = any(word in name for name in names for word in _DRAWS)
    return not drawn and not any(name == "self" or name.startswith("self.") for name in names)
