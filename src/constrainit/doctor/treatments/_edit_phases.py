"""An edit of the user's source: what a layer computes in training, in prediction, too."""

import ast
import textwrap

from constrainit.doctor.treatments._edits import draws_by_keras, end_of, replaced

_RANDOM = ("random", "dropout", "noise")


def as_in_training(text):
    """The branches of `call` that ask whether the model trains, as they are where it does.

    None without any, and where one of them draws random numbers.
    """
    tests = [(node, negated) for node, negated in _tests(ast.parse(text)) if negated is not None]
    if not tests or any(_is_drawn(node) for node, _ in tests):
        return None
    for node, negated in sorted(tests, key=lambda one: end_of(one[0]), reverse=True):
        if isinstance(node, ast.IfExp):
            kept = node.orelse if negated else node.body
            text = replaced(text, node, f"({ast.unparse(kept)})")
        else:
            text = _with_statements(text, node, node.orelse if negated else node.body)
    return "the same in prediction as in training", text


def _tests(tree):
    """The branches that ask for `training`, and whether they ask for its contrary."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.If, ast.IfExp)):
            yield node, _is_negated(node.test)


def _is_negated(test):
    """Whether a condition is that of prediction; None of what is no question of the two."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return True if _is_training(test.operand) else None
    return False if _is_training(test) else None


def _is_training(node):
    return isinstance(node, ast.Name) and node.id == "training"


def _is_drawn(node):
    return any(
        isinstance(one, ast.Call)
        and (draws_by_keras(one) or any(word in ast.unparse(one.func) for word in _RANDOM))
        for one in ast.walk(node)
    )


def _with_statements(text, node, kept):
    """The source with some of the statements of a branch in its place."""
    lines = text.splitlines(keepends=True)
    indent = " " * node.col_offset
    block = "".join(lines[kept[0].lineno - 1 : kept[-1].end_lineno]) if kept else "pass\n"
    lines[node.lineno - 1 : node.end_lineno] = [textwrap.indent(textwrap.dedent(block), indent)]
    return "".join(lines)
