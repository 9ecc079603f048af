"""An edit of the user's source: a matrix less its transpose, in place of their sum."""

import ast

from constrainit.doctor.treatments._edits import all_replaced

_TRANSPOSES = ("transpose", "swapaxes", "matrix_transpose", "t", "permute", "moveaxis")


def made_skew(text):
    """The sums of something and its own transpose, as differences; None if there are none."""
    sums = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _is_symmetric(node)
    ]
    if not sums:
        return None
    new = [(node, ast.unparse(ast.BinOp(node.left, ast.Sub(), node.right))) for node in sums]
    return "a matrix less its transpose, which is skew-symmetric", all_replaced(text, new)


def _is_symmetric(node):
    left, right = ast.unparse(node.left), ast.unparse(node.right)
    return _transposed(node.right) == left or _transposed(node.left) == right


def _transposed(node):
    """What an expression is the transpose of, as text; None if it is none."""
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        return ast.unparse(node.value)
    if not isinstance(node, ast.Call):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    if name not in _TRANSPOSES:
        return None
    # A method of the matrix, such as `w.swapaxes(-1, -2)`, or a function that is given it.
    if node.args and not isinstance(node.args[0], (ast.Constant, ast.UnaryOp)):
        return ast.unparse(node.args[0])
    return ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else None
