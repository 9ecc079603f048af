"""An edit of a constraint that adds random numbers to its weight: without them."""

import ast

from constrainit.doctor._code import called_of, named_once, of_self
from constrainit.doctor.treatments._edits import all_replaced, draws_by_keras

_MODULES = ("np.random", "numpy.random", "tf.random", "torch")
_DRAWS = ("randn", "rand", "randn_like", "rand_like", "normal", "uniform", "truncated_normal")


def without_noise(text):
    """What is called with a weight, with no random numbers added to it, or to what scales it.

    With a seed they would be the same at each update, and add up.
    """
    function, _ = called_of(text)
    if function is None:
        return None
    noise = {name for name, value in named_once(function).items() if _is_drawn(value, set())}
    sums = [
        (node, new)
        for node in ast.walk(function)
        if isinstance(node, ast.BinOp) and (new := _rest(node, noise)) is not None
    ]
    # Of sums of sums, the inner one is that of the noise.
    inner = [
        (node, ast.unparse(new))
        for node, new in sums
        if not any(
            part is other for other, _ in sums for part in ast.walk(node) if part is not node
        )
    ]
    if not inner:
        return None
    return "no random numbers are added", all_replaced(text, inner)


def _rest(node, noise):
    """What a sum is without the side that is drawn; None of all else.

    A number other than one is beside a start that is drawn, such as that of a power iteration.
    """
    if not isinstance(node.op, (ast.Add, ast.Sub)):
        return None
    left, right = (_is_drawn(side, noise) for side in (node.left, node.right))
    if left == right or (left and isinstance(node.op, ast.Sub)):
        return None
    rest = node.right if left else node.left
    small = isinstance(rest, ast.Constant) and rest.value != 1
    return None if small or of_self(rest) else rest


def _is_drawn(node, noise):
    """Whether random numbers, or a product of them, are what is given."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        right = isinstance(node.op, ast.Mult) and _is_drawn(node.right, noise)
        return right or _is_drawn(node.left, noise)
    if isinstance(node, ast.Name):
        return node.id in noise
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    named = ast.unparse(node.func.value) in _MODULES and node.func.attr in _DRAWS
    return named or draws_by_keras(node)
